// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/term"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/files/disk"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/sqlite"
	"github.com/securecrypt/securecrypt/client/transport/websocket"
	"github.com/securecrypt/securecrypt/internal/product/english"
	"github.com/securecrypt/securecrypt/internal/product/secretmem"
)

// The files of a profile's folder.
const (
	fileLock   = "lock"
	fileStore  = "profile.db"
	fileSealed = "key.sealed" // the store key, sealed with a passphrase
	fileKey    = "key"        // the store key as it is: --no-passphrase
)

// lockWait is how long a command waits for another one that uses the profile.
const lockWait = 10 * time.Second

// passphraseVar holds the passphrase, where no file and no terminal does.
const passphraseVar = "SECURECRYPT_PASSPHRASE"

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
			return nil, coded{fmt.Errorf("another securecrypt uses the profile in %s; stop it or use another --home", a.Home), exitBusy}
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-a.ctx.Done():
			return nil, a.ctx.Err()
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
	for _, name := range []string{"", fileLock, fileStore, fileStore + "-wal", fileStore + "-shm", fileSealed, fileKey} {
		path := filepath.Join(a.Home, name)
		info, err := os.Stat(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil && name == "" && info.Mode().Perm()&0o077 != 0 && a.shared(info) {
			return coded{fmt.Errorf("%s is open to other users of this machine and holds other things; use a --home of its own", a.Home), exitUsage}
		}
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			err, mended = os.Chmod(path, info.Mode().Perm()&0o700), true
		}
		if err != nil {
			return fmt.Errorf("other users of this machine can read the profile in %s, and that cannot be changed; use another --home (%w)", a.Home, err)
		}
	}
	if mended {
		a.say("the profile in %s was open to other users of this machine; it is closed to them now", a.Home)
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
		if e.Name() == fileStore || e.Name() == fileKey || e.Name() == fileSealed {
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
		f.app.say("the profile is erased; other files are left in %s", f.path)
		return nil
	}
	f.app.say("the profile in %s is erased; copies and backups of it are not", f.path)
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
	var k keyring.StoreKey
	if plain, err := os.ReadFile(f.file(fileKey)); err == nil {
		secretmem.Lock(plain)
		defer clear(plain)
		raw, err := hex.DecodeString(strings.TrimSpace(string(plain)))
		if err != nil || len(raw) != len(k) {
			return k, fmt.Errorf("%s is damaged: put it back from a backup", f.file(fileKey))
		}
		return keyring.StoreKey(raw), nil
	}
	sealed, err := os.ReadFile(f.file(fileSealed))
	switch {
	case errors.Is(err, os.ErrNotExist) && f.exists(fileStore):
		return k, coded{fmt.Errorf("the key of the profile in %s is gone: neither %s nor %s is there, and without it nobody can read %s. "+
			"Put the file back from a copy of it; if there is none, begin again with another --home", f.path, fileSealed, fileKey, fileStore), exitError}
	case errors.Is(err, os.ErrNotExist):
		return k, coded{fmt.Errorf("%w in %s; create one with securecrypt init", chat.ErrNoProfile, f.path), exitNotFound}
	}
	if err != nil {
		return k, err
	}
	passphrase, err := f.app.passphrase("Passphrase: ", false)
	defer clear(passphrase)
	if err != nil {
		return k, err
	}
	k, err = keyring.Open(sealed, passphrase)
	if errors.Is(err, keyring.ErrPassphrase) && f.app.markedFile() {
		marked := append([]byte(byteOrderMark), passphrase...) // as it was sealed by earlier versions
		defer clear(marked)
		return keyring.Open(sealed, marked)
	}
	return k, err
}

// byteOrderMark is what some editors put at the beginning of a file. It is no
// part of a passphrase.
const byteOrderMark = "\ufeff"

// markedFile reports whether the passphrase's file begins with such a mark.
func (a *app) markedFile() bool {
	b, err := os.ReadFile(a.PassphraseFile)
	defer clear(b)
	return a.PassphraseFile != "" && err == nil && bytes.HasPrefix(b, []byte(byteOrderMark))
}

