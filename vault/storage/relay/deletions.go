// SPDX-License-Identifier: AGPL-3.0-or-later

package relay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/securecrypt/securecrypt/protocol"
)

// Hashes has the server read objects and calls each with the size and the BLAKE3-256
// of what is on its disk. Objects that are missing or cannot be read are left out.
// It finds damage, at about a hundred bytes of traffic an object; a server that lies
// passes, because packs are named by their hashes.
func (s *Storage) Hashes(ctx context.Context, names []string, each func(name string, size int64, hash [32]byte) error) error {
	for some := range slices.Chunk(names, protocol.MaxVaultNames) {
		var page []protocol.VaultHash
		if err := s.ask(ctx, http.MethodPost, s.path("hashes"), protocol.EncodeVault(some), &page); err != nil {
			return s.explain("having the server hash", "packs", err)
		}
		for _, h := range page {
			if !slices.Contains(some, h.Name) {
				return foreign(errors.New("it hashes what it was not asked for"))
			}
			if err := each(h.Name, int64(min(h.Size, 1<<40)), h.Hash); err != nil {
				return err
			}
		}
	}
	return nil
}

// State returns what the server says of the account's vaults.
func (s *Storage) State(ctx context.Context) (protocol.VaultList, error) {
	var all protocol.VaultList
	err := s.ask(ctx, http.MethodGet, "", nil, &all)
	return all, s.explain("listing", "the account's vaults", err)
}

// Session returns the session that this storage's deletions carry; zero if it has
// not signed in.
func (s *Storage) Session() protocol.VaultSessionID {
	s.token.mu.Lock()
	defer s.token.mu.Unlock()
	return s.token.session
}

// Device returns the account's device that this storage acts for.
func (s *Storage) Device() protocol.DeviceID { return s.credentials.Device }

// Deletions calls each with what was deleted or replaced and can be taken back, from
// the number after the given one on.
func (s *Storage) Deletions(ctx context.Context, after uint64, each func(protocol.VaultDeletion) error) error {
	for {
		var page []protocol.VaultDeletion
		if err := s.ask(ctx, http.MethodGet, fmt.Sprintf("%s?after=%d", s.path("deletions"), after), nil, &page); err != nil {
			return s.explain("listing", "what was deleted", err)
		}
		if len(page) == 0 {
			return ctx.Err()
		}
		for _, d := range page {
			if d.Number <= after {
				return foreign(errors.New("it lists deletions out of order"))
			}
			after = d.Number
			if err := each(d); err != nil {
				return err
			}
		}
	}
}

// Undelete takes back what a session deleted or replaced, up to the deletion of a
// number, and returns how much that was. What has such a name now becomes a deletion
// of this session.
func (s *Storage) Undelete(ctx context.Context, session protocol.VaultSessionID, upTo uint64) (count uint64, err error) {
	for {
		var done protocol.VaultUndeleted
		body := protocol.EncodeVault(&protocol.VaultUndelete{Session: session, UpTo: upTo})
		if err := s.ask(ctx, http.MethodPost, s.path("undeletions"), body, &done); err != nil {
			return count, s.explain("taking back", "deletions", err)
		}
		count += done.Count
		if !done.More || done.Count == 0 {
			return count, ctx.Err()
		}
	}
}
