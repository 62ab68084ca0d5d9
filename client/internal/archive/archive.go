// SPDX-License-Identifier: AGPL-3.0-or-later

// Package archive makes the parts of a history that one device of an account gives to
// another: first the newest messages of the most recent conversations, then all older
// messages, then those that were sent until the device joined the groups. It reads
// records; package client sends the parts.
package archive

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/internal/codec/order"
)

const (
	partSize    = 512 << 10 // of what is read for a part, about
	newestChats = 100       // conversations whose newest messages go first
	newestCount = 30        // messages of each of them
	chunkSize   = 200       // messages of a conversation in one piece
	joinedBatch = 64
	maxNotices  = 64 // that a piece has more than it should, so that it ends with a message
)

// Begin returns a transfer of all conversations to a device.
func Begin(tx *records.Tx, id [16]byte, device account.DeviceID, now time.Time) (records.Transfer, error) {
	t := records.Transfer{Version: records.Version, ID: id, Device: device, Since: now.Unix()}
	type row struct {
		id       records.CID
		activity int64
	}
	var all []row
	err := tx.Scan([]byte(records.TableConversation), false, func(k, v []byte) (bool, error) {
		var rec records.Conversation
		if err := records.Decode(v, &rec); err != nil {
			return false, err
		}
		if isGiven(&rec) {
			all = append(all, row{records.CID(slices.Clone(k[1:])), rec.Activity})
		}
		return true, nil
	})
	order.By(all, func(a, b row) int { return cmp.Compare(b.activity, a.activity) })
	for _, r := range all {
		t.Chats = append(t.Chats, r.id)
	}
	return t, err
}

// isGiven reports whether other devices get the history of a conversation. They join
// requests when these are accepted.
func isGiven(rec *records.Conversation) bool {
	return !rec.Hidden && rec.Status != chat.StatusRequest && rec.Status != chat.StatusBlocked
}

// A Part is a part of an archive, and the transfer when it has been sent. Without Bytes
// there is nothing to send.
type Part struct {
	Bytes []byte
	After records.Transfer
	given map[records.CID]records.Given
	done  []records.CID // of those that the device joined
}

// Sent notes that a part was sent.
func (p *Part) Sent(tx *records.Tx) error {
	var failed []error
	for id, rec := range p.given {
		failed = append(failed, records.SaveGiven(tx, p.After.Device, id, rec))
	}
	for _, id := range p.done {
		failed = append(failed, records.ForgetJoined(tx, p.After.Device, id))
	}
	return errors.Join(append(failed, records.SaveTransfer(tx, p.After))...)
}

// A builder collects a part.
type builder struct {
	tx     *records.Tx
	now    time.Time
	t      records.Transfer
	part   records.ArchivePart
	given  map[records.CID]records.Given
	done   []records.CID
	people map[string]bool
	size   int
}

// Next makes the next part of a transfer, nil if there is nothing to be sent at present.
func Next(tx *records.Tx, t records.Transfer, now time.Time) (*Part, error) {
	b := &builder{tx: tx, now: now, t: t, given: map[records.CID]records.Given{}, people: map[string]bool{}, part: records.ArchivePart{Version: records.Version}}
	for _, step := range []func() error{b.list, b.older, b.newer} {
		if err := step(); err != nil {
			return nil, err
		}
		if len(b.part.Chats) > 0 || b.t.Whole != t.Whole {
			break
		}
	}
	if len(b.part.Chats) == 0 && len(b.done) == 0 && b.t.Whole == t.Whole && b.t.Listed == t.Listed {
		return nil, nil
	}
	if len(b.part.Chats) == 0 && b.t.Whole == t.Whole && b.t.Listed == t.Listed {
		return &Part{After: b.t, done: b.done}, nil // the device has all of these conversations
	}
	b.t.Number++
	if b.t.Whole > t.Whole && b.t.Whole == uint64(len(b.t.Chats)) {
		b.t.Last = b.t.Number
	}
	b.part.Done, b.part.Total = b.t.Whole, uint64(len(b.t.Chats))
	bytes, err := dcbor.Marshal(b.part)
	return &Part{bytes, b.t, b.given, b.done}, err
}

// conversation loads a conversation; nil if it is gone or not given any more.
func (b *builder) conversation(id records.CID) (*records.Conversation, error) {
	var rec records.Conversation
	ok, err := b.tx.Load(records.Key(records.TableConversation, id[:]), &rec)
	if err != nil || !ok || !isGiven(&rec) {
		return nil, err
	}
	return &rec, nil
}

// list gives what lists show of conversations, and the newest messages of the first.
func (b *builder) list() error {
	for ; b.t.Listed < uint64(len(b.t.Chats)) && b.size < partSize; b.t.Listed++ {
		id := b.t.Chats[b.t.Listed]
		rec, err := b.conversation(id)
		if err != nil {
			return err
		}
		if rec == nil {
			continue
		}
		chat := records.ArchivedChat{Channel: rec.Channel, Host: rec.Host, Meta: &records.ArchivedMeta{
			Status: rec.Status, Group: rec.Group, Title: rec.Title, Timer: rec.Timer, Peer: rec.Peer, Members: rec.Members, Activity: rec.Activity, Unread: rec.Unread,
		}}
		if rec.Own {
			chat.Meta = nil // the device follows it already
		}
		count := 0
		if b.t.Listed < newestChats {
			count = newestCount
		}
		if err := b.down(&chat, id, records.Given{Low: rec.NextOrder + 1, High: rec.NextOrder}, count); err != nil {
			return err
		}
		if err := b.person(rec.Peer); err != nil {
			return err
		}
		b.size += 200
	}
	return nil
}

