// SPDX-License-Identifier: AGPL-3.0-or-later

package server_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zeebo/blake3"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/servertest"
	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/relay"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("error %v, want %v", err, target)
	}
}

func credentialsOf(t *testing.T, i *servertest.Instance, p servertest.Person) relay.Credentials {
	t.Helper()
	key, grant := p.StorageKey(t, i.Host)
	return relay.Credentials{Name: p.Name, Host: i.Host, Device: p.Device, Key: key, Grant: grant}
}

// vaultOf returns a vault of a person's account, as its device.
func vaultOf(t *testing.T, i *servertest.Instance, p servertest.Person, vault uint8) *relay.Storage {
	t.Helper()
	s, err := relay.Create(t.Context(), vault, credentialsOf(t, i, p), relay.Options{URL: i.URL})
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	return s
}

// deviceVault returns the vault that exists, as another device.
func deviceVault(t *testing.T, i *servertest.Instance, p servertest.Person) *relay.Storage {
	t.Helper()
	s, err := relay.Open(t.Context(), 1, credentialsOf(t, i, p), relay.Options{URL: i.URL})
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	return s
}

func packOf(n byte, size int) (name string, data []byte) {
	data = bytes.Repeat([]byte{n, 7}, size/2)
	sum := blake3.Sum256(data)
	return "packs/" + hex.EncodeToString(sum[:]), data
}

// contentFiles returns the files with content in a server's folder.
func contentFiles(t *testing.T, i *servertest.Instance) (paths []string) {
	t.Helper()
	check(t, filepath.WalkDir(filepath.Join(i.Dir, "blobs"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths = append(paths, path)
		}
		return err
	}))
	return paths
}

func listed(t *testing.T, s *relay.Storage) (names []string) {
	t.Helper()
	check(t, s.List(t.Context(), "", func(name string, _ int64) error {
		names = append(names, name)
		return nil
	}))
	return names
}

func deletionsOf(t *testing.T, s *relay.Storage) (all []protocol.VaultDeletion) {
	t.Helper()
	check(t, s.Deletions(t.Context(), 0, func(d protocol.VaultDeletion) error {
		all = append(all, d)
		return nil
	}))
	return all
}

// TestVaultsRefuseStrangers tries every way in that is not a storage key which a
// device of the account has signed.
func TestVaultsRefuseStrangers(t *testing.T) {
	i := servertest.Start(t, servertest.Options{})
	bob, _ := servertest.Register(t, i, "bob")
	eve, _ := servertest.Register(t, i, "eve")
	check(t, vaultOf(t, i, bob, 1).Create(t.Context(), "config", []byte("c")))
	good := credentialsOf(t, i, bob)
	for what, change := range map[string]func(*relay.Credentials){
		"a grant by another account's device": func(c *relay.Credentials) { c.Key, c.Grant = eve.StorageKey(t, i.Host) },
		"a grant for another server":          func(c *relay.Credentials) { c.Key, c.Grant = bob.StorageKey(t, "other.example") },
		"another storage key":                 func(c *relay.Credentials) { _, c.Key, _ = ed25519.GenerateKey(rand.Reader) },
		"another account's device":            func(c *relay.Credentials) { c.Device = eve.Device },
		"an account that does not exist":      func(c *relay.Credentials) { c.Name = "nobody" },
		"another account":                     func(c *relay.Credentials) { c.Name = "eve" },
	} {
		t.Run(what, func(t *testing.T) {
			c := good
			change(&c)
			_, err := relay.Open(t.Context(), 1, c, relay.Options{URL: i.URL})
			wantErr(t, err, relay.ErrDevice)
		})
	}
	eves := vaultOf(t, i, eve, 1) // that is another vault
	_, err := eves.Size(t.Context(), "config")
	wantErr(t, err, storage.ErrNotFound)
	for _, path := range []string{"", "/1/objects", "/1/objects/config", "/1/deletions", "/0/objects", "/65/objects", "/300/objects/config"} {
		for _, token := range []string{"", "AAAA", strings.Repeat("A", 120)} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, i.URL+protocol.VaultPath+path, nil)
			check(t, err)
			req.Header.Set("Authorization", "Bearer "+token)
			resp, err := http.DefaultClient.Do(req)
			check(t, err)
			check(t, resp.Body.Close())
			if resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s with the token %q: status %d", path, token, resp.StatusCode)
			}
		}
	}
}

