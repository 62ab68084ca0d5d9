// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gofrs/flock"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/files/disk"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/sqlite"
	"github.com/securecrypt/securecrypt/client/transport/websocket"
	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/english"
	"github.com/securecrypt/securecrypt/internal/product/secretmem"
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/vault/storage/relay"
)

// The files of a profile's folder.
const (
	fileLock  = "lock"
	fileStore = "profile.db"
)

// lockWait is how long a command waits for another one that uses the profile.
const lockWait = 10 * time.Second

// A folder is a profile's folder, locked by this process.
type folder struct {
	app   *app
	path  string
	lock  *flock.Flock
	store *sqlite.Store
}

// openFolder locks the profile's folder.
// While another process has it, openFolder waits, or has that process run the
// command: then the error is a lentExit.
func (a *app) openFolder() (*folder, error) {
	if err := a.keepPrivate(); err != nil {
		return nil, err
	}
	f := &folder{app: a, path: a.Home, lock: flock.New(filepath.Join(a.Home, fileLock))}
	deadline := time.Now().Add(lockWait)
	for {
		ok, err := f.lock.TryLock()
		if err != nil {
			return nil, fmt.Errorf("the profile in %s cannot be opened: %w", a.Home, err)
		}
		if ok {
			return f, nil
		}
		if lent, err := a.borrow(f); lent {
			return nil, err
		}
		if time.Now().After(deadline) {
			return nil, console.WithCode(fmt.Errorf("another securecrypt uses the profile in %s; stop it or use another --home", a.Home), console.ExitBusy)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-a.Ctx.Done():
			return nil, a.Ctx.Err()
		}
	}
}

// keepPrivate takes from the profile's folder, and from the files in it, what
// others may do with them. It says so, and refuses a folder that it cannot
// change, or that is there for other things.
func (a *app) keepPrivate() error {
	if runtime.GOOS == "windows" { // which has other rights than these
		return nil
	}
	mended := false
	for _, name := range []string{"", fileLock, fileStore, fileStore + "-wal", fileStore + "-shm", console.FileSealed, console.FileKey} {
		path := filepath.Join(a.Home, name)
		info, err := os.Stat(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil && name == "" && info.Mode().Perm()&0o077 != 0 && a.shared(info) {
			return console.WithCode(fmt.Errorf("%s is open to other users of this machine and holds other things; use a --home of its own", a.Home), console.ExitUsage)
		}
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			err, mended = os.Chmod(path, info.Mode().Perm()&0o700), true
		}
		if err != nil {
			return fmt.Errorf("other users of this machine can read the profile in %s, and that cannot be changed; use another --home (%w)", a.Home, err)
		}
	}
	if mended {
		a.Say("the profile in %s was open to other users of this machine; it is closed to them now", a.Home)
	}
	return nil
}

// shared reports whether a folder is there for other things than a profile.
func (a *app) shared(info os.FileInfo) bool {
	if info.Mode()&os.ModeSticky != 0 { // such as /tmp
		return true
	}
	entries, err := os.ReadDir(a.Home)
	for _, e := range entries {
		if e.Name() == fileStore || e.Name() == console.FileKey || e.Name() == console.FileSealed {
			return false
		}
	}
	return err != nil || len(entries) > 0
}

func (f *folder) file(name string) string { return filepath.Join(f.path, name) }

func (f *folder) close() error {
	var err error
	if f.store != nil {
		err = f.store.Close()
	}
	return errors.Join(err, f.lock.Unlock())
}

// erase removes the profile. What else is in the folder stays.
func (f *folder) erase() error {
	err := f.remove()
	if e := os.Remove(f.file(fileLock)); !errors.Is(e, os.ErrNotExist) {
		err = errors.Join(err, e)
	}
	if err != nil {
		return fmt.Errorf("not all of the profile is erased: delete the folder %s yourself (%w)", f.path, err)
	}
	if os.Remove(f.path) != nil {
		f.app.Say("the profile is erased; other files are left in %s", f.path)
		return nil
	}
	f.app.Say("the profile in %s is erased; copies and backups of it are not", f.path)
	return nil
}

