// SPDX-License-Identifier: AGPL-3.0-or-later

package vaultcli

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/secretmem"
	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/storage"
)

// The files of a vault's folder on this device, beside the key as in a profile.
const (
	fileDevice   = "device"
	fileSeen     = "seen"
	fileLocation = "location" // the path or address of the vault, in clear
	fileReplaced = "replaced" // what location becomes when the device has newer keys for the place
)

// device is what this device keeps of a vault.
type device struct {
	app      *app
	path     string
	location string // the vault's folder, or its address
	key      keyring.StoreKey
	device   *keys.Device
	pin      vault.Pin
	writer   *vault.WriterState // of a write-only device
	lock     *flock.Flock       // held by a write-only device while it works; nil for others
	store    openedStorage
}

// storedDevice is the file "device", and storedPin the file "seen"; both are
// sealed by the store key.
type (
	storedDevice struct {
		Version uint8  `cbor:"1,keyasint"`
		Seeds   []byte `cbor:"2,keyasint"`
	}
	storedPin struct {
		Version     uint8    `cbor:"1,keyasint"`
		Vault       [32]byte `cbor:"2,keyasint"`
		Config      [32]byte `cbor:"3,keyasint"`
		Fingerprint [32]byte `cbor:"4,keyasint"`
		Entries     uint64   `cbor:"5,keyasint"`
		Head        [32]byte `cbor:"6,keyasint"`
	}
)

// newDevice makes keys for a vault in a folder that has none yet.
func (a *app) newDevice(location string, noPassphrase bool) (*device, error) {
	if err := os.MkdirAll(a.vaultsFolder(), 0o700); err != nil {
		return nil, err
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // it never fails
	d := &device{app: a, path: filepath.Join(a.vaultsFolder(), hex.EncodeToString(random[:])), location: location}
	if err := os.Mkdir(d.path, 0o700); err != nil {
		return nil, err
	}
	var err error
	if d.key, err = a.NewKey(d.path, noPassphrase); err != nil {
		return nil, errors.Join(err, d.discard())
	}
	if d.device, err = keys.NewDevice(); err != nil {
		return nil, errors.Join(err, d.discard())
	}
	seeds, err := d.device.Seeds()
	if err != nil {
		return nil, errors.Join(err, d.discard())
	}
	defer clear(seeds)
	if err := d.write(fileDevice, storedDevice{1, seeds}); err != nil {
		return nil, errors.Join(err, d.discard())
	}
	return d, nil
}

// discard removes what newDevice made.
func (d *device) discard() error { return os.RemoveAll(d.path) }

// params returns how the vault is opened.
func (d *device) params(s storage.Storage) vault.Params {
	return vault.Params{Storage: s, Device: d.device, Pin: d.pin, Now: time.Now}
}

// register keeps the first state of the vault that this device saw. From then on
// the vault is known here.
func (d *device) register(v *vault.Vault) error {
	if err := d.remember(v); err != nil {
		return err
	}
	if err := console.WriteFile(filepath.Join(d.path, fileLocation), []byte(d.location)); err != nil {
		return err
	}
	return d.replaceOthers()
}

// replaceOthers sets earlier keys of this device for the same place aside: those of
// a device that was removed from the vault would be taken for the new ones.
func (d *device) replaceOthers() error {
	entries, err := os.ReadDir(d.app.vaultsFolder())
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(d.app.vaultsFolder(), e.Name())
		where, err := os.ReadFile(filepath.Join(path, fileLocation))
		if err != nil || path == d.path || string(where) != d.location {
			continue
		}
		if err := os.Rename(filepath.Join(path, fileLocation), filepath.Join(path, fileReplaced)); err != nil {
			return err
		}
	}
	return nil
}

// remember keeps what this device has seen of the vault.
func (d *device) remember(v *vault.Vault) error {
	if v.WriteOnly() {
		if err := d.saveWriter(v.WriterState()); err != nil {
			return err
		}
	}
	p := v.Pin()
	if p == d.pin {
		return nil
	}
	var seen storedPin // another command may have seen more meanwhile
	if err := d.read(fileSeen, &seen); err == nil && seen.Entries > p.Entries && seen.Vault == p.Vault {
		return nil
	}
	return d.write(fileSeen, storedPin{1, p.Vault, p.Config, p.Fingerprint, p.Entries, p.Head})
}

