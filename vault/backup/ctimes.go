// SPDX-License-Identifier: AGPL-3.0-or-later

package backup

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"sync"

	"github.com/zeebo/blake3"

	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/localfs"
)

// A Cache keeps what a device notes of files between runs, in parts of at most
// MaxPart bytes. It may lose or refuse them: a run without them tells unchanged
// files by size and modification time alone. Its owner keeps others from reading
// and changing it.
type Cache interface {
	// Load returns a part, nil if there is none.
	Load(part int) ([]byte, error)
	// Store keeps a part instead of the one before; an empty part is removed.
	Store(part int, b []byte) error
}

const (
	ctimeSize = 24 // of a record in bytes
	partCount = 256 << 10
	// MaxPart is the size of a part of a Cache in bytes.
	MaxPart = ctimeHead + partCount*ctimeSize
	// maxSets is how many sets of paths are told apart, and maxParts bounds the
	// files of all: 67 million.
	maxSets   = 32
	maxParts  = 256
	setSize   = 9
	ctimeHead = 1 + 1 + maxSets*setSize
	// ctimeVersion is the first byte of a part.
	ctimeVersion = 1
)

// ctime is a record of a file: its time of last change of content or attributes,
// and what identifies it on its device.
type ctime struct {
	key     uint64 // hash of its path; 0 is a free place
	changed int64
	place   uint64 // 40 bits of a hash of device and inode, 16 of the number of names, seenBit, 7 bits of the set
}

// ctimes are the records of all files of a device, by open addressing as in
// package index. Files belong to the set of paths that saw them last, so that a
// run drops those of its own that are gone, and no others.
type ctimes struct {
	mu    sync.Mutex // guards all but hash and set
	slots []ctime
	count int
	sets  []pathSet // that were used last at the end
	set   uint8     // of this run
	hash  *blake3.Hasher
}

// seenBit marks the records of this run, which replace those of its set.
const seenBit = 1 << 7

type pathSet struct {
	number uint8
	hash   uint64
}

var errCtimes = errors.New("backup: what was noted of files is damaged")

// newCtimes reads what earlier runs noted. The result can be used with an error,
// too: it has what could be read.
func newCtimes(k *keys.Keyring, cache Cache, paths [][]byte) (*ctimes, error) {
	key, err := k.LocalKey("ctimes")
	if err != nil {
		return nil, err
	}
	c := new(ctimes)
	if c.hash, err = blake3.NewKeyed(key); err != nil {
		return nil, err
	}
	var failed error
	for part := 0; part < maxParts; part++ {
		b, err := cache.Load(part)
		if err == nil && b != nil {
			err = c.parse(b)
		}
		failed = errors.Join(failed, err)
		if b == nil {
			break
		}
	}
	c.choose(c.pathKey(string(bytes.Join(paths, []byte{0}))))
	return c, failed
}

// parse adds the records of a part.
func (c *ctimes) parse(b []byte) error {
	if len(b) < 2 || b[0] != ctimeVersion || int(b[1]) > maxSets || len(b) < 2+int(b[1])*setSize {
		return errCtimes
	}
	sets, b := b[2:2+int(b[1])*setSize], b[2+int(b[1])*setSize:]
	if len(b)%ctimeSize != 0 || len(b) > partCount*ctimeSize {
		return errCtimes
	}
	c.sets = c.sets[:0]
	for ; len(sets) > 0; sets = sets[setSize:] {
		c.sets = append(c.sets, pathSet{sets[0], binary.BigEndian.Uint64(sets[1:])})
	}
	for ; len(b) > 0; b = b[ctimeSize:] {
		c.put(ctime{binary.BigEndian.Uint64(b), int64(binary.BigEndian.Uint64(b[8:])), binary.BigEndian.Uint64(b[16:]) &^ seenBit})
	}
	return nil
}

// choose finds the set of this run, or makes it in the place of the one that was not
// used for longest.
func (c *ctimes) choose(hash uint64) {
	i := slices.IndexFunc(c.sets, func(s pathSet) bool { return s.hash == hash })
	switch {
	case i >= 0:
		s := c.sets[i]
		c.set, c.sets = s.number, append(slices.Delete(c.sets, i, i+1), s)
		return
	case len(c.sets) < maxSets:
		for c.set = 0; slices.ContainsFunc(c.sets, func(s pathSet) bool { return s.number == c.set }); c.set++ {
		}
	default: // its records count as those of this run, and go unless it sees them
		c.set, c.sets = c.sets[0].number, c.sets[1:]
	}
	c.sets = append(c.sets, pathSet{c.set, hash})
}

// pathKey returns the key of a path. One goroutine calls it.
func (c *ctimes) pathKey(path string) uint64 {
	var sum [32]byte
	c.hash.Reset()
	_, _ = c.hash.WriteString(path) // it never fails
	return max(1, binary.BigEndian.Uint64(c.hash.Sum(sum[:0])))
}

// placeOf returns what identifies a file on its device.
func placeOf(i *localfs.Info) uint64 {
	const mix = 0x9e3779b97f4a7c15 // an odd number spreads inodes over the upper bits
	return (i.Inode*mix^(i.Device+1)*mix<<7)>>24<<24 | min(i.Links, 1<<16-1)<<8
}

// find returns the place of a key, or the free one where it belongs. The caller
// holds mu.
func (c *ctimes) find(key uint64) *ctime {
	n := uint64(len(c.slots))
	i := (key >> 32) * n >> 32
	for {
		s := &c.slots[i]
		if s.key == 0 || s.key == key {
			return s
		}
		if i++; i == n {
			i = 0
		}
	}
}

// put adds or replaces a record. The caller holds mu, or is the only one.
func (c *ctimes) put(x ctime) {
	if x.key == 0 {
		return
	}
	if c.count >= len(c.slots)*5/6 {
		old := c.slots
		c.slots = make([]ctime, max(1024, len(old)*3/2))
		for i := range old {
			if old[i].key != 0 {
				*c.find(old[i].key) = old[i]
			}
		}
	}
	s := c.find(x.key)
	if s.key == 0 {
		c.count++
	}
	*s = x
}

// get returns the record of a file.
func (c *ctimes) get(key uint64) (ctime, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.slots) == 0 {
		return ctime{}, false
	}
	s := *c.find(key)
	return s, s.key != 0
}

// note keeps the record of a file as it is now. A system without times of change
// has none.
func (c *ctimes) note(key uint64, i *localfs.Info) {
	if i.Changed == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(ctime{key, i.Changed, placeOf(i) | seenBit | uint64(c.set)})
}

// store writes the records but for those of files of this set that the run did not
// see.
func (c *ctimes) store(cache Cache) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	head := []byte{ctimeVersion, uint8(len(c.sets))}
	for _, s := range c.sets {
		head = binary.BigEndian.AppendUint64(append(head, s.number), s.hash)
	}
	part, b, records := 0, slices.Clone(head), 0
	for i := range c.slots {
		x := &c.slots[i]
		if x.key == 0 || uint8(x.place) == c.set { // of this set, and not seen
			continue
		}
		b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, x.key), uint64(x.changed)), x.place&^seenBit)
		if records++; records < partCount {
			continue
		}
		if err := cache.Store(part, b); err != nil {
			return err
		}
		if part, b, records = part+1, append(b[:0], head...), 0; part == maxParts {
			return nil
		}
	}
	if records > 0 {
		if err := cache.Store(part, b); err != nil {
			return err
		}
		part++
	}
	return cache.Store(part, nil)
}
