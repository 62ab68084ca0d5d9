// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"slices"
	"sync"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/internal/connection"
)

// letterUnit is what a stranger's letter counts for at least, and in what its
// size is counted.
const letterUnit = 8 << 10

// letterSend stores a letter. Those of contacts, who show the mailbox's token,
// may fill all of it. Those of strangers may fill half, and each origin its share
// of that half, in time and in room.
func (ss *session) letterSend(r *protocol.LetterSend) (protocol.Body, error) {
	s := ss.s
	if err := ss.limited(fairness.RateLetterBytes, float64(len(r.Letter))); err != nil {
		return nil, err
	}
	ref := DeviceRef{Name: r.Name, Device: r.Device}
	stranger, err := s.isStranger(ref, r.Token)
	if err != nil {
		return nil, err
	}
	size := int64(len(r.Letter))
	if stranger {
		if err := ss.limitStranger(ref, size); err != nil {
			return nil, err
		}
	}
	if err := ss.reserveStoredBytes(size); err != nil {
		return nil, err
	}
	now := s.clock.Stamp()
	letter := LetterRow{Name: r.Name, Device: r.Device, Expires: unix(now, protocol.DefaultExpiry), Letter: r.Letter}
	seen := SeenRow{Name: r.Name, Device: r.Device, ID: r.ID, Hash: sha256.Sum256(r.Letter), Expires: unix(now, s.limits.SeenFor)}
	err = s.store.Update(s.ctx, func(tx WriteTx) error {
		if _, err := liveDevice(tx.Accounts(), ref); err != nil {
			return err // deleted or revoked meanwhile
		}
		return s.addLetter(tx.Mailboxes(), ref, letter, seen, stranger)
	})
	if err != nil {
		s.shares.Unkeep(ss.from, fairness.KeptRows, size)
	}
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

// isStranger reports whether a letter's token is not that of the mailbox.
func (s *Server) isStranger(ref DeviceRef, token []byte) (stranger bool, err error) {
	if len(token) == 0 {
		return true, nil
	}
	got := sha256.Sum256(token)
	err = s.store.View(s.ctx, func(tx ReadTx) error {
		want, err := tx.Mailboxes().Token(ref)
		stranger = want == [sha256.Size]byte{} || subtle.ConstantTimeCompare(want[:], got[:]) != 1
		return err
	})
	return stranger, err
}

// limitStranger takes a letter from the origin's share of what strangers may
// send to a device, and of the room that they may fill. It refuses letters to
// devices that do not exist; of one that got letters lately that is known.
func (ss *session) limitStranger(ref DeviceRef, size int64) error {
	s, now := ss.s, ss.s.now()
	units := float64((size + letterUnit - 1) / letterUnit)
	wait, ok, known := s.targets.letter.TakeKnown(ref, ss.from, units, now)
	if !known {
		refs, err := s.devicesOf(ref.Name)
		if err != nil {
			return err
		}
		if !slices.Contains(refs, ref) {
			return refuse(protocol.CodeNotFound)
		}
		wait, ok = s.targets.letter.Take(ref, ss.from, units, now)
	}
	if !ok {
		return &protocol.Error{Code: protocol.CodeRateLimited, RetryAfter: wait, Reason: protocol.ReasonRecipient}
	}
	if _, ok := s.targets.room.Take(ref, ss.from, units*letterUnit, now); !ok {
		return refuseFor(protocol.CodeQuotaExceeded, protocol.ReasonMailbox)
	}
	return nil
}

// mailboxToken sets by which token contacts are told from strangers.
func (ss *session) mailboxToken(b *protocol.MailboxToken) (protocol.Body, error) {
	err := ss.s.store.Update(ss.s.ctx, func(tx WriteTx) error {
		if _, err := liveDevice(tx.Accounts(), *ss.identity); err != nil {
			return err // deleted or revoked meanwhile
		}
		return tx.Mailboxes().SetToken(*ss.identity, b.Hash)
	})
	return &protocol.Empty{}, err
}

// errSeen says that the letter has been stored before.
var errSeen = errors.New("server: letter seen before")

func (s *Server) addLetter(boxes MailboxWriter, ref DeviceRef, letter LetterRow, seen SeenRow, stranger bool) error {
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
	letters, bytes := s.limits.MaxMailboxLetters, s.limits.MaxMailboxBytes
	if stranger {
		letters, bytes = (letters+1)/2, (bytes+1)/2
	}
	if box.Letters >= letters || box.Bytes+uint64(len(letter.Letter)) > bytes {
		return refuseFor(protocol.CodeQuotaExceeded, protocol.ReasonMailbox)
	}
	return boxes.Add(letter, seen)
}

func (ss *session) mailboxOpen(r request, b *protocol.MailboxOpen) (protocol.Body, error) {
	s := ss.s
	if ss.letters != nil {
		s.mailbox.remove(ss.letters)
	}
	ss.followsChain.Store(b.Chain)
	ss.answer(r.id, r.op, &protocol.Empty{}, nil)
	ss.letters = &letterFeed{s: s, out: ss.out, ref: *ss.identity, after: b.After}
	s.mailbox.add(ss.letters)
	ss.out.Read(ss.letters)
	return nil, errLater
}

func (ss *session) mailboxDelete(b *protocol.MailboxDelete) (protocol.Body, error) {
	empty := false
	err := ss.s.store.Update(Freeing(ss.s.ctx), func(tx WriteTx) error {
		if err := tx.Mailboxes().Delete(*ss.identity, b.UpTo); err != nil {
			return err
		}
		box, err := tx.Mailboxes().Mailbox(*ss.identity)
		empty = box.Letters == 0
		return err
	})
	if err == nil && empty {
		ss.s.targets.room.Reset(*ss.identity)
	}
	return &protocol.Empty{}, err
}

// letterFeed delivers a mailbox. The writer of its outbox alone uses after and
// caughtUp.
type letterFeed struct {
	s        *Server
	out      *connection.Outbox
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

func (f *letterFeed) Next(ctx context.Context, most int) (frames []byte, more bool, err error) {
	if f.isClosed() {
		return nil, false, nil
	}
	var letters []LetterRow
	var box MailboxRow
	err = f.s.store.View(ctx, func(tx ReadTx) error {
		if box, err = tx.Mailboxes().Mailbox(f.ref); err != nil {
			return err
		}
		letters, err = tx.Mailboxes().Letters(f.ref, f.after, most)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	frames = make([]byte, connection.HeaderRoom, connection.HeaderRoom+1024)
	now := f.s.clock.Expiry().Unix()
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
		frames, err = protocol.Append(frames, protocol.KindEvent, 0, uint16(protocol.EventMailboxCaughtUp), &protocol.MailboxState{Last: box.Last})
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
		f.out.Read(f)
	}
}