func (d *device) write(name string, v any) error {
	b, err := dcbor.Marshal(v)
	if err != nil {
		return err
	}
	defer clear(b)
	aead, err := chacha20poly1305.NewX(d.key[:])
	if err != nil {
		return err
	}
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // it never fails
	temp := filepath.Join(d.path, fmt.Sprintf("%s.%x", name, nonce[:8]))
	err = console.WriteFile(temp, aead.Seal(nonce, nonce, b, []byte("securecrypt/v1/vault-device/"+name)))
	if err == nil {
		err = os.Rename(temp, filepath.Join(d.path, name))
	}
	if err != nil {
		_ = os.Remove(temp) // it may never have been made
	}
	return err
}

func (d *device) read(name string, v any) error {
	b, err := os.ReadFile(filepath.Join(d.path, name))
	if err != nil {
		return err
	}
	aead, err := chacha20poly1305.NewX(d.key[:])
	if err != nil {
		return err
	}
	damaged := fmt.Errorf("%s is damaged: remove the folder %s and run securecrypt vault join", filepath.Join(d.path, name), d.path)
	if len(b) < aead.NonceSize() {
		return damaged
	}
	plain, err := aead.Open(nil, b[:aead.NonceSize()], b[aead.NonceSize():], []byte("securecrypt/v1/vault-device/"+name))
	if err != nil {
		return damaged
	}
	defer clear(plain)
	if err := dcbor.Unmarshal(plain, v); err != nil {
		return damaged
	}
	return nil
}

// openDevice opens what this device keeps of the vault in a place, or of the
// only vault that it knows if location is empty.
func (a *app) openDevice(location string) (*device, error) {
	d, err := a.knownDevice(location)
	if err != nil {
		return nil, err
	}
	return d, d.open()
}

// knownDevice finds what openDevice opens.
func (a *app) knownDevice(location string) (*device, error) {
	entries, err := os.ReadDir(a.vaultsFolder())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var found []*device
	for _, e := range entries {
		d := &device{app: a, path: filepath.Join(a.vaultsFolder(), e.Name())}
		where, err := os.ReadFile(filepath.Join(d.path, fileLocation))
		if err == nil && (location == "" || string(where) == location) {
			d.location = string(where)
			found = append(found, d)
		}
	}
	switch {
	case len(found) == 0 && location != "":
		return nil, console.WithCode(fmt.Errorf("this device has no keys of a vault in %s: make one with securecrypt vault init, or open it with its recovery key and securecrypt vault join", location), console.ExitNotFound)
	case len(found) == 0:
		return nil, console.WithCode(errors.New("this device knows no vault yet: make one with securecrypt vault init PLACE, or open one with its recovery key and securecrypt vault join PLACE"), console.ExitNotFound)
	case len(found) > 1 && location == "":
		return nil, console.WithCode(errors.New("this device knows several vaults: say which with --vault PLACE"), console.ExitUsage)
	}
	return found[len(found)-1], nil
}

// open reads the files of a vault's folder on this device.
func (d *device) open() error {
	var err error
	d.key, err = d.app.ReadKey(d.path)
	if errors.Is(err, console.ErrNoKey) {
		return console.WithCode(fmt.Errorf("the key of this device in %s is gone: put the folder back from a backup, or run securecrypt vault join with the recovery key", d.path), console.ExitNotFound)
	}
	if err != nil {
		return err
	}
	secretmem.Lock(&d.key)
	var stored storedDevice
	if err := d.read(fileDevice, &stored); err != nil {
		return err
	}
	defer clear(stored.Seeds)
	if d.device, err = keys.DeviceFromSeeds(stored.Seeds); err != nil {
		return err
	}
	var p storedPin
	if err := d.read(fileSeen, &p); err != nil {
		if _, asked := os.Stat(filepath.Join(d.path, fileRequested)); asked == nil && errors.Is(err, os.ErrNotExist) {
			return nil // it has not opened the vault yet
		}
		return err
	}
	d.pin = vault.Pin{Vault: p.Vault, Config: p.Config, Fingerprint: p.Fingerprint, Entries: p.Entries, Head: p.Head}
	return nil
}
