// SPDX-License-Identifier: AGPL-3.0-or-later

package vaultcli

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/english"
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/vault/storage/relay"
)

// A Grantor has the device of the profile in --home sign a new storage key.
type Grantor func() (relay.Credentials, error)

// fileStorage has the storage key of a vault on a server, sealed by the store key,
// and fileDeletions which deletions this device has told of.
const (
	fileStorage   = "storage"
	fileDeletions = "deletions"
)

type (
	storedStorage struct {
		Version uint8              `cbor:"1,keyasint"`
		Name    string             `cbor:"2,keyasint"`
		Host    string             `cbor:"3,keyasint"`
		Device  protocol.DeviceID  `cbor:"4,keyasint"`
		Seed    []byte             `cbor:"5,keyasint"`
		Grant   protocol.Signature `cbor:"6,keyasint"`
	}
	storedDeletions struct {
		Version uint8  `cbor:"1,keyasint"`
		Told    uint64 `cbor:"2,keyasint"` // number of the newest
	}
)

// admit has the profile's device sign a storage key if location is on a server, and
// returns the location with the account in it.
func (o *opener) admit(location string) (string, error) {
	if !strings.HasPrefix(location, relay.Scheme) {
		return location, nil
	}
	address, err := relay.ParseAddress(location)
	if err != nil {
		return "", console.WithCode(err, console.ExitUsage)
	}
	c, err := o.app.grant()
	if err != nil {
		return "", err
	}
	if address.Host != "" && (address.Name != c.Name || address.Host != c.Host) {
		return "", console.WithCode(fmt.Errorf("the profile in %s is %s@%s and cannot use vaults of another account: name that account's profile with --home", o.app.Home, c.Name, c.Host), console.ExitUsage)
	}
	address.Name, address.Host = c.Name, c.Host
	o.credentials = &c
	return address.String(), nil
}

// use has the opener sign in with what this device keeps for a vault on a server.
func (o *opener) use(d *device) error {
	if !strings.HasPrefix(d.location, relay.Scheme) {
		return nil
	}
	var s storedStorage
	if err := d.read(fileStorage, &s); err != nil {
		return err
	}
	defer clear(s.Seed)
	if len(s.Seed) != ed25519.SeedSize {
		return fmt.Errorf("%s is damaged: remove the folder %s and run securecrypt vault join", filepath.Join(d.path, fileStorage), d.path)
	}
	o.credentials = &relay.Credentials{Name: s.Name, Host: s.Host, Device: s.Device, Key: ed25519.NewKeyFromSeed(s.Seed), Grant: s.Grant}
	return nil
}

// keepStorage keeps what the opener signs in with.
func (d *device) keepStorage(o *opener) error {
	c := o.credentials
	if c == nil {
		return nil
	}
	return d.write(fileStorage, storedStorage{1, c.Name, c.Host, c.Device, c.Key.Seed(), c.Grant})
}

// openServer opens a vault on a server.
func (o *opener) openServer(location string, create bool) (openedStorage, error) {
	address, options, err := o.serverOptions(location)
	if err != nil {
		return nil, err
	}
	return asStorage(choose(create, relay.Create, relay.Open)(o.app.Ctx, address.Vault, *o.credentials, options))
}

func (o *opener) serverOptions(location string) (address relay.Address, options relay.Options, err error) {
	if address, err = relay.ParseAddress(location); err != nil {
		return address, options, err
	}
	if o.credentials == nil {
		return address, options, errors.New("this device has no storage key for that account: run securecrypt vault join")
	}
	scheme := "https://"
	if isThisMachine(address.Host) {
		scheme = "http://"
	}
	return address, relay.Options{URL: scheme + address.Host, Wait: wait, Dial: o.limits.Dial(dialer.DialContext)}, nil
}

// isThisMachine reports whether a host is reached without TLS, which is so on the
// machine itself alone.
func isThisMachine(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	ip, err := netip.ParseAddr(name)
	return name == "localhost" || err == nil && ip.IsLoopback()
}

// accountOf returns the location of a vault on a server with the account in it, if
// this device knows one vault of that number.
func (a *app) accountOf(address relay.Address) string {
	suffix := fmt.Sprintf("/%d", address.Vault)
	found := map[string]bool{}
	for _, file := range []string{fileLocation, fileRequested} {
		paths, err := filepath.Glob(filepath.Join(a.vaultsFolder(), "*", file))
		if err != nil {
			continue // the folder's name is a bad pattern: the account has to be named
		}
		for _, path := range paths {
			where, err := os.ReadFile(path)
			if err == nil && bytes.HasPrefix(where, []byte(relay.Scheme)) && bytes.HasSuffix(where, []byte(suffix)) {
				found[string(where)] = true
			}
		}
	}
	if len(found) == 1 {
		for location := range found {
			return location
		}
	}
	return address.String()
}

// A deletedRun is what one run of a program deleted from a vault on a server.
type deletedRun struct {
	Session protocol.VaultSessionID
	Device  protocol.DeviceID
	Count   int
	Bytes   uint64
	Last    uint64 // number
	Asked   int64  // of the first
	Goes    int64
}

