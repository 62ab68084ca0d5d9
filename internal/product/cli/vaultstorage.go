// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/securecrypt/securecrypt/vault/storage"
	vaultfolder "github.com/securecrypt/securecrypt/vault/storage/folder"
	"github.com/securecrypt/securecrypt/vault/storage/s3"
	"github.com/securecrypt/securecrypt/vault/storage/sftp"
)

// vaultPlace says where a vault lies, as it was given on the command line: a
// folder, sftp://user@host:port/path, or s3://host:port/bucket/prefix.
type vaultPlace string

// Decode implements kong.MapperValue. It keeps bytes that are not UTF-8.
func (p *vaultPlace) Decode(ctx *kong.DecodeContext) error {
	token, err := ctx.Scan.PopValue("place")
	if err == nil {
		*p = vaultPlace(token.String())
	}
	return err
}

// vaultStorage is a storage that a command has opened.
type vaultStorage interface {
	storage.Storage
	// Clean removes what processes that were killed left beside the objects.
	Clean(ctx context.Context) error
	Close() error
}

// scheme matches the beginning of an address. A drive letter of Windows is none.
var scheme = regexp.MustCompile(`^[a-z][a-z0-9+.-]+:`)

// vaultLocation returns an absolute path or an address in its normal form, by
// which this device knows the vault; nothing for an empty place.
func (a *app) vaultLocation(p vaultPlace) (string, error) {
	s := string(p)
	isAddress, err := false, error(nil)
	switch {
	case s == "":
		return "", nil
	case strings.HasPrefix(s, sftp.Scheme):
		var address sftp.Address
		address, err = sftp.ParseAddress(s, loginName())
		s, isAddress = address.String(), true
	case strings.HasPrefix(s, s3.Scheme), strings.HasPrefix(s, s3.SchemePlain):
		var address s3.Address
		address, err = s3.ParseAddress(s)
		s, isAddress = address.String(), true
	case scheme.MatchString(s) && strings.Contains(s, "://"):
		err = errors.New("vaults know no such address: enter a folder, sftp://user@host:port/path or s3://host:port/bucket/prefix")
	}
	if err != nil {
		return "", coded{err, exitUsage}
	}
	if isAddress {
		return s, nil
	}
	s = kong.ExpandPath(s)
	if a.dir != "" && !filepath.IsAbs(s) {
		s = filepath.Join(a.dir, s)
	}
	return s, nil
}

// loginName returns the name of the current user without the domain of Windows.
func loginName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username[strings.LastIndex(u.Username, `\`)+1:]
}

// openVaultStorage opens the storage of a vault that exists.
func (a *app) openVaultStorage(location string) (vaultStorage, error) {
	return a.connectVault(location, false)
}

// createVaultStorage opens a storage for a new vault.
func (a *app) createVaultStorage(location string) (vaultStorage, error) {
	return a.connectVault(location, true)
}

func (a *app) connectVault(location string, create bool) (vaultStorage, error) {
	u, err := url.Parse(location)
	if err != nil { // a path may have anything in it
		u = new(url.URL)
	}
	switch u.Scheme + "://" {
	case sftp.Scheme:
		address, err := sftp.ParseAddress(location, "")
		if err != nil {
			return nil, err
		}
		o, err := sftp.DefaultOptions()
		if err != nil {
			return nil, err
		}
		o.Wait = wait
		return asStorage(choose(create, sftp.Create, sftp.Open)(a.ctx, address, o))
	case s3.Scheme, s3.SchemePlain:
		address, err := s3.ParseAddress(location)
		if err != nil {
			return nil, err
		}
		o := s3.DefaultOptions()
		o.Wait = wait
		return asStorage(choose(create, s3.Create, s3.Open)(a.ctx, address, o))
	}
	return asStorage(choose(create, vaultfolder.Create, vaultfolder.Open)(location))
}

func choose[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

// asStorage returns no storage, rather than a nil pointer in an interface, when there
// is an error.
func asStorage[S vaultStorage](s S, err error) (vaultStorage, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// wait returns after d, or when the context is done.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// probeRounds is how often the probe has two writers race. What a storage says of
// itself needs no race.
const probeRounds = 20

// probeVault reports whether several devices may use a vault: it opens another
// connection to the storage and has both create the same names. The first error
// is storage.ErrNotAtomic or nil, the second that the probe could not be made.
func (a *app) probeVault(store vaultStorage, location string, create bool) (atomic, err error) {
	second, err := a.connectVault(location, create)
	if err != nil {
		return nil, err
	}
	err = errors.Join(storage.Probe(a.ctx, store, second, probeRounds), second.Close())
	if errors.Is(err, storage.ErrNotAtomic) {
		return err, nil
	}
	return nil, err
}

// warnOfLosses says what a storage cannot promise.
func (a *app) warnOfLosses(store vaultStorage) error {
	s, ok := store.(*sftp.Storage)
	if !ok {
		return nil
	}
	flushes, err := s.Flushes(a.ctx)
	if err == nil && !flushes {
		a.say("the server cannot be asked to write to its disk: if it loses power, what was backed up shortly before may be lost; securecrypt vault check finds that")
	}
	return err
}

// whoCanDelete says who can destroy a vault.
func whoCanDelete(store vaultStorage) string {
	switch store.(type) {
	case *sftp.Storage:
		return "Whoever can log in to the server as that user can delete the vault"
	case *s3.Storage:
		return "Whoever has these credentials can delete the vault, unless the bucket keeps old versions and they cannot delete those"
	}
	return "Whoever can write to the folder can delete the vault"
}

// errOneDevice is why join refuses a storage that the probe has found wanting.
func errOneDevice(reason error) error {
	return coded{fmt.Errorf("this storage cannot keep the changes of two devices apart, and this would be another device of the vault. If no other device uses the vault any more, run the command again with --alone (%w)", reason), exitRefused}
}
