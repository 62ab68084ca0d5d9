// SPDX-License-Identifier: AGPL-3.0-or-later

package mailbox

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/letter"
	"github.com/securecrypt/securecrypt/internal/codec/order"
	"github.com/securecrypt/securecrypt/protocol"
)

// maxKept bounds the letters that cannot be opened yet.
const maxKept = 256

// keep makes a letter this device's own business: it is stored, then deleted
// from the server, then opened, now or when its tree can be fetched.
func (m *Mailbox) keep(ctx context.Context, l *protocol.Letter) {
	var n uint64
	known, tried := false, false
	store := func() error {
		return m.config.Store.Update(func(tx *records.Tx) error {
			n = letterNumber(tx, l.Letter)
			at := records.Key(records.TableLetter, records.Number(n))
			there, err := tx.Get(at)
			if err != nil || there != nil {
				known = !tried // or else a disk stored it and failed afterwards
				return err
			}
			tried = true
			if err := records.UpdateProfile(tx, func(p *records.Profile) { p.Letters = max(p.Letters, l.Seq) }); err != nil {
				return err
			}
			return tx.Save(at, &records.KeptLetter{Version: records.Version, Letter: l.Letter, Received: m.config.Now().Unix()})
		})
	}
	wait := link.RetryFirst
	for err := store(); err != nil; err = store() { // the letters after it must not overtake it
		m.config.Log.Error("a letter could not be saved", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, link.MaxSaveRetryDelay)
	}
	m.release(l.Seq)
	if !known && m.isNewLetter(n) {
		m.open(ctx, n, l.Letter)
	}
}

// release has the server delete what is stored, up to a number. While it sends
// the letters that it had, that waits for the last one; afterwards it waits for
// the next one if the number leaps, as nothing says what was leaped over.
func (m *Mailbox) release(seq uint64) {
	leaps := seq > m.newest+1
	m.newest, m.shown = max(m.newest, seq), max(m.shown, seq)
	if m.drained && !leaps {
		m.deleteUpTo(seq)
	}
}

func (m *Mailbox) deleteUpTo(seq uint64) {
	if seq > 0 {
		m.link.Request(protocol.OpMailboxDelete, &protocol.MailboxDelete{UpTo: seq}, func(protocol.Body, error) {})
	}
}

// letterNumber names a letter by its content. Those of the server are not to be
// relied on: one that is too high must not hide the letters after it.
func letterNumber(tx *records.Tx, letter []byte) uint64 {
	return binary.BigEndian.Uint64(tx.Index(letter))
}

// maxHandledLetters limits how many handled letters are remembered.
const maxHandledLetters = 4096

// isNewLetter reports whether a letter was not dealt with before, since the client was
// opened: its server may show again what it was told to delete.
func (m *Mailbox) isNewLetter(n uint64) bool {
	if m.dealt[n] {
		return false
	}
	if len(m.dealt) >= maxHandledLetters {
		clear(m.dealt)
	}
	m.dealt[n] = true
	return true
}

// open opens a stored letter.
func (m *Mailbox) open(ctx context.Context, seq uint64, sealed []byte) {
	in, err := letter.Open(m.config.LetterKey, protocol.DeviceID(m.config.Self.Device), sealed)
	if err == nil {
		err = account.Address{Name: m.config.Self.Address.Name, Host: in.Host}.Validate()
	}
	if err == nil && in.Rejoin != nil {
		m.askedToRejoin(in)
		if err := m.forget(seq); err != nil {
			m.putOff()
		}
		return
	}
	if err != nil || in.Stash == nil {
		m.finishLetter(seq, in, err)
		return
	}
	job, err := m.decideTreeFetch(seq, in)
	if err != nil {
		m.finishLetter(seq, in, err)
		return
	}
	m.fetching[seq] = true
	m.trees.add(job)
	m.fetchTrees(ctx)
}