func (f *folder) openStore() (err error) {
	// SQLite makes its other files as open as this one.
	db, err := os.OpenFile(f.file(fileStore), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	f.store, err = sqlite.Open(f.file(fileStore))
	return err
}

// exists reports whether a name is in the folder.
func (f *folder) exists(name string) bool {
	_, err := os.Lstat(f.file(name))
	return err == nil
}

// key reads the store key.
func (f *folder) key() (keyring.StoreKey, error) {
	k, err := f.app.ReadKey(f.path)
	switch {
	case errors.Is(err, console.ErrNoKey) && f.exists(fileStore):
		return k, console.WithCode(fmt.Errorf("the key of the profile in %s is gone: neither %s nor %s is there, and without it nobody can read %s. "+
			"Put the file back from a copy of it; if there is none, begin again with another --home", f.path, console.FileSealed, console.FileKey, fileStore), console.ExitError)
	case errors.Is(err, console.ErrNoKey):
		return k, console.WithCode(fmt.Errorf("%w in %s; create one with securecrypt init", chat.ErrNoProfile, f.path), console.ExitNotFound)
	}
	return k, err
}

// A session is an open profile.
type session struct {
	*app
	*client.Client
	folder    *folder
	key       keyring.StoreKey
	transport *websocket.Transport
	hub       *hub
	events    *queue
	adding    []account.Address // whom a command adds to a group
}

// open opens the profile, off line.
func (a *app) open() (*session, error) {
	if _, err := os.Stat(a.Home); errors.Is(err, os.ErrNotExist) {
		return nil, console.WithCode(fmt.Errorf("%w in %s; create one with securecrypt init", chat.ErrNoProfile, a.Home), console.ExitNotFound)
	}
	f, err := a.openFolder()
	if err != nil {
		return nil, err
	}
	s, err := f.session()
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return s, nil
}

func (f *folder) session() (*session, error) {
	k, err := f.key()
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(f.file(fileStore))
	switch {
	case errors.Is(err, os.ErrNotExist), err == nil && info.Size() == 0:
		return nil, console.WithCode(fmt.Errorf("the profile in %s is empty: %s is gone or has 0 bytes, as after a power cut, and its key alone holds no message. "+
			"Nothing of it can be got back from here. Begin again with another --home, and give people your new address", f.path, fileStore), console.ExitError)
	case err != nil:
		return nil, err
	}
	if err := f.openStore(); err != nil {
		return nil, err
	}
	s := &session{app: f.app, folder: f, key: k, transport: websocket.New(), hub: &hub{}}
	secretmem.Lock(&s.key)
	s.events = s.hub.listen()
	cfg := f.app.config(f, k, s.transport, s.hub.push)
	s.Client, err = client.Open(cfg)
	if errors.Is(err, chat.ErrLinkOpen) {
		if err = linkFailed(f.app.resume(cfg)); err == nil {
			s.Client, err = client.Open(cfg)
		}
	}
	return s, err
}

func (a *app) config(f *folder, k keyring.StoreKey, t backend.Transport, onEvent func(chat.Event)) client.Config {
	level := slog.LevelError + 1
	if a.Verbose {
		level = slog.LevelDebug
	}
	return client.Config{
		Store: f.store, Key: k, Transport: t, Files: disk.Files{}, OnEvent: onEvent, Lock: secretmem.Lock, Now: a.now,
		Log: slog.New(slog.NewTextHandler(a.Stderr, &slog.HandlerOptions{Level: level})),
	}
}

func (s *session) close() error {
	s.Client.Close()
	s.transport.Close()
	return s.folder.close()
}

// with runs fn with an open profile.
func (a *app) with(fn func(*session) error) error {
	if a.lender != nil {
		s := *a.lender
		s.app, s.events = a, s.hub.listen()
		defer s.hub.leave(s.events)
		return fn(&s)
	}
	s, err := a.open()
	if err != nil {
		return err
	}
	err = fn(s)
	if ahead := s.Account().ClockAhead(); ahead != 0 {
		a.Say("%s", english.Clock(ahead))
	}
	return errors.Join(err, s.close())
}

// staying is with for commands that go on: meanwhile they lend the profile to
// others. There is one at a time.
func (a *app) staying(fn func(*session) error) error {
	if a.lender != nil {
		return console.WithCode(errors.New("another process receives for this profile already: stop it first"), console.ExitBusy)
	}
	return a.with(func(s *session) error {
		stop := s.lend()
		defer stop()
		return fn(s)
	})
}

// grantStorage has the profile's device sign a new storage key, by which the commands
// of vaults use the account's own server from then on without the profile.
func (a *app) grantStorage() (c relay.Credentials, err error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return c, err
	}
	err = a.with(func(s *session) error {
		device, signature, err := s.Account().StorageGrant(protocol.AccessKey(public))
		address := s.Address()
		c = relay.Credentials{Name: address.Name, Host: address.Host, Device: device, Key: private, Grant: signature}
		return err
	})
	return c, err
}