// TestVaultsSurviveARestart goes on with a token of the server's life before.
func TestVaultsSurviveARestart(t *testing.T) {
	first := servertest.Start(t, servertest.Options{})
	p, _ := servertest.Register(t, first, "bob")
	s := vaultOf(t, first, p, 1)
	name, data := packOf(1, 70_000)
	check(t, s.Create(t.Context(), name, data))
	first.Stop(t)
	ln, err := net.Listen("tcp", strings.TrimPrefix(first.URL, "http://"))
	check(t, err)
	second := servertest.StartOn(t, ln, servertest.Options{Dir: first.Dir, Host: first.Host})
	check(t, second.Server.DropOrphans(t.Context()))
	got, err := s.Read(t.Context(), name, 0, int64(len(data)))
	check(t, err)
	if !bytes.Equal(got, data) {
		t.Error("other bytes are read")
	}
}

// TestOrphansOfVaultsAreDropped deletes content that no object has, and no other.
func TestOrphansOfVaultsAreDropped(t *testing.T) {
	i := servertest.Start(t, servertest.Options{})
	p, _ := servertest.Register(t, i, "bob")
	s := vaultOf(t, i, p, 1)
	check(t, s.Create(t.Context(), "config", []byte("c")))
	check(t, s.Create(t.Context(), "log/1", []byte("l")))
	check(t, s.Delete(t.Context(), "log/1"))
	before := contentFiles(t, i)
	orphan := filepath.Join(i.Dir, "blobs", "ab", strings.Repeat("ab", 32))
	check(t, os.MkdirAll(filepath.Dir(orphan), 0o700))
	check(t, os.WriteFile(orphan, []byte("x"), 0o600))
	check(t, i.Server.DropOrphans(t.Context()))
	if after := contentFiles(t, i); len(before) != 2 || strings.Join(before, "|") != strings.Join(after, "|") {
		t.Errorf("before %v, after %v", before, after)
	}
}

// TestVaultQuota fills an account's quota, and makes room with nothing left.
func TestVaultQuota(t *testing.T) {
	const quota = 1 << 20
	i := servertest.Start(t, servertest.Options{Limits: func(l *fairness.Limits) { l.VaultQuota = quota }})
	bob, _ := servertest.Register(t, i, "bob")
	eve, _ := servertest.Register(t, i, "eve")
	one, two := vaultOf(t, i, bob, 1), vaultOf(t, i, bob, 2)
	var names []string
	for n := range byte(16) {
		name, data := packOf(n, 64<<10)
		s := one
		if n >= 8 { // both vaults count
			s = two
		}
		check(t, s.Create(t.Context(), name, data))
		names = append(names, name)
	}
	extra, data := packOf(99, 2)
	wantErr(t, one.Create(t.Context(), extra, data), storage.ErrFull)
	wantErr(t, one.Replace(t.Context(), extra, data), storage.ErrFull)
	if files := contentFiles(t, i); len(files) != 16 {
		t.Errorf("%d files with content, want 16: what was refused stays", len(files))
	}
	check(t, vaultOf(t, i, eve, 1).Create(t.Context(), extra, data)) // her quota is another
	for n := range 1 << 20 / 4096 {                                  // log entries have a reserve, and no more
		check(t, one.Create(t.Context(), fmt.Sprintf("log/%d", n), []byte("entry")))
	}
	wantErr(t, one.Create(t.Context(), "log/last", []byte("entry")), storage.ErrFull)
	state, err := one.State(t.Context())
	check(t, err)
	if sum := state.Vaults[0].Bytes + state.Vaults[1].Bytes; state.Quota != quota || sum != quota+1<<20 {
		t.Errorf("%d bytes of %d", sum, state.Quota)
	}
	check(t, one.Delete(t.Context(), names[0]))
	_, data = packOf(1, 64<<10) // as a repair does
	check(t, one.Replace(t.Context(), names[1], data))
}

