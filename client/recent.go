// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"encoding/hex"
	"errors"
	"maps"
	"slices"
)

// recentRoom is how many conversations are remembered as the last ones. Those
// of the first half stay where they are, which spares most messages a write.
const recentRoom = 48

// A recentRecord names conversations that a list begins with, so that these can
// be shown before all are read. The half of recentRoom in which something
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

// noteRecent remembers that something happened in a conversation.
func noteRecent(tx *sealedTx, id cid) error {
	rec, err := loadRecent(tx)
	if err != nil {
		return err
	}
	at := slices.Index(rec.Last, id)
	switch {
	case at >= 0 && at < recentRoom/2:
		return nil
	case at >= 0:
		rec.Last = slices.Delete(rec.Last, at, at+1)
	case len(rec.Last) == recentRoom:
		rec.Last = rec.Last[:recentRoom-1]
	}
	rec.Last = slices.Insert(rec.Last, 0, id)
	return tx.save([]byte(tableRecent), &rec)
}

// notePinned remembers that a conversation is kept at the top, or no longer.
func notePinned(tx *sealedTx, id cid, on bool) error {
	rec, err := loadRecent(tx)
	if err != nil || slices.Contains(rec.Pinned, id) == on {
		return err
	}
	if on {
		rec.Pinned = append(rec.Pinned, id)
	} else {
		rec.Pinned = slices.DeleteFunc(rec.Pinned, func(k cid) bool { return k == id })
	}
	return tx.save([]byte(tableRecent), &rec)
}

// recent returns the conversations that a list begins with, and perhaps some
// that are no more.
func (c *Client) recent() (all []cid, err error) {
	err = c.store.view(func(tx *sealedTx) error {
		rec, err := loadRecent(tx)
		all = slices.Concat(rec.Pinned, rec.Last)
		return err
	})
	return all, err
}

// Recent returns what a list of conversations begins with: at least those that
// are pinned and the two dozen in which something happened last. It takes the
// same time however many there are.
func (c *Client) Recent() (all []Conversation, err error) {
	ids, err := c.recent()
	if err != nil {
		return nil, err
	}
	slices.SortFunc(ids, func(a, b cid) int { return slices.Compare(a[:], b[:]) })
	seen := sightings{}
	err = c.store.view(func(tx *sealedTx) error {
		show := c.shower(tx)
		waits, err := waiting(tx)
		if err != nil {
			return err
		}
		for _, k := range slices.Compact(ids) {
			var rec convRecord
			ok, err := tx.load(key(tableConversation, k[:]), &rec)
			if err != nil {
				return err
			}
			if !ok || rec.Hidden {
				continue
			}
			seen.add(k, &rec)
			conv, err := show.conversation(&rec)
			if err != nil {
				return err
			}
			conv.Waiting = waits[k]
			all = append(all, conv)
		}
		return nil
	})
	c.know(seen)
	sortConversations(all)
	return all, err
}

var errPlace = errors.New("client: no place in the list of conversations")

// ConversationsAfter returns at most n conversations, in an order of the
// store's own, and the place to go on from; places are empty at the beginning
// and at the end. Others get their turn between two such calls, which
// Conversations does not let them.
func (c *Client) ConversationsAfter(place string, n int) (all []Conversation, next string, err error) {
	from, err := hex.DecodeString(place)
	if err != nil || len(from) != 0 && len(from) != len(cid{}) {
		return nil, "", errPlace
	}
	seen := sightings{}
	err = c.store.view(func(tx *sealedTx) error {
		show := c.shower(tx)
		waits, err := waiting(tx)
		if err != nil {
			return err
		}
		var last cid
		last, err = eachConversation(tx, from, n, func(k cid, rec *convRecord) error {
			seen.add(k, rec)
			if rec.Hidden {
				return nil
			}
			conv, err := show.conversation(rec)
			conv.Waiting = waits[k]
			all = append(all, conv)
			return err
		})
		if last != (cid{}) {
			next = hex.EncodeToString(last[:])
		}
		return err
	})
	c.know(seen)
	return all, next, err
}

// eachConversation calls fn for at most n conversations, from the one after a
// place on, and returns the last of them, or zero if there are no more.
func eachConversation(tx *sealedTx, after []byte, n int, fn func(cid, *convRecord) error) (last cid, err error) {
	more := false
	err = tx.scanFrom([]byte(tableConversation), key(tableConversation, after), false, func(k, v []byte) (bool, error) {
		id := cid(k[1:])
		if slices.Equal(id[:], after) {
			return true, nil
		}
		if more = n == 0; more {
			return false, nil
		}
		n--
		var rec convRecord
		if err := decodeRecord(v, &rec); err != nil {
			return false, err
		}
		last = id
		return true, fn(id, &rec)
	})
	if !more {
		last = cid{}
	}
	return last, err
}

// sightings are conversations that a transaction came across. They are noted
// after it: the client's lock is not taken within.
type sightings map[ConversationID]cid

func (s sightings) add(k cid, rec *convRecord) { s[conversationID(rec.Channel)] = k }

// know remembers where conversations are.
func (c *Client) know(s sightings) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.Copy(c.ids, s)
}

// find returns where a conversation is. Who asks for one that was not seen yet
// waits until all have been.
func (c *Client) find(id ConversationID) (cid, error) {
	c.mu.Lock()
	k, ok := c.ids[id]
	surveyed := c.surveyed
	c.mu.Unlock()
	if ok {
		return k, nil
	}
	if surveyed {
		return k, ErrNoConversation
	}
	if err := c.survey(func(cid, *convRecord) error { return nil }); err != nil {
		return k, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if k, ok = c.ids[id]; !ok {
		return k, ErrNoConversation
	}
	return k, nil
}

// surveyStep is how many conversations are read before others get their turn.
const surveyStep = 200

// survey calls fn for all conversations, outside of transactions.
func (c *Client) survey(fn func(cid, *convRecord) error) error {
	type found struct {
		k   cid
		rec convRecord
	}
	var after []byte
	for {
		var some []found
		seen := sightings{}
		err := c.store.view(func(tx *sealedTx) error {
			last, err := eachConversation(tx, after, surveyStep, func(k cid, rec *convRecord) error {
				seen.add(k, rec)
				some = append(some, found{k, *rec})
				return nil
			})
			after = nil
			if last != (cid{}) {
				after = last[:]
			}
			return err
		})
		c.know(seen)
		for i := range some {
			if err == nil {
				err = fn(some[i].k, &some[i].rec)
			}
		}
		if err != nil {
			return err
		}
		if after == nil {
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.surveyed = true
	return nil
}
