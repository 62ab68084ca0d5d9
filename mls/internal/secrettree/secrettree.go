// SPDX-License-Identifier: Apache-2.0

package secrettree

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
)

// Errors of key lookup.
var (
	ErrUsed    = errors.New("mls: message key is used or erased")
	ErrTooFar  = errors.New("mls: generation is too far ahead")
	errCorrupt = errors.New("mls: corrupt ratchet state")
)

// Store holds records. Get returns nil for what is absent; Put takes over the value.
type Store interface {
	Get(key string) ([]byte, error)
	Put(key string, value []byte)
	Delete(key string)
}

// Limits bound what peers can cause.
type Limits struct {
	MaxForward uint32 // generations that one message may skip
	OutOfOrder uint32 // keys of skipped messages held per ratchet
}

// Kind tells the two ratchets of a sender apart.
type Kind byte

// The two ratchets.
const (
	Handshake   Kind = 'h'
	Application Kind = 'a'
)

// Tree is a view of one epoch's secret tree in a store.
type Tree struct {
	Suite  *suite.Suite
	Epoch  uint64
	Leaves uint32 // a power of two
	Limits Limits
	// Past leaves out handshake ratchets: the epoch is over.
	Past bool
}

// Key is a message key with its nonce.
type Key struct{ Key, Nonce suite.Secret }

// Wipe erases the key.
func (k Key) Wipe() {
	k.Key.Wipe()
	k.Nonce.Wipe()
}

// record names the record of a kind with a number, and perhaps another.
func record(epoch uint64, kind byte, n uint32, more ...uint32) string {
	b := strconv.AppendUint(append(make([]byte, 0, 48), "e/"...), epoch, 10)
	b = strconv.AppendUint(append(b, '/', kind, '/'), uint64(n), 10)
	for _, m := range more {
		b = strconv.AppendUint(append(b, '/'), uint64(m), 10)
	}
	return string(b)
}

func (t *Tree) nodeKey(n treemath.Node) string { return record(t.Epoch, 'n', uint32(n)) }

func (t *Tree) ratchetKey(k Kind, l treemath.Leaf) string {
	return record(t.Epoch, byte(k), uint32(l))
}

func (t *Tree) skippedKey(k Kind, l treemath.Leaf, generation uint32) string {
	return record(t.Epoch, byte(k), uint32(l), generation)
}

// Init begins the tree with the epoch's encryption secret, which it takes over.
func (t *Tree) Init(st Store, encryption suite.Secret) {
	st.Put(t.nodeKey(treemath.Root(t.Leaves)), encryption)
}

// Next takes the next key for sending.
func (t *Tree) Next(st Store, k Kind, l treemath.Leaf) (Key, uint32, error) {
	r, err := t.load(st, k, l)
	if err != nil {
		return Key{}, 0, err
	}
	generation := r.next
	if generation == math.MaxUint32 {
		return Key{}, 0, ErrTooFar
	}
	key := r.step(t.Suite)
	r.put(st)
	return splitKey(t.Suite, key), generation, nil
}

// Take takes the key of a received message.
func (t *Tree) Take(st Store, k Kind, l treemath.Leaf, generation uint32) (Key, error) {
	r, err := t.load(st, k, l)
	if err != nil {
		return Key{}, err
	}
	if generation < r.next {
		return t.takeSkipped(st, k, l, r, generation)
	}
	if generation-r.next > t.Limits.MaxForward || generation == math.MaxUint32 {
		return Key{}, ErrTooFar
	}
	for r.next < generation {
		skipped, at := r.step(t.Suite), r.next-1
		if generation-at > t.Limits.OutOfOrder {
			skipped.Wipe()
			continue
		}
		st.Put(t.skippedKey(k, l, at), skipped)
		r.held = append(r.held, at)
	}
	key := r.step(t.Suite)
	for len(r.held) > 0 && r.next-r.held[0] > t.Limits.OutOfOrder+1 {
		st.Delete(t.skippedKey(k, l, r.held[0]))
		r.held = r.held[1:]
	}
	r.put(st)
	return splitKey(t.Suite, key), nil
}

func (t *Tree) takeSkipped(st Store, k Kind, l treemath.Leaf, r *ratchet, generation uint32) (Key, error) {
	i, held := slices.BinarySearch(r.held, generation)
	if !held {
		return Key{}, ErrUsed
	}
	name := t.skippedKey(k, l, generation)
	v, err := st.Get(name)
	if err != nil {
		return Key{}, err
	}
	if len(v) != t.Suite.KeySize()+suite.NonceSize {
		return Key{}, errCorrupt
	}
	v = bytes.Clone(v)
	st.Delete(name)
	r.held = slices.Delete(r.held, i, i+1)
	r.put(st)
	return splitKey(t.Suite, v), nil
}

// load returns a ratchet, opening it if it still lies in the tree.
func (t *Tree) load(st Store, k Kind, l treemath.Leaf) (*ratchet, error) {
	if uint32(l) >= t.Leaves {
		return nil, ErrUsed
	}
	name := t.ratchetKey(k, l)
	v, err := st.Get(name)
	if err != nil {
		return nil, err
	}
	if v == nil {
		if err := t.open(st, l); err != nil {
			return nil, err
		}
		if v, err = st.Get(name); err != nil {
			return nil, err
		}
	}
	if v == nil {
		return nil, ErrUsed
	}
	return decodeRatchet(name, v, t.Suite.HashSize())
}

