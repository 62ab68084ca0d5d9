// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/internal/vaults"
)

// newVaults returns what serves vaults over HTTP.
func (s *Server) newVaults() (*vaults.Handler, error) {
	return vaults.New(vaults.Config{
		Context: s.ctx, Host: s.host, Index: vaultIndex{s}, Content: s.blobs, Now: s.now, Random: s.random,
		Limits: &s.limits, Shares: s.shares, Resolver: s.resolver, Metrics: s.metrics,
		Begin: s.beginRequest, Refusal: s.blobRefusal,
	})
}

// reopenVaults keeps the vaults of an account that is registered again before they
// were to go.
func reopenVaults(v VaultWriter, name string, now time.Time) error {
	rows, err := v.Vaults(name)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.Closed != 0 && row.Closed <= now.Unix() {
			return nil // they are being deleted
		}
	}
	return v.Close(name, 0)
}

// vaultIndex is the [vaults.Index] of the store's rows.
type vaultIndex struct{ s *Server }

func vaultRefused(r protocol.BlobRefusal) error { return &protocol.BlobError{Refusal: r} }

// allowed refuses devices that their account does not have, or not any more, and
// vaults that are being deleted. It returns the account's vaults.
func allowed(tx interface {
	Accounts() AccountReader
	Vaults() VaultReader
}, c vaults.Caller, vault uint8) ([]VaultRow, error) {
	if err := liveVaultDevice(tx.Accounts(), c.Name, c.Device); err != nil {
		return nil, err
	}
	rows, err := tx.Vaults().Vaults(c.Name)
	for _, row := range rows {
		if row.Vault == vault && row.Closed != 0 {
			return nil, vaultRefused(protocol.BlobUnavailable)
		}
	}
	return rows, err
}

func liveVaultDevice(accounts AccountReader, name string, device protocol.DeviceID) error {
	_, err := liveDevice(accounts, DeviceRef{Name: name, Device: device})
	if errors.Is(err, &protocol.Error{Code: protocol.CodeNotFound}) {
		return vaultRefused(protocol.BlobUnauthorized)
	}
	return err
}

// writing is a WriteTx as what only reads.
type writing struct{ WriteTx }

func (w writing) Accounts() AccountReader { return w.WriteTx.Accounts() }
func (w writing) Vaults() VaultReader     { return w.WriteTx.Vaults() }

// view runs fn if the caller may use the vault.
func (i vaultIndex) view(ctx context.Context, c vaults.Caller, vault uint8, fn func(VaultReader, []VaultRow) error) error {
	return i.s.store.View(ctx, func(tx ReadTx) error {
		rows, err := allowed(tx, c, vault)
		if err != nil {
			return err
		}
		return fn(tx.Vaults(), rows)
	})
}

// Key implements [vaults.Reader].
func (i vaultIndex) Key(ctx context.Context, name string, device protocol.DeviceID) (key protocol.AccessKey, err error) {
	err = i.s.store.View(ctx, func(tx ReadTx) error {
		found, err := liveDevice(tx.Accounts(), DeviceRef{Name: name, Device: device})
		if errors.Is(err, &protocol.Error{Code: protocol.CodeNotFound}) {
			return vaultRefused(protocol.BlobUnauthorized)
		}
		key = protocol.AccessKey(found.SignatureKey)
		return err
	})
	return key, err
}

// List implements [vaults.Reader].
func (i vaultIndex) List(ctx context.Context, c vaults.Caller) (out protocol.VaultList, err error) {
	err = i.view(ctx, c, 0, func(_ VaultReader, rows []VaultRow) error {
		out = protocol.VaultList{Quota: i.s.limits.VaultQuota, KeepSeconds: uint64(i.s.limits.VaultKeep / time.Second)}
		for _, row := range rows {
			out.Vaults = append(out.Vaults, protocol.VaultState{
				Vault: row.Vault, Objects: row.Objects, Bytes: row.Bytes, Deletions: row.Deletions, DeletedBytes: row.DeletedBytes, Last: row.Last,
			})
		}
		return nil
	})
	return out, err
}

// Object implements [vaults.Reader].
func (i vaultIndex) Object(ctx context.Context, c vaults.Caller, vault uint8, name string) (o vaults.Object, err error) {
	err = i.view(ctx, c, vault, func(v VaultReader, _ []VaultRow) error {
		row, err := v.Object(c.Name, vault, name)
		o = vaults.Object{Name: name, Content: row.Content, Size: row.Size, Hash: row.Hash}
		return err
	})
	return o, err
}

// Objects implements [vaults.Reader].
func (i vaultIndex) Objects(ctx context.Context, c vaults.Caller, vault uint8, prefix, after string) (page []protocol.VaultObject, err error) {
	err = i.view(ctx, c, vault, func(v VaultReader, _ []VaultRow) error {
		rows, err := v.Objects(c.Name, vault, prefix, after, protocol.MaxVaultPage)
		page = make([]protocol.VaultObject, 0, len(rows))
		for _, row := range rows {
			page = append(page, protocol.VaultObject{Name: row.Object, Size: row.Size})
		}
		return err
	})
	return page, err
}

// Deletions implements [vaults.Reader].
func (i vaultIndex) Deletions(ctx context.Context, c vaults.Caller, vault uint8, after uint64) (page []protocol.VaultDeletion, err error) {
	err = i.view(ctx, c, vault, func(v VaultReader, _ []VaultRow) error {
		rows, err := v.Deletions(c.Name, vault, after, protocol.MaxVaultPage)
		page = make([]protocol.VaultDeletion, 0, len(rows))
		for _, row := range rows {
			page = append(page, protocol.VaultDeletion{
				Number: row.Number, Name: row.Object, Size: row.Size, Device: row.Device, Session: row.Session, Asked: row.Asked, Goes: row.Expires,
			})
		}
		return err
	})
	return page, err
}

