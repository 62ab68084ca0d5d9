// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"bytes"
	"context"
	"fmt"

	"github.com/securecrypt/securecrypt/account"
)

// eraseStep is how many records are erased in one transaction.
const eraseStep = 1000

// Erase closes the client and deletes everything in its store, which then
// holds no profile. The first step takes the keys of the profile and cannot be
// undone; if ctx ends before the last one, Erase or Create goes on with it.
// The server is told nothing: it keeps what it had, which only the erased keys
// could open.
func (c *Client) Erase(ctx context.Context) error {
	c.Close()
	err := c.store.update(func(tx *sealedTx) error { return tx.delete([]byte(tableProfile)) })
	if err != nil {
		return err
	}
	return eraseAll(ctx, c.store)
}

// eraseAll deletes all records: those of keys, which are short, before what
// they opened, which may be long.
func eraseAll(ctx context.Context, store *sealedStore) error {
	for _, prefix := range []string{tableKeyPackage, tableGroup, tableEnvelope, ""} {
		for more := true; more; {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("the profile is gone, but not all of what it held is erased yet: %w", context.Cause(ctx))
			}
			err := store.update(func(tx *sealedTx) (err error) {
				more, err = tx.deleteSome([]byte(prefix))
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// deleteSome deletes the first records whose keys begin with prefix and
// reports whether there may be more.
func (t *sealedTx) deleteSome(prefix []byte) (more bool, err error) {
	var keys [][]byte
	err = t.tx.Scan(prefix, nil, false, func(k, _ []byte) (bool, error) {
		keys = append(keys, bytes.Clone(k))
		return len(keys) < eraseStep, nil
	})
	for _, k := range keys {
		if err == nil {
			err = t.delete(k)
		}
	}
	return len(keys) == eraseStep, err
}

// ForgetContact forgets what this account called somebody, what they called
// themselves and that they were verified. Conversations with them go on, a
// block stays, and so does the account that they were seen to have: nobody
// else can take their place.
func (c *Client) ForgetContact(who account.Address) error {
	return c.store.update(func(tx *sealedTx) error {
		rec, err := loadContact(tx, who.String())
		if err != nil {
			return err
		}
		if rec.Blocked {
			return saveContact(tx, contactRecord{Version: recordVersion, Address: rec.Address, Blocked: true})
		}
		return tx.delete(key(tableContact, tx.index([]byte(rec.Address))))
	})
}
