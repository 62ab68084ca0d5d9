// SPDX-License-Identifier: AGPL-3.0-or-later

package chunk

import (
	"errors"
	"fmt"
	"io"

	chunkers "github.com/PlakarKorp/go-cdc-chunkers"
	_ "github.com/PlakarKorp/go-cdc-chunkers/chunkers/fastcdc" // registers fastcdc-v1.0.0
	"github.com/zeebo/blake3"

	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/pack"
)

// Sizes of chunks in bytes. A file of at most MinSize is one chunk.
const (
	MinSize    = 64 << 10
	NormalSize = 256 << 10
	MaxSize    = 1 << 20
	bufferSize = 2 * MaxSize
)

// A Cutter cuts streams into chunks. It belongs to one goroutine.
type Cutter struct {
	key    []byte
	buffer []byte
	c      *chunkers.Chunker
}

// NewCutter returns a Cutter for a domain.
func NewCutter(k *keys.Keyring, d keys.Domain) (*Cutter, error) {
	key, err := k.ChunkerKey(d)
	if err != nil {
		return nil, err
	}
	return NewCutterKey(key), nil
}

// NewCutterKey returns a Cutter with a key of 32 bytes.
func NewCutterKey(key []byte) *Cutter { return &Cutter{key: key} }

// Cut calls each with the chunks of r, which are valid until it returns.
func (c *Cutter) Cut(r io.Reader, each func([]byte) error) error {
	if c.c == nil {
		c.buffer = make([]byte, bufferSize)
		made, err := chunkers.NewChunkerBuffer("fastcdc-v1.0.0", r,
			&chunkers.ChunkerOpts{MinSize: MinSize, NormalSize: NormalSize, MaxSize: MaxSize, Key: c.key}, c.buffer)
		if err != nil {
			return fmt.Errorf("chunk: %w", err)
		}
		c.c = made
	} else {
		c.c.Reset(r)
	}
	for {
		b, err := c.c.Next()
		if len(b) > 0 {
			if err := each(b); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			// The end is also reported after a chunk shorter than MinSize,
			// which only the last one can be.
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// A Namer computes identifiers. It belongs to one goroutine.
type Namer struct{ h *blake3.Hasher }

// NewNamer returns the Namer of a domain's chunks of a kind.
func NewNamer(k *keys.Keyring, d keys.Domain, kind keys.Kind) (*Namer, error) {
	key, err := k.IDKey(d, kind)
	if err != nil {
		return nil, err
	}
	return NewNamerKey(key)
}

// NewNamerKey returns a Namer with a key of 32 bytes.
func NewNamerKey(key []byte) (*Namer, error) {
	h, err := blake3.NewKeyed(key)
	if err != nil {
		return nil, fmt.Errorf("chunk: %w", err)
	}
	return &Namer{h}, nil
}

// Namers are the Namers of all domains and kinds. They belong to one goroutine.
type Namers struct {
	keys  *keys.Keyring
	known map[namerKey]*Namer
}

type namerKey struct {
	domain keys.Domain
	kind   keys.Kind
}

// NewNamers returns Namers.
func NewNamers(k *keys.Keyring) *Namers { return &Namers{k, map[namerKey]*Namer{}} }

// Name returns the identifier of a chunk of a domain and kind.
func (n *Namers) Name(d keys.Domain, kind keys.Kind, b []byte) (pack.ID, error) {
	x := n.known[namerKey{d, kind}]
	if x == nil {
		var err error
		if x, err = NewNamer(n.keys, d, kind); err != nil {
			return pack.ID{}, err
		}
		n.known[namerKey{d, kind}] = x
	}
	return x.Name(b), nil
}

// Name returns the identifier of a chunk.
func (n *Namer) Name(b []byte) (id pack.ID) {
	n.h.Reset()
	_, _ = n.h.Write(b) // it never fails
	n.h.Sum(id[:0])
	return id
}