// older gives what is older than what was given, one conversation after the other.
func (b *builder) older() error {
	for ; b.t.Whole < uint64(len(b.t.Chats)) && b.size < partSize; b.t.Whole++ {
		id := b.t.Chats[b.t.Whole]
		rec, err := b.conversation(id)
		if err != nil {
			return err
		}
		for rec != nil && b.size < partSize {
			given, ok := b.given[id]
			if !ok {
				if given, _, err = records.LoadGiven(b.tx, b.t.Device, id); err != nil {
					return err
				}
			}
			if given.Low <= 1 {
				rec = nil
				break
			}
			chat := records.ArchivedChat{Channel: rec.Channel, Host: rec.Host}
			if err := b.down(&chat, id, given, chunkSize); err != nil {
				return err
			}
		}
		if rec != nil {
			break // the part is full
		}
	}
	return nil
}

// down adds messages below what was given, the newest first.
func (b *builder) down(chat *records.ArchivedChat, id records.CID, given records.Given, count int) error {
	chat.Anchor = given.LowID
	from, whole := given.Low-1, true
	err := b.tx.ScanFrom(records.Key(records.TableMessage, id[:]), records.Key(records.TableMessage, id[:], records.Number(from)), true, func(k, v []byte) (bool, error) {
		if (len(chat.Messages) >= count || b.size >= partSize) && !endsWithNotices(chat) {
			whole = false
			return false, nil
		}
		return true, b.add(chat, k, v, &given, false)
	})
	if whole {
		given.Low, chat.Whole = 0, true
	}
	b.given[id] = given
	b.part.Chats = append(b.part.Chats, *chat)
	return err
}

// endsWithNotices reports whether the newest additions to a piece are notices, which
// have no identifier: the next piece could not say that it goes on behind them.
func endsWithNotices(chat *records.ArchivedChat) bool {
	n := 0
	for n < len(chat.Messages) && chat.Messages[len(chat.Messages)-1-n].ID.IsZero() {
		n++
	}
	return n > 0 && n <= maxNotices
}

// add gives a message, unless the device must not have it.
func (b *builder) add(chat *records.ArchivedChat, k, v []byte, given *records.Given, up bool) error {
	var rec records.Message
	if err := records.Decode(v, &rec); err != nil {
		return err
	}
	if up {
		given.High = records.LastNumber(k)
	} else {
		given.Low = records.LastNumber(k)
	}
	m, ok := rec.Archived(b.now)
	if !ok {
		return nil
	}
	b.size += len(v) + 64
	chat.Messages = append(chat.Messages, m)
	if m.ID.IsZero() {
		return nil
	}
	if given.HighID.IsZero() || up {
		given.HighID = m.ID
	}
	if given.LowID.IsZero() || !up {
		given.LowID = m.ID
	}
	return nil
}

// newer gives what was said since the transfer began, up to where the device joined.
func (b *builder) newer() error {
	all, upTo, err := records.Joined(b.tx, b.t.Device, joinedBatch)
	if err != nil {
		return err
	}
	for i, id := range all {
		rec, err := b.conversation(id)
		if err != nil {
			return err
		}
		given, known, err := records.LoadGiven(b.tx, b.t.Device, id)
		if err != nil {
			return err
		}
		if rec == nil || !known || given.High >= upTo[i] {
			b.done = append(b.done, id)
			continue
		}
		chat := records.ArchivedChat{Channel: rec.Channel, Host: rec.Host, Anchor: given.HighID, Up: true}
		complete := true
		err = b.tx.ScanFrom(records.Key(records.TableMessage, id[:]), records.Key(records.TableMessage, id[:], records.Number(given.High+1)), false, func(k, v []byte) (bool, error) {
			if records.LastNumber(k) > upTo[i] {
				return false, nil
			}
			if (len(chat.Messages) >= chunkSize || b.size >= partSize) && !endsWithNotices(&chat) {
				complete = false
				return false, nil
			}
			return true, b.add(&chat, k, v, &given, true)
		})
		if err != nil {
			return err
		}
		if complete {
			b.done = append(b.done, id)
			given.High = max(given.High, upTo[i])
		}
		b.given[id] = given
		if len(chat.Messages) > 0 {
			b.part.Chats = append(b.part.Chats, chat)
		}
		if b.size >= partSize {
			break
		}
	}
	return nil
}

// person adds what is known of somebody, once in a part.
func (b *builder) person(address string) error {
	if address == "" || b.people[address] {
		return nil
	}
	b.people[address] = true
	contact, err := records.LoadContact(b.tx, address)
	if err != nil {
		return err
	}
	p := records.ArchivedPerson{Address: address, Profile: contact.Profile}
	chain, err := records.PinnedChain(b.tx, records.Address(address))
	if err != nil {
		return err
	}
	if chain != nil {
		p.Statements, p.Published = chain.Statements(), chain.Published()
	}
	for _, s := range p.Statements {
		b.size += len(s)
	}
	b.part.People = append(b.part.People, p)
	return nil
}

// Parse reads a part.
func Parse(b []byte) (records.ArchivePart, error) {
	var part records.ArchivePart
	err := dcbor.Unmarshal(b, &part)
	if err == nil && part.Version != records.Version {
		err = records.ErrDamaged
	}
	return part, err
}
