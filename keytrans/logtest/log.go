// SPDX-License-Identifier: Apache-2.0

package logtest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/prefixmap"
)

// A Log is a log in memory. Its methods panic on errors: in a test they are defects of
// the test.
type Log struct {
	// Keys sign for the log, Witnesses and Auditor cosign.
	Keys      []*keytrans.SignerKey
	Witnesses []*keytrans.SignerKey
	Auditor   *keytrans.SignerKey
	VRF       *keytrans.VRFPrivateKey
	// Policy is what the log's clients pin.
	Policy *keytrans.Policy
	// Config is what new roots commit to.
	Config keytrans.Hash
	// Leaves are the encodings of all leaves.
	Leaves [][]byte
	// Values are what the accounts have after all leaves, and Items what
	// the map has after the last root.
	Values map[keytrans.Label]keytrans.Value
	Items  *prefixmap.Memory
	Map    *prefixmap.Map

	hashes []tlog.Hash // stored hashes, as package tlog counts them
	span   map[keytrans.Label]bool
	first  int64 // of the next root
	heads  uint64
}

// New returns a log with three witnesses of which two are needed, and an auditor, all
// with Ed25519 keys.
func New(origin string) *Log { return build(origin, keytrans.CosignatureEd25519) }

// NewMLDSA returns a log that signs with ML-DSA-44 beside Ed25519, and whose witnesses and
// auditor cosign with ML-DSA-44.
func NewMLDSA(origin string) *Log { return build(origin, keytrans.CosignatureMLDSA44) }

func build(origin string, cosigners keytrans.Algorithm) *Log {
	l := &Log{
		Keys: []*keytrans.SignerKey{Key(origin, keytrans.Ed25519)}, Auditor: Key("auditor.example/"+origin, cosigners),
		VRF: must(keytrans.NewVRFPrivateKey(Scalar(origin))), Items: new(prefixmap.Memory), Map: prefixmap.New(),
		Values: make(map[keytrans.Label]keytrans.Value), span: make(map[keytrans.Label]bool),
	}
	if cosigners == keytrans.CosignatureMLDSA44 {
		l.Keys = append(l.Keys, Key(origin, cosigners))
	}
	for i := range 3 {
		l.Witnesses = append(l.Witnesses, Key(fmt.Sprintf("witness%d.example/%s", i+1, origin), cosigners))
	}
	l.Policy = must(keytrans.NewPolicy(keytrans.PolicyParams{Number: 1, Text: []byte(l.PolicyText()), VRFKey: l.VRF.Public().Bytes()}))
	l.Config = l.Policy.Config().Hash()
	return l
}

// PolicyText returns the log's policy.
func (l *Log) PolicyText() string {
	var b strings.Builder
	for _, k := range l.Keys {
		fmt.Fprintf(&b, "log %s\n", k.Verifier())
	}
	for i, k := range l.Witnesses {
		fmt.Fprintf(&b, "witness w%d %s\n", i+1, k.Verifier())
	}
	fmt.Fprintf(&b, "witness auditor %s\n", l.Auditor.Verifier())
	b.WriteString("group witnesses 2 w1 w2 w3\ngroup auditors any auditor\ngroup both all witnesses auditors\nquorum both\n")
	return b.String()
}

// Seed returns 32 bytes that follow from a name.
func Seed(name string) []byte {
	h := sha256.Sum256([]byte("logtest " + name))
	return h[:]
}

// Scalar returns a VRF private key that follows from a name.
func Scalar(name string) []byte {
	b := Seed("vrf " + name)
	b[31] &= 0x0f // below the order of ristretto255
	return b
}

// Key returns a signing key that follows from its name and algorithm.
func Key(name string, alg keytrans.Algorithm) *keytrans.SignerKey {
	return must(keytrans.NewSignerKey(name, alg, Seed(fmt.Sprint(name, alg))))
}

// Append appends a leaf and returns its index.
func (l *Log) Append(leaf keytrans.Leaf) int64 { return l.AppendRaw(leaf.Marshal()) }

// AppendRaw appends the encoding of a leaf.
func (l *Log) AppendRaw(encoding []byte) int64 {
	index := int64(len(l.Leaves))
	l.hashes = append(l.hashes, must(tlog.StoredHashes(index, encoding, l.Hashes()))...)
	l.Leaves = append(l.Leaves, encoding)
	return index
}

// Hashes returns the log's stored hashes, as package tlog counts them.
func (l *Log) Hashes() tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			hashes[i] = l.hashes[index]
		}
		return hashes, nil
	})
}

// Label returns the label of a name.
func (l *Log) Label(name string) keytrans.Label {
	label, _, err := l.VRF.Prove(name)
	return must(label, err)
}

