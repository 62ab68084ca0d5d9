// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import (
	"slices"

	"github.com/securecrypt/securecrypt/client/chat"
)

// EraseInbox forgets what was received in a conversation and not taken yet.
func EraseInbox(tx *Tx, id CID) error {
	var keys [][]byte
	err := tx.Scan([]byte(TableInbox), false, func(k, v []byte) (bool, error) {
		var rec InboxItem
		err := Decode(v, &rec)
		if rec.CID == id {
			keys = append(keys, slices.Clone(k))
		}
		return true, err
	})
	for _, k := range keys {
		if err == nil {
			err = tx.Delete(k)
		}
	}
	return err
}

// AppendInbox adds something received, to be taken later.
func AppendInbox(tx *Tx, in InboxItem) error {
	next := uint64(1)
	err := tx.ScanKeys([]byte(TableInbox), true, func(k []byte) (bool, error) {
		next = LastNumber(k) + 1
		return false, nil
	})
	if err != nil {
		return err
	}
	return tx.Save(Key(TableInbox, Number(next)), &in)
}

// An InboxItem is something received that TakeInbox has not handed out.
type InboxItem struct {
	Version uint8          `cbor:"1,keyasint"`
	CID     CID            `cbor:"2,keyasint"`
	Order   uint64         `cbor:"3,keyasint"`
	Kind    chat.InboxKind `cbor:"4,keyasint"`
	From    string         `cbor:"5,keyasint"`
	Text    string         `cbor:"6,keyasint,omitempty"`
}