// newKey makes a store key and keeps it.
func (f *folder) newKey(noPassphrase bool) (keyring.StoreKey, error) {
	k := keyring.NewStoreKey()
	if noPassphrase {
		return k, writeFile(f.file(fileKey), []byte(hex.EncodeToString(k[:])+"\n"))
	}
	passphrase, err := f.app.passphrase("New passphrase: ", true)
	defer clear(passphrase)
	if err != nil {
		return k, err
	}
	if len(passphrase) == 0 {
		return k, coded{errors.New("the passphrase is empty; to do without one, say --no-passphrase"), exitLocked}
	}
	if keyring.Weak(string(passphrase)) {
		f.app.say("this passphrase is easy to guess for whoever gets a copy of the profile: four or more words that have nothing to do with each other are better")
	}
	sealed, err := keyring.Seal(k, passphrase)
	if err != nil {
		return k, err
	}
	return k, writeFile(f.file(fileSealed), sealed)
}

// writeFile writes a new file that only the user can read, durably.
func writeFile(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// passphrase finds the passphrase, and keeps it out of swap. Who asked for it
// clears it.
func (a *app) passphrase(prompt string, isNew bool) ([]byte, error) {
	b, err := a.findPassphrase(prompt, isNew)
	secretmem.Lock(b)
	return b, err
}

// findPassphrase looks for the passphrase in a file, in the environment, or
// asks for it, twice if it is a new one.
func (a *app) findPassphrase(prompt string, isNew bool) ([]byte, error) {
	if a.PassphraseFile != "" {
		b, err := os.ReadFile(a.PassphraseFile)
		if err != nil {
			return nil, coded{fmt.Errorf("reading the passphrase: %w", err), exitLocked}
		}
		if bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")) {
			return nil, coded{fmt.Errorf("%s is in UTF-16: save it as UTF-8", a.PassphraseFile), exitLocked}
		}
		line, _, _ := bytes.Cut(bytes.TrimPrefix(b, []byte(byteOrderMark)), []byte("\n"))
		return bytes.TrimSuffix(line, []byte("\r")), nil
	}
	if s, ok := os.LookupEnv(passphraseVar); ok {
		return []byte(s), nil
	}
	stdin, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(stdin.Fd())) {
		return nil, coded{fmt.Errorf("no passphrase: set %s, use --passphrase-file, or run this in a terminal", passphraseVar), exitLocked}
	}
	first, err := a.ask(stdin, prompt)
	if err != nil || !isNew {
		return first, err
	}
	again, err := a.ask(stdin, "The same again: ")
	defer clear(again)
	if err == nil && string(again) != string(first) {
		err = coded{errors.New("the two differ; nothing was created: try again"), exitLocked}
	}
	return first, err
}

func (a *app) ask(tty *os.File, prompt string) ([]byte, error) {
	_, _ = fmt.Fprint(a.stderr, prompt)
	b, err := term.ReadPassword(int(tty.Fd()))
	_, _ = fmt.Fprintln(a.stderr)
	return b, err
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
		return nil, coded{fmt.Errorf("%w in %s; create one with securecrypt init", chat.ErrNoProfile, a.Home), exitNotFound}
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
		return nil, coded{fmt.Errorf("the profile in %s is empty: %s is gone or has 0 bytes, as after a power cut, and its key alone holds no message. "+
			"Nothing of it can be got back from here. Begin again with another --home, and give people your new address", f.path, fileStore), exitError}
	case err != nil:
		return nil, err
	}
	if err := f.openStore(); err != nil {
		return nil, err
	}
	s := &session{app: f.app, folder: f, key: k, transport: websocket.New(), hub: &hub{}}
	secretmem.Lock(&s.key)
	s.events = s.hub.listen()
	s.Client, err = client.Open(f.app.config(f, k, s.transport, s.hub.push))
	return s, err
}

func (a *app) config(f *folder, k keyring.StoreKey, t backend.Transport, onEvent func(chat.Event)) client.Config {
	level := slog.LevelError + 1
	if a.Verbose {
		level = slog.LevelDebug
	}
	return client.Config{
		Store: f.store, Key: k, Transport: t, Files: disk.Files{}, OnEvent: onEvent, Lock: secretmem.Lock, Now: a.now,
		Log: slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level})),
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
		a.say("%s", english.Clock(ahead))
	}
	return errors.Join(err, s.close())
}

// staying is with for commands that go on: meanwhile they lend the profile to
// others. There is one at a time.
func (a *app) staying(fn func(*session) error) error {
	if a.lender != nil {
		return coded{errors.New("another process receives for this profile already: stop it first"), exitBusy}
	}
	return a.with(func(s *session) error {
		stop := s.lend()
		defer stop()
		return fn(s)
	})
}
