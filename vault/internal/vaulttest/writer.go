// SPDX-License-Identifier: AGPL-3.0-or-later

package vaulttest

import (
	"context"
	"testing"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/storage"
)

// Writer is a write-only device with what it keeps on its disk.
type Writer struct {
	Device *keys.Device
	Pin    vault.Pin
	// Disk is the state as it was saved last.
	Disk []byte
}

func (w *Writer) params(s storage.Storage) vault.WriterParams {
	p := vault.WriterParams{Params: vault.Params{Storage: s, Device: w.Device, Pin: w.Pin, Now: Now}, State: new(vault.WriterState)}
	p.Save = func(state *vault.WriterState) (err error) {
		w.Disk, err = dcbor.Marshal(state)
		return err
	}
	return p
}

// JoinWriter has the owner add a write-only device, and opens the vault there.
func (p *Person) JoinWriter(t testing.TB, s storage.Storage, name string) (*Writer, *vault.Vault) {
	t.Helper()
	w := &Writer{Device: NewPerson(t).Device}
	code, err := p.Open(t, s).AddWriter(t.Context(), w.Device.Public(name))
	Must(t, err)
	v, err := vault.JoinWriter(t.Context(), w.params(s), code)
	Must(t, err)
	w.Keep(t, v)
	return w, v
}

// Keep has the device keep what it has seen, as a command does at its end.
func (w *Writer) Keep(t testing.TB, v *vault.Vault) {
	t.Helper()
	w.Pin = v.Pin()
	Must(t, w.params(nil).Save(v.WriterState()))
}

// TryOpen opens the vault with what the device has on its disk.
func (w *Writer) TryOpen(s storage.Storage) (*vault.Vault, error) {
	p := w.params(s)
	if err := dcbor.Unmarshal(w.Disk, p.State); err != nil {
		return nil, err
	}
	return vault.OpenWriter(context.Background(), p)
}

// Open is TryOpen for a device that has to be able to.
func (w *Writer) Open(t testing.TB, s storage.Storage) *vault.Vault {
	t.Helper()
	v, err := w.TryOpen(s)
	Must(t, err)
	return v
}
