// SPDX-License-Identifier: AGPL-3.0-or-later

package invites

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/server"
)

// codeBytes is the randomness of an invitation code: 100 bits in 20
// characters.
const codeBytes = 13

// alphabet is Crockford's base32, in lower case.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// hintLength is how many characters of a code are kept to tell codes apart.
const hintLength = 4

// Create stores n invitations that each register one account until they
// expire, and returns their codes: the store has only hashes.
func Create(ctx context.Context, store server.Store, random io.Reader, now time.Time, n int, keep time.Duration) ([]string, error) {
	codes := make([]string, n)
	for i := range codes {
		code, err := newCode(random)
		if err != nil {
			return nil, err
		}
		codes[i] = code
	}
	err := store.Update(ctx, func(tx server.WriteTx) error {
		state, err := tx.State().Get()
		if err != nil {
			return err
		}
		if newest := time.Unix(state.Newest, 0); newest.After(now) { // the clock is behind
			now = newest
		}
		for _, code := range codes {
			row := server.InviteRow{Hash: sha256.Sum256([]byte(code)), Hint: code[:hintLength], Created: now.Unix(), Expires: now.Add(keep).Unix()}
			if err := tx.Invites().Put(row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("server: storing invitations: %w", err)
	}
	return codes, nil
}

func newCode(random io.Reader) (string, error) {
	b := make([]byte, codeBytes)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("server: reading randomness: %w", err)
	}
	text := base32.NewEncoding(alphabet).WithPadding(base32.NoPadding).EncodeToString(b)[:20]
	return strings.Join([]string{text[:5], text[5:10], text[10:15], text[15:]}, "-"), nil
}

// List returns the invitations that are neither used nor expired.
func List(ctx context.Context, store server.Store, now time.Time) (rows []server.InviteRow, err error) {
	err = store.View(ctx, func(tx server.ReadTx) error {
		all, err := tx.Invites().All()
		rows = nil
		for _, row := range all {
			if row.Expires > now.Unix() {
				rows = append(rows, row)
			}
		}
		return err
	})
	return rows, err
}