// deletedRuns returns what was deleted after a number and can be taken back, by runs.
func (a *app) deletedRuns(s *relay.Storage, after uint64) ([]*deletedRun, error) {
	runs := map[protocol.VaultSessionID]*deletedRun{}
	err := s.Deletions(a.Ctx, after, func(d protocol.VaultDeletion) error {
		r := runs[d.Session]
		if r == nil {
			r = &deletedRun{Session: d.Session, Device: d.Device, Asked: d.Asked, Goes: d.Goes}
			runs[d.Session] = r
		}
		r.Count++
		r.Bytes += d.Size
		r.Last = d.Number
		return nil
	})
	return slices.SortedFunc(maps.Values(runs), func(x, y *deletedRun) int { return cmp.Compare(x.Last, y.Last) }), err
}

// tellDeletions tells of what others deleted from a vault on a server since this
// device was last there. Their devices may be stolen.
func (d *device) tellDeletions() error {
	s, ok := d.store.(*relay.Storage)
	if !ok {
		return nil
	}
	state, err := s.State(d.app.Ctx)
	if err != nil {
		return err
	}
	address, err := relay.ParseAddress(d.location)
	if err != nil {
		return err
	}
	var told storedDeletions
	if err := d.read(fileDeletions, &told); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	last := uint64(0)
	for _, v := range state.Vaults {
		if v.Vault == address.Vault {
			last = v.Last
		}
	}
	if last <= told.Told {
		return nil
	}
	runs, err := d.app.deletedRuns(s, told.Told)
	if err != nil {
		return err
	}
	for _, r := range runs {
		if r.Session != s.Session() {
			d.app.Say("%s. If that was no prune of yours, take it back: securecrypt vault deleted --undo %x", r.text(s), r.Session)
		}
	}
	return d.write(fileDeletions, storedDeletions{1, last})
}

func (r *deletedRun) text(s *relay.Storage) string {
	who := "device " + hex.EncodeToString(r.Device[:])[:16] + " of the account"
	if r.Device == s.Device() {
		who = "this device"
	}
	day := func(seconds int64) string { return time.Unix(seconds, 0).Local().Format("2006-01-02 15:04") }
	return fmt.Sprintf("%s deleted %d objects with %s from the vault on %s; the server keeps them until %s", who, r.Count, english.Size(int64(r.Bytes)), day(r.Asked), day(r.Goes))
}

type deletedCmd struct {
	Undo   []string `help:"Take back what these runs deleted or replaced." placeholder:"RUN"`
	DryRun bool     `help:"Show what would be taken back." short:"n"`
}

// Run lists what was deleted from a vault on a server, or takes it back.
func (cmd *deletedCmd) Run(a *app, all *Commands) error {
	// The vault itself may be what was deleted: nothing of it is opened.
	location, err := a.location(all.Vault)
	if err != nil {
		return err
	}
	d, err := a.openDevice(location)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(d.location, relay.Scheme) {
		return console.WithCode(errors.New("a SecureCrypt server alone keeps what is deleted: for a folder, a host or a bucket, look for older copies or versions there"), console.ExitRefused)
	}
	o := a.opener(all)
	if err := o.use(d); err != nil {
		return err
	}
	address, options, err := o.serverOptions(d.location)
	if err != nil {
		return err
	}
	store := relay.New(address.Vault, *o.credentials, options)
	return errors.Join(advised(cmd.run(a, store)), store.Close())
}

func (cmd *deletedCmd) run(a *app, store *relay.Storage) error {
	runs, err := a.deletedRuns(store, 0)
	if err != nil {
		return err
	}
	if len(cmd.Undo) == 0 {
		for _, r := range runs {
			a.printDeleted(store, r)
		}
		return a.Stdout.Err()
	}
	// The last run first: what it put in the place of what another had deleted makes way.
	count := uint64(0)
	for _, r := range slices.Backward(runs) {
		if !slices.Contains(cmd.Undo, hex.EncodeToString(r.Session[:])) {
			continue
		}
		if cmd.DryRun {
			a.printDeleted(store, r)
			count += uint64(r.Count)
			continue
		}
		n, err := store.Undelete(a.Ctx, r.Session, r.Last)
		count += n
		if err != nil {
			return err
		}
	}
	switch {
	case count == 0:
		return console.WithCode(errors.New("there is no such run of which something can be taken back: securecrypt vault deleted lists them"), console.ExitNotFound)
	case cmd.DryRun:
		a.Say("%d objects would be taken back", count)
	default:
		a.Say("%d objects are taken back. If snapshots are missing, securecrypt vault undo brings them back, and securecrypt vault check says whether all is there", count)
	}
	return nil
}

func (a *app) printDeleted(s *relay.Storage, r *deletedRun) {
	if a.JSON {
		a.PrintJSON(map[string]any{"type": "deleted", "run": hex.EncodeToString(r.Session[:]), "device": hex.EncodeToString(r.Device[:]), "this": r.Device == s.Device(),
			"objects": r.Count, "bytes": r.Bytes, "asked": time.Unix(r.Asked, 0).UTC(), "until": time.Unix(r.Goes, 0).UTC()})
		return
	}
	_, _ = fmt.Fprintf(a.Stdout, "%x  %s\n", r.Session, r.text(s))
}