// askedToRejoin hands on what a device asks for, if it is the one that it says. Whether
// its account has it, the conversation finds out.
func (m *Mailbox) askedToRejoin(in letter.Invitation) {
	address, err := account.ParseAddress(in.Rejoin.Address)
	if err != nil || !in.Rejoin.Verify(protocol.DeviceID(m.config.Self.Device), &in) {
		return
	}
	m.config.Rejoin(in.Channel, account.Credential{Address: address, Device: account.SignatureKey(in.Rejoin.Key).ID()})
}

// finishLetter joins the conversation of an invitation. A letter that leads
// nowhere is deleted; one that may succeed later is kept.
func (m *Mailbox) finishLetter(seq uint64, in letter.Invitation, err error) {
	var joined *records.Conversation
	if err == nil {
		joined, err = m.Join(in, seq)
	}
	if err == nil || joined != nil && m.isJoinStored(joined) {
		m.config.Joined(joined)
		return
	}
	if errors.Is(err, errTreesSpent) {
		m.awaitBudget()
		return
	}
	if link.Retryable(err) || errors.Is(err, records.ErrStore) || errors.Is(err, errNotYet) || errors.Is(err, errChainBehind) {
		m.putOff()
		return
	}
	if !errors.Is(err, errBlocked) { // nobody is told: strangers write what they like, and there is nothing to be done
		m.config.Log.Warn("an invitation could not be opened", "error", err)
	}
	if err := m.forget(seq); err != nil {
		m.config.Log.Error("a letter could not be deleted", "error", err)
		m.putOff()
	}
}

// durable reports whether a conversation that was joined is stored although
// the store said that it failed: then the letter is gone with that, and nothing
// would lead to the conversation again.
func (m *Mailbox) isJoinStored(joined *records.Conversation) bool {
	var rec records.Conversation
	err := m.config.Store.View(func(tx *records.Tx) error {
		_, err := tx.Load(records.Key(records.TableConversation, tx.Index(joined.Channel[:])), &rec)
		return err
	})
	return err == nil && rec.Epoch == joined.Epoch && rec.Channel == joined.Channel
}

func (m *Mailbox) forget(seq uint64) error {
	return m.config.Store.Update(func(tx *records.Tx) error { return tx.Delete(records.Key(records.TableLetter, records.Number(seq))) })
}

// putOff has the stored letters opened later.
func (m *Mailbox) putOff() {
	if m.later == nil {
		m.later = time.After(m.lateness)
		m.lateness = min(2*m.lateness, link.RetryLast)
	}
}

// openKept opens the letters that could not be opened before. They are given
// up when what they point to has expired, the oldest earlier if there are too
// many.
func (m *Mailbox) openKept(ctx context.Context) {
	m.later = nil
	type kept struct {
		seq    uint64
		letter []byte
		since  int64
	}
	var all []kept
	err := m.config.Store.View(func(tx *records.Tx) error {
		return tx.Scan([]byte(records.TableLetter), false, func(k, v []byte) (bool, error) {
			var rec records.KeptLetter
			if err := records.Decode(v, &rec); err != nil {
				return false, err
			}
			all = append(all, kept{records.LastNumber(k), rec.Letter, rec.Received})
			return true, nil
		})
	})
	if err != nil {
		m.config.Log.Error("letters could not be read", "error", err)
		m.putOff()
		return
	}
	order.By(all, func(a, b kept) int { return cmp.Compare(a.since, b.since) })
	for i, l := range all {
		old := m.config.Now().Sub(time.Unix(l.since, 0)) > protocol.DefaultExpiry
		switch {
		case m.fetching[l.seq]:
		case old || len(all)-i > maxKept:
			if err := m.forget(l.seq); err != nil {
				m.putOff()
			}
		default:
			m.open(ctx, l.seq, l.letter)
		}
	}
	if len(all) == 0 {
		m.lateness = link.RetryFirst
	}
}
