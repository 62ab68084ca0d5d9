// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import "slices"

// recentCapacity is the number of conversations in the stored list of recent
// ones. Those in its first half keep their position, which saves most messages
// a write.
const recentCapacity = 48

// A Recent names conversations that a list begins with, so that these can
// be shown before all are read. The half of recentCapacity in which something
// happened last is always among Last.
type Recent struct {
	Version uint8 `cbor:"1,keyasint"`
	Last    []CID `cbor:"2,keyasint,omitempty"`
	Pinned  []CID `cbor:"3,keyasint,omitempty"`
}

// LoadRecent returns which conversations a list begins with.
func LoadRecent(tx *Tx) (rec Recent, err error) {
	_, err = tx.Load([]byte(tableRecent), &rec)
	rec.Version = Version
	return rec, err
}

// Keys are those of the conversations' records.
func (rec *Recent) Keys() (all [][]byte) {
	for i, k := range append(rec.Last, rec.Pinned...) {
		if i < len(rec.Last) || !slices.Contains(rec.Last, k) {
			all = append(all, Key(TableConversation, k[:]))
		}
	}
	return all
}

// NoteRecent remembers that something happened in a conversation.
func NoteRecent(tx *Tx, id CID) error {
	rec, err := LoadRecent(tx)
	if err != nil {
		return err
	}
	if at := slices.Index(rec.Last, id); at >= 0 && at < recentCapacity/2 {
		return nil
	}
	rec.Last = append([]CID{id}, without(rec.Last, id)...)
	rec.Last = rec.Last[:min(len(rec.Last), recentCapacity)]
	return tx.Save([]byte(tableRecent), &rec)
}

// NotePinned remembers that a conversation is kept at the top, or no longer.
func NotePinned(tx *Tx, id CID, on bool) error {
	rec, err := LoadRecent(tx)
	if err != nil {
		return err
	}
	rec.Pinned = without(rec.Pinned, id)
	if on {
		rec.Pinned = append(rec.Pinned, id)
	}
	return tx.Save([]byte(tableRecent), &rec)
}

func without(all []CID, id CID) (rest []CID) {
	for _, k := range all {
		if k != id {
			rest = append(rest, k)
		}
	}
	return rest
}