// Stored implements [vaults.Index].
func (i vaultIndex) Stored(ctx context.Context) (int64, error) {
	usage, err := i.s.usage(ctx)
	return int64(usage.VaultBytes), err
}

// smallReserve is how much log entries and keys may take beyond the quota: prune
// writes some before it makes room.
const smallReserve = 1 << 20

// Store implements [vaults.Writer].
func (i vaultIndex) Store(ctx context.Context, c vaults.Caller, vault uint8, o vaults.Object, onlyNew bool) error {
	return i.s.store.Update(ctx, func(tx WriteTx) error {
		rows, err := allowed(writing{tx}, c, vault)
		if err != nil {
			return err
		}
		before, err := tx.Vaults().Object(c.Name, vault, o.Name)
		taken := err == nil
		switch {
		case taken && onlyNew:
			return vaultRefused(protocol.BlobExists)
		case err != nil && !errors.Is(err, ErrNotFound):
			return err
		}
		used := uint64(0)
		for _, row := range rows {
			used += row.Bytes
		}
		then := used + VaultCharge(o.Size)
		quota := i.s.limits.VaultQuota
		if strings.HasPrefix(o.Name, "log/") || strings.HasPrefix(o.Name, "keys/") {
			quota += smallReserve
		}
		if taken {
			then -= VaultCharge(before.Size)
		}
		if then > quota && then > used { // a repair takes no more room
			return vaultRefused(protocol.BlobQuotaExceeded)
		}
		if taken {
			if err := i.setAside(tx.Vaults(), c, vault, before, rows); err != nil {
				return err
			}
		}
		return tx.Vaults().Put(VaultObjectRow{Name: c.Name, Vault: vault, Object: o.Name, Content: o.Content, Size: o.Size, Hash: o.Hash})
	})
}

// setAside makes an object a deletion, if what was deleted lately leaves room for it.
func (i vaultIndex) setAside(v VaultWriter, c vaults.Caller, vault uint8, o VaultObjectRow, rows []VaultRow) error {
	deleted := VaultCharge(o.Size)
	for _, row := range rows {
		deleted += row.DeletedBytes
	}
	if deleted > i.s.limits.VaultQuota+smallReserve {
		return vaultRefused(protocol.VaultDeletedFull)
	}
	return v.Delete(i.deletion(c, vault, o))
}

// deletion returns the row of a deletion that a caller asks for now.
func (i vaultIndex) deletion(c vaults.Caller, vault uint8, o VaultObjectRow) VaultDeletionRow {
	now := i.s.clock.Stamp()
	return VaultDeletionRow{
		Name: c.Name, Vault: vault, Object: o.Object, Device: c.Device, Session: c.Session, Asked: now.Unix(), Expires: unix(now, i.s.limits.VaultKeep),
	}
}

// Delete implements [vaults.Writer]. Objects by which a storage is probed go for
// good.
func (i vaultIndex) Delete(ctx context.Context, c vaults.Caller, vault uint8, name string) error {
	var gone *VaultObjectRow
	err := i.s.store.Update(Freeing(ctx), func(tx WriteTx) error {
		gone = nil
		rows, err := allowed(writing{tx}, c, vault)
		if err != nil {
			return err
		}
		o, err := tx.Vaults().Object(c.Name, vault, name)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if strings.HasPrefix(name, "probe/") {
			gone = &o
			_, err := tx.Vaults().Remove(c.Name, vault, name)
			return err
		}
		return i.setAside(tx.Vaults(), c, vault, o, rows)
	})
	if err != nil || gone == nil {
		return err
	}
	return i.s.blobs.Delete(ctx, gone.Content)
}

// undeletions is how many deletions are looked at in one transaction.
const undeletions = 256

// Undelete implements [vaults.Writer]. It goes from the last deletion to the first,
// so that of several objects that had one name the first comes to stay, which was
// there before the session. What has the name now becomes a deletion of the caller.
func (i vaultIndex) Undelete(ctx context.Context, c vaults.Caller, vault uint8, u protocol.VaultUndelete) (out protocol.VaultUndeleted, err error) {
	if u.Session == c.Session { // it would meet what it sets aside itself
		return out, vaultRefused(protocol.BlobMalformed)
	}
	err = i.s.store.Update(ctx, func(tx WriteTx) error {
		out = protocol.VaultUndeleted{}
		if _, err := allowed(writing{tx}, c, vault); err != nil {
			return err
		}
		found, more, err := sessionDeletions(tx.Vaults(), c.Name, vault, u)
		if err != nil {
			return err
		}
		out.More = more
		for _, row := range slices.Backward(found) {
			now, err := tx.Vaults().Object(c.Name, vault, row.Object)
			if err == nil { // it takes the room of what it makes way for
				err = tx.Vaults().Delete(i.deletion(c, vault, now))
			}
			if err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			if err := tx.Vaults().Undelete(row); err != nil {
				return err
			}
			out.Count++
		}
		return nil
	})
	return out, err
}

// sessionDeletions returns the last deletions of a session up to a number, and
// whether there are more before them.
func sessionDeletions(v VaultReader, name string, vault uint8, u protocol.VaultUndelete) (found []VaultDeletionRow, more bool, err error) {
	for after := uint64(0); ; {
		page, err := v.Deletions(name, vault, after, protocol.MaxVaultPage)
		if err != nil || len(page) == 0 {
			return found, more, err
		}
		for _, row := range page {
			after = row.Number
			if row.Number > u.UpTo {
				return found, more, nil
			}
			if row.Session != u.Session {
				continue
			}
			if found = append(found, row); len(found) > undeletions {
				found, more = found[1:], true
			}
		}
	}
}