// TestVaultDeletionsAreBounded has a device delete what it has just stored, again and
// again: the server keeps as much as the quota allows, and refuses the rest.
func TestVaultDeletionsAreBounded(t *testing.T) {
	const quota = 1 << 20
	i := servertest.Start(t, servertest.Options{Limits: func(l *fairness.Limits) { l.VaultQuota = quota }})
	p, _ := servertest.Register(t, i, "bob")
	s := vaultOf(t, i, p, 1)
	deleted := 0
	for n := range 100 {
		name, data := packOf(byte(n), 64<<10)
		check(t, s.Create(t.Context(), name, data))
		if err := s.Delete(t.Context(), name); err != nil {
			wantErr(t, err, relay.ErrDeletedFull)
			break
		}
		deleted++
	}
	if deleted != 32 { // of the quota, and of the reserve
		t.Errorf("%d objects of 64 KiB were deleted", deleted)
	}
	if files := len(contentFiles(t, i)); files != deleted+1 {
		t.Errorf("%d files with content for %d deletions and an object", files, deleted)
	}
	check(t, s.Create(t.Context(), "probe/1", []byte("x"))) // what probes is not kept
	check(t, s.Delete(t.Context(), "probe/1"))
	if files := len(contentFiles(t, i)); files != deleted+1 {
		t.Errorf("%d files with content after a probe", files)
	}
}

// TestVaultsCanBeSwitchedOff serves none.
func TestVaultsCanBeSwitchedOff(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Limits: func(l *fairness.Limits) { l.VaultQuota = 0 }})
	p, _ := servertest.Register(t, i, "bob")
	_, err := relay.Create(t.Context(), 1, credentialsOf(t, i, p), relay.Options{URL: i.URL})
	wantErr(t, err, relay.ErrOff)
}

// clockAt is a clock that a test sets.
type clockAt struct{ ahead atomic.Int64 }

func (c *clockAt) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// TestThiefsDeviceDeletesNothingForGood has a device delete and replace everything,
// and be revoked: the owner gets all of it back, by asking or when its time comes.
func TestThiefsDeviceDeletesNothingForGood(t *testing.T) {
	clock := new(clockAt)
	i := servertest.Start(t, servertest.Options{Change: func(c *server.Config) { c.Now = clock.now }})
	owner, c := servertest.Register(t, i, "bob")
	chain := owner.Chain(t)
	thief, added := chain.AddDevice(owner)
	c.Must(protocol.OpAccountAppend, added, &protocol.Empty{})
	mine := vaultOf(t, i, owner, 1)
	want := map[string][]byte{"config": []byte("config"), "log/1": []byte("entry")}
	for n := range byte(10) {
		name, data := packOf(n, 64<<10)
		want[name] = data
	}
	for name, data := range want {
		check(t, mine.Create(t.Context(), name, data))
	}
	theirs := deviceVault(t, i, thief)
	for name := range want {
		check(t, theirs.Delete(t.Context(), name))
		if name == "config" || name == "log/1" { // and puts another in its place, twice
			check(t, theirs.Create(t.Context(), name, []byte("junk")))
			check(t, theirs.Replace(t.Context(), name, []byte("more junk")))
		}
	}
	all := deletionsOf(t, mine)
	if len(all) != len(want)+2 {
		t.Fatalf("%d deletions are listed, want %d", len(all), len(want)+2)
	}
	for _, d := range all {
		if d.Device != thief.Device || d.Session != theirs.Session() || d.Goes-d.Asked != int64(fairness.DefaultVaultKeep/time.Second) {
			t.Errorf("deletion %+v", d)
		}
	}
	c.Must(protocol.OpAccountAppend, chain.Revoke(owner, thief), &protocol.Empty{})
	wantErr(t, theirs.Delete(t.Context(), "config"), relay.ErrDevice) // with a token from before
	wantErr(t, theirs.Create(t.Context(), "log/2", nil), relay.ErrDevice)
	_, err := theirs.Read(t.Context(), "config", 0, 1)
	wantErr(t, err, relay.ErrDevice)

	n, err := mine.Undelete(t.Context(), theirs.Session(), all[len(all)-1].Number)
	check(t, err)
	if n != uint64(len(want)+2) {
		t.Errorf("%d deletions were taken back", n)
	}
	intact := func() {
		t.Helper()
		if names := listed(t, mine); len(names) != len(want) {
			t.Errorf("%d objects, want %d", len(names), len(want))
		}
		for name, data := range want {
			got, err := storage.ReadAll(t.Context(), mine, name, 1<<20)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s: %d bytes, %v", name, len(got), err)
			}
		}
	}
	intact()
	clock.ahead.Store(int64(fairness.DefaultVaultKeep + time.Hour))
	i.Server.ConfirmClock(t.Context())
	check(t, i.Server.Sweep(t.Context()))
	intact()
	if left := deletionsOf(t, mine); len(left) != 0 {
		t.Errorf("%d deletions are left after their time", len(left))
	}
	if files := len(contentFiles(t, i)); files != len(want) {
		t.Errorf("%d files with content, want %d", files, len(want))
	}
}

