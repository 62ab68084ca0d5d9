// SPDX-License-Identifier: AGPL-3.0-or-later

package queries

import (
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/internal/codec/order"
)

// Batch is the number of conversations read in one transaction.
const Batch = 200

// Recent returns the conversations that a list begins with, those deleted
// included that are followed still.
func Recent(tx *records.Tx) (all []records.Stored, err error) {
	names, err := records.LoadRecent(tx)
	if err != nil {
		return nil, err
	}
	keys := names.Keys()
	if err := tx.Fetch(keys); err != nil {
		return nil, err
	}
	for _, at := range keys {
		var rec records.Conversation
		ok, err := tx.Load(at, &rec)
		if err != nil {
			return nil, err
		}
		if ok { // it is not gone
			all = append(all, records.Stored{K: records.CID(at[1:]), Rec: rec})
		}
	}
	return all, nil
}

// Part returns at most n conversations, from the one after a place on, and the
// place to go on from, nil at the end.
func Part(tx *records.Tx, after []byte, n int) (some []records.Stored, next []byte, err error) {
	start := records.Key(records.TableConversation, after)
	err = tx.ScanFrom([]byte(records.TableConversation), start, false, func(k, v []byte) (bool, error) {
		if len(k) == len(start) && string(k) == string(start) {
			return true, nil
		}
		if len(some) == n {
			next = some[n-1].K[:]
			return false, nil
		}
		s := records.Stored{K: records.CID(k[1:])}
		err := records.Decode(v, &s.Rec)
		some = append(some, s)
		return true, err
	})
	return some, next, err
}

// Show returns stored conversations as interfaces see them, without those that
// were deleted.
func Show(views *records.Views, some []records.Stored) (all []chat.Conversation, err error) {
	if len(some) > Batch {
		err = views.LoadContacts()
	} else {
		err = views.FetchContacts(some)
	}
	if err != nil {
		return nil, err
	}
	waits, err := waiting(views.Tx)
	if err != nil {
		return nil, err
	}
	for i := range some {
		if some[i].Rec.Hidden || some[i].Rec.HasNoNotes() {
			continue
		}
		conv, err := views.Conversation(&some[i].Rec)
		if err != nil {
			return nil, err
		}
		conv.Waiting = waits[some[i].K]
		all = append(all, conv)
	}
	return all, nil
}

// Sort puts the most recent conversations first.
func Sort(all []chat.Conversation) {
	order.By(all, func(a, b chat.Conversation) int { return b.Activity.Compare(a.Activity) })
}

// waiting counts the messages that are still to be sent, by conversation: the
// outbox as a whole is short, where the conversations may be many.
func waiting(tx *records.Tx) (map[records.CID]int, error) {
	n := map[records.CID]int{}
	err := tx.Scan([]byte(records.TableOutbox), false, func(k, v []byte) (bool, error) {
		var item records.OutboxItem
		if err := records.Decode(v, &item); err != nil {
			return false, err
		}
		if item.Order != 0 {
			n[records.CID(k[1:1+len(records.CID{})])]++
		}
		return true, nil
	})
	return n, err
}
