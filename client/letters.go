// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/letter"
	"github.com/securecrypt/securecrypt/protocol"
)

// Bounds on letters that cannot be opened yet, so that strangers who send
// letters that lead nowhere hold nobody up.
const (
	maxKept       = 256
	fetchesAtOnce = 4
)

// fetchedTree is a letter whose ratchet tree was fetched, or was not.
type fetchedTree struct {
	seq uint64
	in  letter.Invitation
	err error
}

// keep makes a letter this device's own business: it is stored, then deleted
// from the server, then opened, now or when the server that it points to can
// be reached.
func (m *mailbox) keep(ctx context.Context, l *protocol.Letter) {
	known := false
	store := func() error {
		return m.client.store.update(func(tx *sealedTx) error {
			rec := keptLetterRecord{Version: recordVersion, Letter: l.Letter, Received: m.client.now().Unix()}
			err := updateProfile(tx, func(p *profileRecord) {
				known = l.Seq <= p.Letters
				p.Letters = max(p.Letters, l.Seq)
			})
			if err != nil {
				return err
			}
			at := key(tableLetter, number(l.Seq))
			if known { // unless a disk stored it and failed afterwards
				there, err := tx.get(at)
				known = there == nil
				return err
			}
			return tx.save(at, &rec)
		})
	}
	for err := store(); err != nil; err = store() { // the letters after it must not overtake it
		m.client.log.Error("a letter could not be saved", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(retryFirst):
		}
	}
	m.link.request(protocol.OpMailboxDelete, &protocol.MailboxDelete{UpTo: l.Seq}, func(protocol.Body, error) {})
	if !known {
		m.open(ctx, l.Seq, l.Letter)
	}
}

// open opens a stored letter.
func (m *mailbox) open(ctx context.Context, seq uint64, sealed []byte) {
	in, err := letter.Open(m.client.letter, protocol.DeviceID(m.client.self.device), sealed)
	if err == nil {
		err = account.Address{Name: m.client.self.address.Name, Host: in.Host}.Validate()
	}
	if err != nil || in.Stash == nil {
		m.conclude(seq, in, err)
		return
	}
	m.fetching[seq] = true
	m.client.spawn(func() {
		select {
		case m.room <- struct{}{}:
		case <-ctx.Done():
			return
		}
		in.Tree, err = m.client.fetchStash(ctx, in.Host, *in.Stash)
		<-m.room
		m.push(ctx, mailInput{fetched: &fetchedTree{seq, in, err}})
	})
}

// conclude joins what a letter invites to. A letter that leads nowhere is
// forgotten; one that may lead somewhere later stays.
func (m *mailbox) conclude(seq uint64, in letter.Invitation, err error) {
	var joined *convRecord
	if err == nil {
		joined, err = m.join(in, seq)
	}
	if err == nil || joined != nil && m.durable(joined) {
		m.client.joined(joined)
		return
	}
	if retryable(err) || errors.Is(err, errStore) {
		m.putOff()
		return
	}
	if !errors.Is(err, errBlocked) { // nobody is told: strangers write what they like, and there is nothing to be done
		m.client.log.Warn("an invitation could not be opened", "error", err)
	}
	if err := m.forget(seq); err != nil {
		m.client.log.Error("a letter could not be deleted", "error", err)
		m.putOff()
	}
}

// durable reports whether a conversation that was joined is stored although
// the store said that it failed: then the letter is gone with that, and nothing
// would lead to the conversation again.
func (m *mailbox) durable(joined *convRecord) bool {
	var rec convRecord
	err := m.client.store.view(func(tx *sealedTx) error {
		_, err := tx.load(key(tableConversation, tx.index(joined.Channel[:])), &rec)
		return err
	})
	return err == nil && rec.Epoch == joined.Epoch && rec.Channel == joined.Channel
}

func (m *mailbox) forget(seq uint64) error {
	return m.client.store.update(func(tx *sealedTx) error { return tx.delete(key(tableLetter, number(seq))) })
}

// putOff has the stored letters opened later.
func (m *mailbox) putOff() {
	if m.later == nil {
		m.later = time.After(m.lateness)
		m.lateness = min(2*m.lateness, retryLast)
	}
}

// openKept opens the letters that could not be opened before. They are given
// up when what they point to has expired, the oldest earlier if there are too
// many.
func (m *mailbox) openKept(ctx context.Context) {
	m.later = nil
	type kept struct {
		seq    uint64
		letter []byte
		old    bool
	}
	var all []kept
	err := m.client.store.view(func(tx *sealedTx) error {
		return tx.scan([]byte(tableLetter), false, func(k, v []byte) (bool, error) {
			var rec keptLetterRecord
			if err := decodeRecord(v, &rec); err != nil {
				return false, err
			}
			old := m.client.now().Sub(time.Unix(rec.Received, 0)) > protocol.DefaultExpiry
			all = append(all, kept{lastNumber(k), rec.Letter, old})
			return true, nil
		})
	})
	if err != nil {
		m.client.log.Error("letters could not be read", "error", err)
		m.putOff()
		return
	}
	for i, l := range all {
		switch {
		case m.fetching[l.seq]:
		case l.old || len(all)-i > maxKept:
			if err := m.forget(l.seq); err != nil {
				m.putOff()
			}
		default:
			m.open(ctx, l.seq, l.letter)
		}
	}
	if len(all) == 0 {
		m.lateness = retryFirst
	}
}
