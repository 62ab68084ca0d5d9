// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import "github.com/securecrypt/securecrypt/client/internal/records"

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
