// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"encoding/hex"
	"errors"
	"slices"

	"github.com/securecrypt/securecrypt/client/chat"
)

// recentCapacity is the number of conversations in the stored list of recent
// ones. Those in its first half keep their position, which saves most messages
// a write.
const recentCapacity = 48

// A recentRecord names conversations that a list begins with, so that these can
// be shown before all are read. The half of recentCapacity in which something
// happened last is always among Last.
type recentRecord struct {
	Version uint8 `cbor:"1,keyasint"`
	Last    []cid `cbor:"2,keyasint,omitempty"`
	Pinned  []cid `cbor:"3,keyasint,omitempty"`
}

func loadRecent(tx *sealedTx) (rec recentRecord, err error) {
	_, err = tx.load([]byte(tableRecent), &rec)
	rec.Version = recordVersion
	return rec, err
}

// keys are those of the conversations' records.
func (rec *recentRecord) keys() (all [][]byte) {
	for i, k := range append(rec.Last, rec.Pinned...) {
		if i < len(rec.Last) || !slices.Contains(rec.Last, k) {
			all = append(all, key(tableConversation, k[:]))
		}
	}
	return all
}

// noteRecent remembers that something happened in a conversation.
func noteRecent(tx *sealedTx, id cid) error {
	rec, err := loadRecent(tx)
	if err != nil {
		return err
	}
	if at := slices.Index(rec.Last, id); at >= 0 && at < recentCapacity/2 {
		return nil
	}
	rec.Last = append([]cid{id}, without(rec.Last, id)...)
	rec.Last = rec.Last[:min(len(rec.Last), recentCapacity)]
	return tx.save([]byte(tableRecent), &rec)
}

// notePinned remembers that a conversation is kept at the top, or no longer.
func notePinned(tx *sealedTx, id cid, on bool) error {
	rec, err := loadRecent(tx)
	if err != nil {
		return err
	}
	rec.Pinned = without(rec.Pinned, id)
	if on {
		rec.Pinned = append(rec.Pinned, id)
	}
	return tx.save([]byte(tableRecent), &rec)
}

func without(all []cid, id cid) (rest []cid) {
	for _, k := range all {
		if k != id {
			rest = append(rest, k)
		}
	}
	return rest
}

// A stored conversation is a record and its place.
type stored struct {
	k   cid
	rec convRecord
}

// recent returns the conversations that a list begins with, those deleted
// included that are followed still.
func (c *Client) recent() (all []stored, err error) {
	err = c.store.view(func(tx *sealedTx) error {
		names, err := loadRecent(tx)
		if err != nil {
			return err
		}
		keys := names.keys()
		if err := tx.fetch(keys); err != nil {
			return err
		}
		for _, at := range keys {
			var rec convRecord
			ok, err := tx.load(at, &rec)
			if err != nil {
				return err
			}
			if ok { // it is not gone
				all = append(all, stored{cid(at[1:]), rec})
			}
		}
		return nil
	})
	c.trackHost(all)
	return all, err
}

// part returns at most n conversations, from the one after a place on, and the
// place to go on from, nil at the end.
func (c *Client) part(after []byte, n int) (some []stored, next []byte, err error) {
	err = c.store.view(func(tx *sealedTx) error {
		start := key(tableConversation, after)
		return tx.scanFrom([]byte(tableConversation), start, false, func(k, v []byte) (bool, error) {
			if len(k) == len(start) && string(k) == string(start) {
				return true, nil
			}
			if len(some) == n {
				next = some[n-1].k[:]
				return false, nil
			}
			s := stored{k: cid(k[1:])}
			err := decodeRecord(v, &s.rec)
			some = append(some, s)
			return true, err
		})
	})
	if err == nil {
		c.trackHost(some)
	}
	return some, next, err
}

// trackHost records the conversations' server. It must not be called within a
// transaction, which does not take the client's lock.
func (c *Client) trackHost(all []stored) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range all {
		if err := c.registerID(chat.IDOf(all[i].rec.Channel), all[i].k); err != nil {
			c.log.Error("a conversation cannot be named", "error", err)
		}
	}
}

// viewAll converts stored conversations to API types.
func (c *Client) viewAll(some []stored) (all []chat.Conversation, err error) {
	err = c.store.view(func(tx *sealedTx) (err error) {
		show := c.newViewBuilder(tx)
		if len(some) > conversationBatch {
			err = show.loadContacts()
		} else {
			err = show.fetchContacts(some)
		}
		if err != nil {
			return err
		}
		waits, err := waiting(tx)
		if err != nil {
			return err
		}
		for i := range some {
			if some[i].rec.Hidden {
				continue
			}
			conv, err := show.conversation(&some[i].rec)
			if err != nil {
				return err
			}
			conv.Waiting = waits[some[i].k]
			all = append(all, conv)
		}
		return nil
	})
	return all, err
}

// Recent returns what a list of conversations begins with: at least those that
// are pinned and the two dozen in which something happened last. It takes the
// same time however many there are.
func (c *Client) Recent() ([]chat.Conversation, error) {
	some, err := c.recent()
	if err != nil {
		return nil, err
	}
	all, err := c.viewAll(some)
	sortConversations(all)
	return all, err
}

var errPlace = errors.New("client: no place in the list of conversations")

// ConversationsAfter returns at most n conversations, in an order of the
// store's own, and the place to go on from; places are empty at the beginning
// and at the end. Others get their turn between two such calls, which
// Conversations does not let them.
func (c *Client) ConversationsAfter(place string, n int) (all []chat.Conversation, next string, err error) {
	from, err := hex.DecodeString(place)
	if err != nil || len(from) != 0 && len(from) != len(cid{}) {
		return nil, "", errPlace
	}
	some, to, err := c.part(from, n)
	if err != nil {
		return nil, "", err
	}
	all, err = c.viewAll(some)
	return all, hex.EncodeToString(to), err
}

// conversationBatch is the number of conversations read in one transaction.
const conversationBatch = 200

// forEachConversation calls fn for every conversation, outside of transactions.
func (c *Client) forEachConversation(fn func(stored) error) error {
	var after []byte
	for {
		some, next, err := c.part(after, conversationBatch)
		for i := range some {
			if err == nil {
				err = fn(some[i])
			}
		}
		if err != nil {
			return err
		}
		if after = next; after == nil {
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.surveyed = true
	return nil
}
