// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"

	"github.com/securecrypt/securecrypt/protocol"
)

func (ss *session) letterSend(r *protocol.LetterSend) (protocol.Body, error) {
	s := ss.s
	if err := ss.limited(s.limiters.letter, 1); err != nil {
		return nil, err
	}
	refs, err := s.devicesOf(r.Name)
	if err != nil {
		return nil, err
	}
	ref := DeviceRef{Name: r.Name, Device: r.Device}
	if !slices.Contains(refs, ref) {
		return nil, refuse(protocol.CodeNotFound)
	}
	if err := limitedBy(s.limiters.targetLetter, ref, 1, s.now()); err != nil {
		return nil, err
	}
	now := s.now()
	letter := LetterRow{Name: r.Name, Device: r.Device, Expires: unix(now, protocol.DefaultExpiry), Letter: r.Letter}
	seen := SeenRow{Name: r.Name, Device: r.Device, ID: r.ID, Hash: sha256.Sum256(r.Letter), Expires: unix(now, s.limits.SeenFor)}
	err = s.store.Update(s.ctx, func(tx WriteTx) error { return s.addLetter(tx.Mailboxes(), ref, letter, seen) })
	if errors.Is(err, errSeen) {
		return &protocol.Empty{}, nil
	}
	if err != nil {
		return nil, err
	}
	s.mailbox.wake(ref)
	s.publish(Wake{Mailbox: ref})
	return &protocol.Empty{}, nil
}

// errSeen says that the letter has been stored before.
var errSeen = errors.New("server: letter seen before")

func (s *Server) addLetter(boxes MailboxWriter, ref DeviceRef, letter LetterRow, seen SeenRow) error {
	before, err := boxes.Seen(ref, seen.ID)
	switch {
	case err == nil && before.Hash == seen.Hash:
		return errSeen
	case err == nil:
		return refuse(protocol.CodeExists)
	case !errors.Is(err, ErrNotFound):
		return err
	}
	box, err := boxes.Mailbox(ref)
	if err != nil {
		return err
	}
	if box.Letters >= s.limits.MaxMailboxLetters || box.Bytes+uint64(len(letter.Letter)) > s.limits.MaxMailboxBytes {
		return refuse(protocol.CodeQuotaExceeded)
	}
	return boxes.Add(letter, seen)
}

func (ss *session) mailboxOpen(r request, b *protocol.MailboxOpen) (protocol.Body, error) {
	s := ss.s
	if ss.letters != nil {
		s.mailbox.remove(ss.letters)
	}
	ss.answer(r.id, r.op, &protocol.Empty{}, nil)
	ss.letters = &letterFeed{s: s, out: ss.out, ref: *ss.identity, after: b.After}
	s.mailbox.add(ss.letters)
	ss.out.read(ss.letters)
	return nil, errLater
}

func (ss *session) mailboxDelete(b *protocol.MailboxDelete) (protocol.Body, error) {
	err := ss.s.store.Update(ss.s.ctx, func(tx WriteTx) error {
		return tx.Mailboxes().Delete(*ss.identity, b.UpTo)
	})
	return &protocol.Empty{}, err
}

// letterChunk is how many bytes of letters are read at a time.
const letterChunk = 128 << 10

// letterFeed delivers a mailbox. The writer of its outbox alone uses after and
// caughtUp.
type letterFeed struct {
	s        *Server
	out      *outbox
	ref      DeviceRef
	after    uint64
	caughtUp bool

	mu     sync.Mutex
	closed bool
}

func (f *letterFeed) isClosed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

func (f *letterFeed) next(ctx context.Context) (frames []byte, more bool, err error) {
	if f.isClosed() {
		return nil, false, nil
	}
	var letters []LetterRow
	err = f.s.store.View(ctx, func(tx ReadTx) error {
		letters, err = tx.Mailboxes().Letters(f.ref, f.after, letterChunk)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	frames = make([]byte, headerRoom, headerRoom+1024)
	now := f.s.now().Unix()
	for _, l := range letters {
		f.after = l.Seq
		if l.Expires <= now {
			continue
		}
		frames, err = protocol.Append(frames, protocol.KindEvent, 0, uint16(protocol.EventLetter), &protocol.Letter{Seq: l.Seq, Letter: l.Letter})
		if err != nil {
			return nil, false, err
		}
	}
	if len(letters) > 0 {
		return frames, true, nil
	}
	if !f.caughtUp {
		f.caughtUp = true
		frames, err = protocol.Append(frames, protocol.KindEvent, 0, uint16(protocol.EventMailboxCaughtUp), &protocol.Empty{})
	}
	return frames, false, err
}

// mailboxHub knows the mailboxes that are open.
type mailboxHub struct {
	mu    sync.Mutex
	feeds map[DeviceRef]map[*letterFeed]struct{}
}

func newMailboxHub() *mailboxHub {
	return &mailboxHub{feeds: map[DeviceRef]map[*letterFeed]struct{}{}}
}

func (h *mailboxHub) add(f *letterFeed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.feeds[f.ref] == nil {
		h.feeds[f.ref] = map[*letterFeed]struct{}{}
	}
	h.feeds[f.ref][f] = struct{}{}
}

func (h *mailboxHub) remove(f *letterFeed) {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.feeds[f.ref], f)
	if len(h.feeds[f.ref]) == 0 {
		delete(h.feeds, f.ref)
	}
}

// wake has the openings of a mailbox read from the store.
func (h *mailboxHub) wake(ref DeviceRef) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for f := range h.feeds[ref] {
		f.out.read(f)
	}
}