// TestDeletionsOfARevokedDeviceComeBack revokes a device, and does nothing else.
func TestDeletionsOfARevokedDeviceComeBack(t *testing.T) {
	clock := new(clockAt)
	i := servertest.Start(t, servertest.Options{Change: func(c *server.Config) { c.Now = clock.now }})
	owner, c := servertest.Register(t, i, "bob")
	chain := owner.Chain(t)
	thief, added := chain.AddDevice(owner)
	c.Must(protocol.OpAccountAppend, added, &protocol.Empty{})
	mine := vaultOf(t, i, owner, 1)
	check(t, mine.Create(t.Context(), "config", []byte("config")))
	check(t, mine.Create(t.Context(), "log/0", []byte("entry")))
	check(t, mine.Delete(t.Context(), "log/0"))
	check(t, deviceVault(t, i, thief).Delete(t.Context(), "config"))
	c.Must(protocol.OpAccountAppend, chain.Revoke(owner, thief), &protocol.Empty{})
	clock.ahead.Store(int64(fairness.DefaultVaultKeep - time.Hour))
	i.Server.ConfirmClock(t.Context())
	check(t, i.Server.Sweep(t.Context()))
	if names := listed(t, mine); len(names) != 0 {
		t.Errorf("before its time: %v", names)
	}
	clock.ahead.Store(int64(fairness.DefaultVaultKeep + time.Hour))
	i.Server.ConfirmClock(t.Context())
	check(t, i.Server.Sweep(t.Context()))
	if names := listed(t, mine); len(names) != 1 || names[0] != "config" {
		t.Errorf("after its time: %v", names)
	}
}

// TestDeletedAccountKeepsItsVaults deletes an account as a thief could, registers it
// again, and deletes it for good.
func TestDeletedAccountKeepsItsVaults(t *testing.T) {
	clock := new(clockAt)
	i := servertest.Start(t, servertest.Options{Change: func(c *server.Config) { c.Now = clock.now }})
	p, c := servertest.Register(t, i, "bob")
	s := vaultOf(t, i, p, 1)
	check(t, s.Create(t.Context(), "config", []byte("config")))
	erase := func() {
		c.Must(protocol.OpAccountDelete, &protocol.Empty{}, &protocol.Empty{})
		_, err := s.Size(t.Context(), "config")
		wantErr(t, err, relay.ErrDevice)
		addr, err := account.ParseAddress("bob@" + i.Host)
		check(t, err)
		d, err := server.Disclose(t.Context(), i.Store, addr)
		check(t, err)
		if len(rowsOf(d, "vault")) != 1 || len(rowsOf(d, "vault_object")) != 1 {
			t.Error("what is kept of a deleted account is not disclosed")
		}
	}
	erase()
	c = servertest.Dial(t, i)
	c.Must(protocol.OpRegister, p.Registration(), &protocol.Empty{})
	c.Must(protocol.OpAuthenticate, p.Authentication(c), &protocol.Empty{})
	clock.ahead.Store(int64(fairness.DefaultVaultKeep + time.Hour))
	i.Server.ConfirmClock(t.Context())
	check(t, i.Server.Sweep(t.Context()))
	_, err := s.Size(t.Context(), "config")
	check(t, err)
	erase()
	clock.ahead.Add(int64(fairness.DefaultVaultKeep + time.Hour))
	i.Server.ConfirmClock(t.Context())
	check(t, i.Server.Sweep(t.Context()))
	if files := contentFiles(t, i); len(files) != 0 {
		t.Errorf("%d files are left", len(files))
	}
}
