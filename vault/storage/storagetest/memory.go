// SPDX-License-Identifier: AGPL-3.0-or-later

package storagetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/securecrypt/securecrypt/vault/storage"
)

// Memory is a storage in memory. It remembers which objects were created since
// the last Sync, so that Crash can lose them.
type Memory struct {
	mu       sync.Mutex // guards all
	objects  map[string][]byte
	unsynced map[string]bool
}

var _ storage.Storage = (*Memory)(nil)

// NewMemory returns an empty storage.
func NewMemory() *Memory {
	return &Memory{objects: map[string][]byte{}, unsynced: map[string]bool{}}
}

// Crash loses each object that was not flushed with a probability of one half.
func (m *Memory) Crash(random *rand.Rand) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(m.unsynced)) {
		if random.IntN(2) == 0 {
			delete(m.objects, name)
		}
	}
	clear(m.unsynced)
}

// Clone returns a copy that shares nothing that changes.
func (m *Memory) Clone() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &Memory{objects: maps.Clone(m.objects), unsynced: maps.Clone(m.unsynced)}
}

// Edit replaces an object by what change makes of a copy of it.
func (m *Memory) Edit(name string, change func([]byte) []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.objects[name] = change(bytes.Clone(m.objects[name]))
}

// Names returns the names of the objects that begin with prefix, sorted.
func (m *Memory) Names(prefix string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for name := range m.objects {
		if strings.HasPrefix(name, prefix) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Create implements storage.Storage.
func (m *Memory) Create(ctx context.Context, name string, data []byte) error {
	if !storage.ValidName(name) {
		return fmt.Errorf("%w: %q", storage.ErrName, name)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.objects[name]; taken {
		return fmt.Errorf("%w: %s", storage.ErrExists, name)
	}
	m.objects[name] = bytes.Clone(data)
	m.unsynced[name] = true
	return ctx.Err()
}

// Replace implements storage.Storage.
func (m *Memory) Replace(ctx context.Context, name string, data []byte) error {
	if !storage.ValidName(name) {
		return fmt.Errorf("%w: %q", storage.ErrName, name)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.objects[name] = bytes.Clone(data)
	return ctx.Err()
}

// Read implements storage.Storage.
func (m *Memory) Read(ctx context.Context, name string, offset, length int64) ([]byte, error) {
	if !storage.ValidName(name) {
		return nil, fmt.Errorf("%w: %q", storage.ErrName, name)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.objects[name]
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: %s", storage.ErrNotFound, name)
	case offset < 0 || length < 0:
		return nil, fmt.Errorf("storagetest: %d bytes at %d: not a possible range", length, offset)
	case offset+length > int64(len(b)):
		return nil, io.ErrUnexpectedEOF
	}
	return bytes.Clone(b[offset : offset+length]), ctx.Err()
}

// Size implements storage.Storage.
func (m *Memory) Size(ctx context.Context, name string) (int64, error) {
	if !storage.ValidName(name) {
		return 0, fmt.Errorf("%w: %q", storage.ErrName, name)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.objects[name]
	if !ok {
		return 0, fmt.Errorf("%w: %s", storage.ErrNotFound, name)
	}
	return int64(len(b)), ctx.Err()
}

// List implements storage.Storage.
func (m *Memory) List(ctx context.Context, prefix string, each func(string, int64) error) error {
	for _, name := range m.Names(prefix) {
		if err := ctx.Err(); err != nil {
			return err
		}
		m.mu.Lock()
		n := len(m.objects[name])
		m.mu.Unlock()
		if err := each(name, int64(n)); err != nil {
			return err
		}
	}
	return nil
}

// Delete implements storage.Storage.
func (m *Memory) Delete(ctx context.Context, name string) error {
	if !storage.ValidName(name) {
		return fmt.Errorf("%w: %q", storage.ErrName, name)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, name)
	delete(m.unsynced, name)
	return ctx.Err()
}

// Sync implements storage.Storage.
func (m *Memory) Sync(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.unsynced)
	return ctx.Err()
}