// Mutate appends statements of these kinds to the account of a name, and returns the
// mutation's index.
func (l *Log) Mutate(name string, kinds ...keytrans.Kind) int64 {
	label := l.Label(name)
	var old *keytrans.Value
	if v, ok := l.Values[label]; ok {
		old = &v
	}
	l.heads++
	head := keytrans.Hash(sha256.Sum256(fmt.Appendf(nil, "head %d", l.heads)))
	return l.Store(must(keytrans.NextMutation(label, old, head, kinds...)))
}

// Store appends a mutation, true or not, and gives its label the new value.
func (l *Log) Store(m keytrans.Mutation) int64 {
	l.Set(m.Label, m.New)
	return l.Append(m)
}

// Set gives a label a value without a leaf.
func (l *Log) Set(label keytrans.Label, v keytrans.Value) {
	l.Values[label], l.span[label] = v, true
}

// NextRoot returns the root that is due at a time.
func (l *Log) NextRoot(now time.Time) keytrans.Root {
	var changes []prefixmap.Item
	for label := range l.span {
		changes = append(changes, prefixmap.Item{Label: label, Value: l.Values[label].Hash()})
	}
	l.Map = must(l.Map.With(l.Items, changes))
	l.Items.Set(changes...)
	clear(l.span)
	return keytrans.Root{Time: now.Unix(), First: l.first, Size: l.Map.Size(), Map: l.Map.Root(), Config: l.Config}
}

// Root appends the root that is due at a time, and returns its index.
func (l *Log) Root(now time.Time) int64 { return l.StoreRoot(l.NextRoot(now)) }

// StoreRoot appends a root, true or not.
func (l *Log) StoreRoot(r keytrans.Root) int64 {
	index := l.Append(r)
	l.first = index + 1
	return index
}

// Checkpoint returns the checkpoint of the first size leaves.
func (l *Log) Checkpoint(size int64) keytrans.Checkpoint {
	return keytrans.Checkpoint{Origin: l.Keys[0].Name(), Size: size, Hash: keytrans.Hash(must(tlog.TreeHash(size, l.Hashes())))}
}

// Sign returns a checkpoint that the log signed, and these keys at a time.
func (l *Log) Sign(c keytrans.Checkpoint, now time.Time, cosigners ...*keytrans.SignerKey) []byte {
	return must(keytrans.SignCheckpoint(c, now, append(append([]*keytrans.SignerKey{}, l.Keys...), cosigners...)...))
}

// Cosigners returns all witnesses and the auditor.
func (l *Log) Cosigners() []*keytrans.SignerKey {
	return append(append([]*keytrans.SignerKey{}, l.Witnesses...), l.Auditor)
}

// Head returns the head of the first size leaves, for a client that holds one of held leaves,
// cosigned by all at a time.
func (l *Log) Head(size, held int64, now time.Time) *keytrans.UnverifiedHead {
	u := &keytrans.UnverifiedHead{
		Checkpoint: l.Sign(l.Checkpoint(size), now, l.Cosigners()...),
		Root:       bytes.Clone(l.Leaves[size-1]), Inclusion: l.Inclusion(size, size-1),
	}
	if 0 < held && held < size {
		u.Growth = must(tlog.ProveTree(size, held, l.Hashes()))
	}
	return u
}

// NewestHead returns the head of all leaves for a client that holds none.
func (l *Log) NewestHead(now time.Time) *keytrans.UnverifiedHead {
	return l.Head(int64(len(l.Leaves)), 0, now)
}

// Inclusion returns the proof of a leaf in the tree of the first size leaves.
func (l *Log) Inclusion(size, index int64) []tlog.Hash {
	return must(tlog.ProveRecord(size, index, l.Hashes()))
}

// Growth returns the proof that the tree of size leaves extends that of older leaves.
func (l *Log) Growth(size, older int64) []tlog.Hash {
	return must(tlog.ProveTree(size, older, l.Hashes()))
}

// Lookup returns the proof for a name in the map of the last root, under a head. If the
// head is nil, it is the one of all leaves, which the client holds.
func (l *Log) Lookup(name string, head *keytrans.UnverifiedHead) *keytrans.UnverifiedProof {
	label, vrf, err := l.VRF.Prove(name)
	label = must(label, err)
	p := must(l.Map.Prove(l.Items, label))
	u := &keytrans.UnverifiedProof{Head: head, HeadSize: int64(len(l.Leaves)), VRFProof: vrf, Path: p.Path}
	if p.Present {
		v := l.Values[label]
		u.Value = &v
	}
	return u
}

// Record returns the record of a leaf under the head of all leaves, dated by a root.
func (l *Log) Record(index, root int64, now time.Time) *keytrans.UnverifiedRecord {
	size := int64(len(l.Leaves))
	return &keytrans.UnverifiedRecord{
		Head: l.NewestHead(now), Leaf: l.Leaves[index], Index: index, Inclusion: l.Inclusion(size, index),
		Root: l.Leaves[root], RootIndex: root, RootInclusion: l.Inclusion(size, root),
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
