// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"io"
	"strings"
	"time"
)

// inviteBytes is the randomness of an invitation code: 100 bits in 20
// characters.
const inviteBytes = 13

// inviteAlphabet is Crockford's base32, in lower case.
const inviteAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// inviteHint is how many characters of a code are kept to tell codes apart.
const inviteHint = 4

// CreateInvites stores n invitations that each register one account until they
// expire, and returns their codes: the store has only hashes.
func CreateInvites(ctx context.Context, store Store, random io.Reader, now time.Time, n int, keep time.Duration) ([]string, error) {
	codes := make([]string, n)
	for i := range codes {
		code, err := newInvite(random)
		if err != nil {
			return nil, err
		}
		codes[i] = code
	}
	err := store.Update(ctx, func(tx WriteTx) error {
		state, err := tx.State().Get()
		if err != nil {
			return err
		}
		if newest := time.Unix(state.Newest, 0); newest.After(now) { // the clock is behind
			now = newest
		}
		for _, code := range codes {
			row := InviteRow{Hash: sha256.Sum256([]byte(code)), Hint: code[:inviteHint], Created: now.Unix(), Expires: unix(now, keep)}
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

func newInvite(random io.Reader) (string, error) {
	b := make([]byte, inviteBytes)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("server: reading randomness: %w", err)
	}
	text := base32.NewEncoding(inviteAlphabet).WithPadding(base32.NoPadding).EncodeToString(b)[:20]
	return strings.Join([]string{text[:5], text[5:10], text[10:15], text[15:]}, "-"), nil
}

// Invites returns the invitations that are neither used nor expired.
func Invites(ctx context.Context, store Store, now time.Time) (rows []InviteRow, err error) {
	err = store.View(ctx, func(tx ReadTx) error {
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
