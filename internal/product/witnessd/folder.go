// SPDX-License-Identifier: AGPL-3.0-or-later

package witnessd

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/securecrypt/securecrypt/keytrans"
)

// Files and folders of a witness.
const (
	keyFile         = "key"
	logsFile        = "logs"
	lockFile        = "lock"
	checkpointsName = "checkpoints"
	tempPattern     = ".new-*"
)

const (
	keyVersion = "securecrypt witness 1"
	seedSize   = 32
	// maxLogs bounds the logs that a witness knows.
	maxLogs = 10_000
	// lockWait is how long Open waits for another process to end.
	lockWait = 2 * time.Second
)

var (
	// ErrInUse means that another process serves the witness.
	ErrInUse = errors.New("witnessd: another process serves this witness: stop it first")
	// ErrNone means that there is no witness in a folder.
	ErrNone = errors.New("witnessd: there is no witness in this folder: make one with securecrypt witness init")
)

// A Folder holds a witness. It implements [witness.Store].
type Folder struct {
	path string
	lock *flock.Flock

	mu   sync.Mutex
	logs map[string][]*keytrans.VerifierKey
}

// Create makes a witness with a new key in a folder, which may exist if it is empty.
// The name is that of a host and perhaps a path, without a scheme: witness.example.
func Create(path, name string) error {
	if _, err := signerKeys(name, make([]byte, seedSize)); err != nil {
		return fmt.Errorf("witnessd: the name of the witness: %w", err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("witnessd: %w", err)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return fmt.Errorf("witnessd: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("witnessd: %s is not empty: choose a new folder for the witness", path)
	}
	if err := os.Mkdir(filepath.Join(path, checkpointsName), 0o700); err != nil {
		return fmt.Errorf("witnessd: %w", err)
	}
	if err := replaceFile(filepath.Join(path, logsFile), []byte("# verifier keys of the logs that this witness cosigns, one on each line\n")); err != nil {
		return err
	}
	seed := make([]byte, seedSize)
	_, _ = rand.Read(seed) // it never fails
	return replaceFile(filepath.Join(path, keyFile), []byte(keyVersion+"\n"+name+"\n"+base64.StdEncoding.EncodeToString(seed)+"\n"))
}

// Keys returns the keys of the witness in a folder: for Ed25519 and for ML-DSA-44.
func Keys(path string) ([]*keytrans.SignerKey, error) {
	b, err := os.ReadFile(filepath.Join(path, keyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("witnessd: %w", err)
	}
	lines := strings.Split(string(b), "\n")
	damaged := fmt.Errorf("witnessd: %s is damaged: put it back from a copy", filepath.Join(path, keyFile))
	if len(lines) != 4 || lines[0] != keyVersion || lines[3] != "" {
		return nil, damaged
	}
	seed, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(seed) != seedSize {
		return nil, damaged
	}
	return signerKeys(lines[1], seed)
}

// signerKeys derives a key for each algorithm from one seed.
func signerKeys(name string, seed []byte) (keys []*keytrans.SignerKey, err error) {
	for _, alg := range []keytrans.Algorithm{keytrans.CosignatureEd25519, keytrans.CosignatureMLDSA44} {
		own, err := hkdf.Key(sha256.New, seed, nil, fmt.Sprintf("SecureCrypt witness key, algorithm %d", alg), seedSize)
		if err != nil {
			return nil, fmt.Errorf("witnessd: %w", err)
		}
		key, err := keytrans.NewSignerKey(name, alg, own)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// Open opens the folder of a witness that is to serve. It is to be closed.
func Open(ctx context.Context, path string) (*Folder, error) {
	if _, err := os.Stat(filepath.Join(path, keyFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	f := &Folder{path: path, lock: flock.New(filepath.Join(path, lockFile))}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	if locked, err := f.lock.TryLockContext(ctx, 50*time.Millisecond); !locked {
		if err == nil || errors.Is(err, context.DeadlineExceeded) {
			return nil, ErrInUse
		}
		return nil, fmt.Errorf("witnessd: %w", err)
	}
	if err := errors.Join(f.removeLeftovers(), f.Reload()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// removeLeftovers removes what replaceFile leaves when it is interrupted.
func (f *Folder) removeLeftovers() error {
	left, err := filepath.Glob(filepath.Join(f.path, checkpointsName, tempPattern))
	for _, file := range left {
		err = errors.Join(err, os.Remove(file))
	}
	if err != nil {
		return fmt.Errorf("witnessd: %w", err)
	}
	return nil
}

// Close lets other processes open the folder.
func (f *Folder) Close() error {
	if err := f.lock.Close(); err != nil {
		return fmt.Errorf("witnessd: %w", err)
	}
	return nil
}

// Reload reads which logs the witness knows.
func (f *Folder) Reload() error {
	logs, err := readLogs(f.path)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logs = logs
	return nil
}

// Logs returns the keys of a log, none if it is not known.
func (f *Folder) Logs(origin string) []*keytrans.VerifierKey {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.logs[origin]
}

func readLogs(path string) (map[string][]*keytrans.VerifierKey, error) {
	b, err := os.ReadFile(filepath.Join(path, logsFile))
	if err != nil {
		return nil, fmt.Errorf("witnessd: %w", err)
	}
	logs, n := map[string][]*keytrans.VerifierKey{}, 0
	for line := range strings.Lines(string(b)) {
		if n++; strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		key, err := keytrans.ParseVerifierKey(strings.TrimSpace(line))
		if err != nil {
			return nil, fmt.Errorf("witnessd: line %d of %s: %w: correct it, or take it out", n, filepath.Join(path, logsFile), err)
		}
		logs[key.Name()] = append(logs[key.Name()], key)
	}
	if len(logs) > maxLogs {
		return nil, fmt.Errorf("witnessd: %d logs, and a witness knows at most %d: take some out", len(logs), maxLogs)
	}
	return logs, nil
}

// AddLog has a witness know a log by its verifier key. A process that serves the witness
// learns of it with Reload.
func AddLog(path, vkey string) (*keytrans.VerifierKey, error) {
	key, err := keytrans.ParseVerifierKey(vkey)
	if err != nil {
		return nil, err
	}
	logs, err := readLogs(path)
	if err != nil {
		return nil, err
	}
	for _, known := range logs[key.Name()] {
		if known.String() == key.String() {
			return key, nil
		}
	}
	b, err := os.ReadFile(filepath.Join(path, logsFile))
	if err != nil {
		return nil, fmt.Errorf("witnessd: %w", err)
	}
	if len(b) > 0 && b[len(b)-1] != '\n' {
		b = append(b, '\n')
	}
	return key, replaceFile(filepath.Join(path, logsFile), append(b, key.String()+"\n"...))
}

func (f *Folder) file(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return f.fileNamed(hex.EncodeToString(sum[:]))
}

func (f *Folder) fileNamed(name string) string { return filepath.Join(f.path, checkpointsName, name) }

// Latest implements [witness.Store].
func (f *Folder) Latest(origin string) ([]byte, error) {
	return readCheckpoint(f.file(origin))
}

func readCheckpoint(file string) ([]byte, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("witnessd: %w", err)
	}
	return b, nil
}

// Replace implements [witness.Store].
func (f *Folder) Replace(origin string, old, checkpoint []byte) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	stored, err := readCheckpoint(f.file(origin))
	if err != nil || !bytes.Equal(stored, old) {
		return false, err
	}
	return true, replaceFile(f.file(origin), checkpoint)
}

// replaceFile writes a file so that it has either its old or its new content after a
// crash, and the new one once replaceFile has returned.
func replaceFile(file string, content []byte) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(file), tempPattern)
	if err != nil {
		return fmt.Errorf("witnessd: %w", err)
	}
	_, err = temp.Write(content)
	if err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("witnessd: %w", errors.Join(err, os.Remove(temp.Name())))
	}
	return syncFolder(filepath.Dir(file))
}