// open derives the two ratchets of a leaf, consuming the secrets above it.
func (t *Tree) open(st Store, l treemath.Leaf) error {
	n, root := l.Node(), treemath.Root(t.Leaves)
	var secret suite.Secret
	for {
		v, err := st.Get(t.nodeKey(n))
		if err != nil {
			return err
		}
		if v != nil {
			secret = bytes.Clone(v)
			break
		}
		if n == root {
			return ErrUsed
		}
		n = n.Parent()
	}
	if len(secret) != t.Suite.HashSize() {
		return errCorrupt
	}
	st.Delete(t.nodeKey(n))
	nh := t.Suite.HashSize()
	for !n.IsLeaf() {
		left, right := halves(t.Suite, secret)
		if n.Left().Contains(l) {
			st.Put(t.nodeKey(n.Right()), right)
			n, secret = n.Left(), left
		} else {
			st.Put(t.nodeKey(n.Left()), left)
			n, secret = n.Right(), right
		}
	}
	e := t.Suite.Expander(secret)
	application := ratchet{name: t.ratchetKey(Application, l), secret: e.Expand(make(suite.Secret, nh), "application", nil)}
	application.put(st)
	if !t.Past {
		handshake := ratchet{name: t.ratchetKey(Handshake, l), secret: e.Expand(make(suite.Secret, nh), "handshake", nil)}
		handshake.put(st)
	}
	secret.Wipe()
	return nil
}

// halves derives the secrets of a node's children from its own, which it wipes.
func halves(s *suite.Suite, secret suite.Secret) (left, right suite.Secret) {
	e := s.Expander(secret)
	secret.Wipe()
	return e.Expand(make(suite.Secret, s.HashSize()), "tree", []byte("left")),
		e.Expand(make(suite.Secret, s.HashSize()), "tree", []byte("right"))
}

// EndHandshakes erases the handshake ratchets, when the epoch is over.
func (t *Tree) EndHandshakes(st Store) error {
	return t.opened(st, treemath.Root(t.Leaves), func(l treemath.Leaf) error {
		return t.eraseRatchet(st, Handshake, l)
	})
}

// Erase deletes all records of the tree.
func (t *Tree) Erase(st Store) error {
	return t.walk(st, treemath.Root(t.Leaves), func(n treemath.Node) { st.Delete(t.nodeKey(n)) },
		func(l treemath.Leaf) error {
			return errors.Join(t.eraseRatchet(st, Handshake, l), t.eraseRatchet(st, Application, l))
		})
}

func (t *Tree) opened(st Store, n treemath.Node, visit func(treemath.Leaf) error) error {
	return t.walk(st, n, func(treemath.Node) {}, visit)
}

// walk visits the node secrets that are left and the leaves that are opened:
// where a node has no secret, what lies below is opened.
func (t *Tree) walk(st Store, n treemath.Node, closed func(treemath.Node), opened func(treemath.Leaf) error) error {
	v, err := st.Get(t.nodeKey(n))
	if err != nil {
		return err
	}
	if v != nil {
		closed(n)
		return nil
	}
	if n.IsLeaf() {
		return opened(n.Leaf())
	}
	if err := t.walk(st, n.Left(), closed, opened); err != nil {
		return err
	}
	return t.walk(st, n.Right(), closed, opened)
}

func (t *Tree) eraseRatchet(st Store, k Kind, l treemath.Leaf) error {
	name := t.ratchetKey(k, l)
	v, err := st.Get(name)
	if err != nil || v == nil {
		return err
	}
	r, err := decodeRatchet(name, v, t.Suite.HashSize())
	if err != nil {
		return err
	}
	for _, generation := range r.held {
		st.Delete(t.skippedKey(k, l, generation))
	}
	st.Delete(name)
	r.secret.Wipe()
	return nil
}

// ratchet is the state of one hash ratchet.
type ratchet struct {
	name   string       // of its record
	next   uint32       // the generation that secret belongs to
	held   []uint32     // skipped generations whose keys are held, ascending
	secret suite.Secret // ratchet_secret
}

// step returns key and nonce of the next generation, one after the other, and moves on
// (RFC 9420, Section 9.1).
func (r *ratchet) step(s *suite.Suite) suite.Secret {
	e := s.Expander(r.secret)
	both := make(suite.Secret, s.KeySize()+suite.NonceSize)
	e.Tree(both[:s.KeySize()], "key", r.next)
	e.Tree(both[s.KeySize():], "nonce", r.next)
	e.Tree(r.secret, "secret", r.next) // in the place of the old one
	r.next++
	return both
}

func splitKey(s *suite.Suite, both suite.Secret) Key {
	return Key{both[:s.KeySize():s.KeySize()], both[s.KeySize():]}
}

// put writes the ratchet's record and erases the ratchet.
func (r *ratchet) put(st Store) {
	st.Put(r.name, r.encode())
	r.secret.Wipe()
}

const ratchetVersion = 1

func (r *ratchet) encode() []byte {
	b := make([]byte, 0, 1+4+len(r.secret)+2*len(r.held))
	b = append(b, ratchetVersion)
	b = binary.BigEndian.AppendUint32(b, r.next)
	b = append(b, r.secret...)
	at := r.next
	for _, g := range slices.Backward(r.held) {
		b = binary.AppendUvarint(b, uint64(at-g))
		at = g
	}
	return b
}

func decodeRatchet(name string, b []byte, nh int) (*ratchet, error) {
	if len(b) < 5+nh || b[0] != ratchetVersion {
		return nil, errCorrupt
	}
	r := &ratchet{name: name, next: binary.BigEndian.Uint32(b[1:]), secret: bytes.Clone(b[5 : 5+nh])}
	at := r.next
	for rest := b[5+nh:]; len(rest) > 0; {
		d, n := binary.Uvarint(rest)
		if n <= 0 || d == 0 || d > uint64(at) {
			return nil, fmt.Errorf("%w: skipped generations", errCorrupt)
		}
		at -= uint32(d)
		r.held = append(r.held, at)
		rest = rest[n:]
	}
	slices.Reverse(r.held)
	return r, nil
}
