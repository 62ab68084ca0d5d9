// SPDX-License-Identifier: AGPL-3.0-or-later

package console

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/internal/product/secretmem"
)

// The files of a folder that hold its store key: one of them is there.
const (
	FileSealed = "key.sealed" // sealed with a passphrase
	FileKey    = "key"        // as it is: --no-passphrase
)

// ErrNoKey is returned for a folder that has no store key.
var ErrNoKey = errors.New("no key is in the folder: put it back from a copy")

// ReadKey reads the store key of a folder, and asks for the passphrase if it is
// sealed with one.
func (c *Console) ReadKey(folder string) (keyring.StoreKey, error) {
	var k keyring.StoreKey
	plainFile := filepath.Join(folder, FileKey)
	if plain, err := os.ReadFile(plainFile); err == nil {
		secretmem.Lock(plain)
		defer clear(plain)
		raw, err := hex.DecodeString(strings.TrimSpace(string(plain)))
		if err != nil || len(raw) != len(k) {
			return k, fmt.Errorf("%s is damaged: put it back from a backup", plainFile)
		}
		return keyring.StoreKey(raw), nil
	}
	sealed, err := os.ReadFile(filepath.Join(folder, FileSealed))
	if errors.Is(err, os.ErrNotExist) {
		return k, ErrNoKey
	}
	if err != nil {
		return k, err
	}
	passphrase, err := c.passphrase("Passphrase: ", false)
	defer clear(passphrase)
	if err != nil {
		return k, err
	}
	k, err = keyring.Open(sealed, passphrase)
	if errors.Is(err, keyring.ErrPassphrase) && c.markedFile() {
		marked := append([]byte(byteOrderMark), passphrase...) // as it was sealed by earlier versions
		defer clear(marked)
		return keyring.Open(sealed, marked)
	}
	return k, err
}

// NewKey makes a store key and keeps it in a folder.
func (c *Console) NewKey(folder string, noPassphrase bool) (keyring.StoreKey, error) {
	k := keyring.NewStoreKey()
	if noPassphrase {
		return k, WriteFile(filepath.Join(folder, FileKey), []byte(hex.EncodeToString(k[:])+"\n"))
	}
	passphrase, err := c.passphrase("New passphrase: ", true)
	defer clear(passphrase)
	if err != nil {
		return k, err
	}
	if len(passphrase) == 0 {
		return k, WithCode(errors.New("the passphrase is empty; to do without one, say --no-passphrase"), ExitLocked)
	}
	if keyring.Weak(string(passphrase)) {
		c.Say("this passphrase is easy to guess for whoever gets a copy of the profile: four or more words that have nothing to do with each other are better")
	}
	sealed, err := keyring.Seal(k, passphrase)
	if err != nil {
		return k, err
	}
	return k, WriteFile(filepath.Join(folder, FileSealed), sealed)
}

// WriteFile writes a new file that only the user can read, durably.
func WriteFile(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}
