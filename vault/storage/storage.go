// SPDX-License-Identifier: AGPL-3.0-or-later

package storage

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
)

var (
	// ErrExists is returned by Create for a name that is taken.
	ErrExists = errors.New("storage: the object exists already")
	// ErrNotFound is returned for a name that no object has.
	ErrNotFound = errors.New("storage: no such object")
	// ErrFull is returned when the storage has no room left.
	ErrFull = errors.New("storage: no space left")
	// ErrName is returned for a name that is not valid; see ValidName.
	ErrName = errors.New("storage: not a valid object name")
	// ErrNotAtomic is returned by Probe: two callers created the same name, so
	// that several devices cannot share this storage.
	ErrNotAtomic = errors.New("storage: two writers created the same object")
)

// MaxObject is the size in bytes of the largest object: a pack of 256 segments.
const MaxObject = 16 << 20

// A Storage keeps named objects. Its methods may be called concurrently, also by
// several processes on several machines.
type Storage interface {
	// Create stores data under name, or returns ErrExists and changes nothing if
	// the name is taken. Other callers see the whole object or none. The object
	// survives a crash of the machine once a later Sync has returned.
	Create(ctx context.Context, name string, data []byte) error
	// Replace stores data under name in one step, whether or not the name is
	// taken. Only a repair needs it, which writes the bytes that were there
	// before the damage.
	Replace(ctx context.Context, name string, data []byte) error
	// Read returns exactly length bytes of the object from offset on. It fails
	// with io.ErrUnexpectedEOF if the object is shorter.
	Read(ctx context.Context, name string, offset, length int64) ([]byte, error)
	// Size returns the size of the object in bytes.
	Size(ctx context.Context, name string) (int64, error)
	// List calls each for the objects whose names begin with prefix, in any
	// order, and stops at its first error, which it returns.
	List(ctx context.Context, prefix string, each func(name string, size int64) error) error
	// Delete removes an object. Deleting a name that is free is no error.
	Delete(ctx context.Context, name string) error
	// Sync returns once everything that earlier calls created survives a crash.
	Sync(ctx context.Context) error
}

// ValidName reports whether name is "config" or one folder and one name, both of
// the characters a-z, 0-9, '.' and '-', neither beginning with '.' and none
// longer than 64 bytes.
func ValidName(name string) bool {
	if name == "config" {
		return true
	}
	folder, base, ok := strings.Cut(name, "/")
	return ok && validPart(folder) && validPart(base)
}

func validPart(s string) bool {
	if s == "" || len(s) > 64 || s[0] == '.' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' {
			return false
		}
	}
	return true
}

// ReadAll returns the whole object. It refuses one of more than limit bytes
// before it reads any.
func ReadAll(ctx context.Context, s Storage, name string, limit int64) ([]byte, error) {
	n, err := s.Size(ctx, name)
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, fmt.Errorf("storage: %s has %d bytes, and %d at most are expected", name, n, limit)
	}
	return s.Read(ctx, name, 0, n)
}

// An AtomicChecker is a storage that can tell without a race whether Create has
// one winner. AtomicCreate returns ErrNotAtomic with the reason if it has not.
type AtomicChecker interface {
	AtomicCreate(ctx context.Context) error
}

// A Hasher is a storage that can hash objects where they lie, at the price of a few
// bytes of traffic for each. Hashes calls each with the size and the BLAKE3-256 of
// what lies there, and leaves out what is missing or cannot be read. What it says
// finds damage, and not a storage that lies.
type Hasher interface {
	Hashes(ctx context.Context, names []string, each func(name string, size int64, hash [32]byte) error) error
}

// Probe checks that Create has one winner: a and b, two connections to the same
// storage, create the same names at the same time, as often as rounds says. It
// returns ErrNotAtomic if that ever succeeds for both, if the object is not
// the winner's, or if a is an AtomicChecker and says so.
func Probe(ctx context.Context, a, b Storage, rounds int) (err error) {
	if c, ok := a.(AtomicChecker); ok {
		if err := c.AtomicCreate(ctx); err != nil {
			return err
		}
	}
	for range rounds {
		var random [16]byte
		_, _ = rand.Read(random[:]) // it never fails
		if err := probeOnce(ctx, a, b, "probe/"+hex.EncodeToString(random[:])); err != nil {
			return err
		}
	}
	return nil
}

func probeOnce(ctx context.Context, a, b Storage, name string) (err error) {
	defer func() { err = errors.Join(err, a.Delete(ctx, name)) }()
	stores, data, errs := []Storage{a, b}, [][]byte{[]byte("a"), []byte("b")}, [2]error{}
	var wait sync.WaitGroup
	for i := range stores {
		wait.Go(func() { errs[i] = stores[i].Create(ctx, name, data[i]) })
	}
	wait.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			return ErrNotAtomic
		case err == nil:
			winner = i
		case !errors.Is(err, ErrExists):
			return fmt.Errorf("storage: probing: %w", err)
		}
	}
	if winner < 0 {
		return fmt.Errorf("%w: or rather none, and both were told that it exists", ErrNotAtomic)
	}
	got, err := stores[1-winner].Read(ctx, name, 0, 1)
	if err != nil {
		return fmt.Errorf("storage: reading what was just created: %w", err)
	}
	if !bytes.Equal(got, data[winner]) {
		return ErrNotAtomic
	}
	return nil
}
