// SPDX-License-Identifier: Apache-2.0

package keytrans

import (
	"time"

	"github.com/securecrypt/securecrypt/keytrans/internal/cbor"
)

// Limits of leaves, in bytes unless said otherwise.
const (
	// MaxLeaf bounds the encoding of a leaf: entry bundles have 16 bits for
	// its length (c2sp.org/tlog-tiles).
	MaxLeaf = 1<<16 - 1
	// MaxKinds bounds how many statements one mutation appends.
	MaxKinds = 64
	// MaxVersion bounds the version of a release.
	MaxVersion = 64
	// MaxCanary bounds a canary.
	MaxCanary = 16 << 10
	// MaxPolicy bounds the text of a policy.
	MaxPolicy = 48 << 10
	// MaxOrigin bounds the name of a log.
	MaxOrigin = 255
	// MaxTime bounds times, in Unix seconds: the end of the year 9999.
	MaxTime = 253402300799
)

// A Leaf is an entry of the log: one of Mutation, Root, Release, Bundle, Canary,
// PolicyChange and Succession.
type Leaf interface {
	// Marshal returns the deterministic encoding, which is what the log
	// hashes (RFC 6962, Section 2.1).
	Marshal() []byte
	kind() uint64
}

const (
	kindMutation     = 1
	kindRoot         = 2
	kindRelease      = 3
	kindBundle       = 4
	kindCanary       = 5
	kindPolicyChange = 6
	kindSuccession   = 7
)

// ResetWait is how long, by the times of roots, a reset of an account waits between
// its request and its commit.
const ResetWait = 72 * time.Hour

// A Kind is the type of a statement of an account chain, as far as auditors know
// it. The numbers are those of package account.
type Kind uint8

// The kinds of statements.
const (
	KindCreate         Kind = 1
	KindAddDevice      Kind = 2
	KindRevokeDevice   Kind = 3
	KindRotateRecovery Kind = 4
	KindResetRequest   Kind = 5
	KindResetVeto      Kind = 6
	KindResetCommit    Kind = 7
	KindMove           Kind = 8
	KindClose          Kind = 9
)

// A Mutation gives a label a new value, because statements were appended to its
// account chain.
type Mutation struct {
	Label Label
	// Old is the value that the label had, nil if it had none.
	Old *Value
	New Value
	// Kinds are those of the statements that were appended, in order.
	Kinds []Kind
}

// A Root states the map after all mutations before it. The last leaf under each
// checkpoint is a root.
type Root struct {
	// Time is when the log made the root, in Unix seconds.
	Time int64
	// First is the index of the first leaf after the previous root: the root
	// covers the leaves from First up to itself.
	First int64
	// Size is the number of labels in the map.
	Size int64
	// Map is the hash of the map's tree.
	Map Hash
	// Config is the hash of the log's configuration.
	Config Hash
}

// A Release commits to the manifest of a version of the programs.
type Release struct {
	// Version has 1 to MaxVersion bytes of printable ASCII.
	Version string
	// Manifest is the SHA-256 of the manifest.
	Manifest Hash
}

// A Bundle commits to the integrity manifest of a web bundle by its SHA-256.
type Bundle struct{ Manifest Hash }

// A Canary is a signed statement of the operator, of 1 to MaxCanary bytes. Its
// format is not this package's.
type Canary struct{ Document []byte }

// A PolicyChange announces the policy that is in force from the root after the
// next root on. The next root, which covers it, still has the old configuration, so
// that clients verify the change under the policy that they know.
type PolicyChange struct {
	// Number is one more than that of the policy in force.
	Number uint64
	// Text is the policy (c2sp.org/tlog-policy).
	Text []byte
}

// A Succession announces that another log goes on from here: with another
// key, origin or VRF key. The root that covers it is the last leaf of this log.
type Succession struct {
	// Text is the policy of the log that follows, which has the number 1.
	Text []byte
	// VRFKey is that log's VRF public key.
	VRFKey [VRFKeySize]byte
}

func (Mutation) kind() uint64     { return kindMutation }
func (Root) kind() uint64         { return kindRoot }
func (Release) kind() uint64      { return kindRelease }
func (Bundle) kind() uint64       { return kindBundle }
func (Canary) kind() uint64       { return kindCanary }
func (PolicyChange) kind() uint64 { return kindPolicyChange }
func (Succession) kind() uint64   { return kindSuccession }

// Marshal implements Leaf.
func (m Mutation) Marshal() []byte {
	w := startLeaf(256, m, 5)
	w.Bytes(m.Label[:])
	if m.Old == nil {
		w.Null()
	} else {
		m.Old.write(w)
	}
	m.New.write(w)
	w.Array(len(m.Kinds))
	for _, k := range m.Kinds {
		w.Uint(uint64(k))
	}
	return w.Result()
}

// Marshal implements Leaf.
func (l Root) Marshal() []byte {
	w := startLeaf(128, l, 6)
	w.Uint(uint64(l.Time))
	w.Uint(uint64(l.First))
	w.Uint(uint64(l.Size))
	w.Bytes(l.Map[:])
	w.Bytes(l.Config[:])
	return w.Result()
}

// Marshal implements Leaf.
func (l Release) Marshal() []byte {
	w := startLeaf(128, l, 3)
	w.Text(l.Version)
	w.Bytes(l.Manifest[:])
	return w.Result()
}

// Marshal implements Leaf.
func (l Bundle) Marshal() []byte {
	w := startLeaf(64, l, 2)
	w.Bytes(l.Manifest[:])
	return w.Result()
}

// Marshal implements Leaf.
func (l Canary) Marshal() []byte {
	w := startLeaf(len(l.Document)+16, l, 2)
	w.Bytes(l.Document)
	return w.Result()
}

// Marshal implements Leaf.
func (l PolicyChange) Marshal() []byte {
	w := startLeaf(len(l.Text)+32, l, 3)
	w.Uint(l.Number)
	w.Bytes(l.Text)
	return w.Result()
}

// Marshal implements Leaf.
func (l Succession) Marshal() []byte {
	w := startLeaf(len(l.Text)+64, l, 3)
	w.Bytes(l.Text)
	w.Bytes(l.VRFKey[:])
	return w.Result()
}

func startLeaf(size int, l Leaf, fields int) *cbor.Writer {
	w := cbor.NewWriter(size)
	w.Array(fields)
	w.Uint(l.kind())
	return w
}

// ParseLeaf decodes a leaf. It refuses unknown kinds of leaves and of statements,
// numbers out of range, and all but the deterministic encoding; whether the leaf
// follows from those before it is for an auditor.
func ParseLeaf(b []byte) (Leaf, error) {
	if len(b) > MaxLeaf {
		return nil, cbor.ErrMalformed
	}
	r := cbor.NewReader(b)
	fields := r.Length(2, 6)
	kind := r.Uint(kindSuccession)
	if want := [...]int{kindMutation: 5, kindRoot: 6, kindRelease: 3, kindBundle: 2, kindCanary: 2, kindPolicyChange: 3, kindSuccession: 3}; fields != want[kind] {
		return nil, cbor.ErrMalformed
	}
	l := readLeaf(r, kind)
	if err := r.Done(); err != nil {
		return nil, err
	}
	return l, nil
}

// readLeaf reads the fields after the kind.
func readLeaf(r *cbor.Reader, kind uint64) Leaf {
	switch kind {
	case kindMutation:
		return readMutation(r)
	case kindRoot:
		var l Root
		l.Time = int64(r.Uint(MaxTime))
		l.First = int64(r.Uint(1<<62 - 1))
		l.Size = int64(r.Uint(1<<62 - 1))
		r.Fixed(l.Map[:])
		r.Fixed(l.Config[:])
		return l
	case kindRelease:
		var l Release
		l.Version = r.Text(MaxVersion)
		r.Fixed(l.Manifest[:])
		if l.Version == "" || !isPrintable(l.Version) {
			r.Fail()
		}
		return l
	case kindBundle:
		var l Bundle
		r.Fixed(l.Manifest[:])
		return l
	case kindCanary:
		l := Canary{r.Bytes(MaxCanary)}
		if len(l.Document) == 0 {
			r.Fail()
		}
		return l
	case kindPolicyChange:
		return PolicyChange{r.Uint(MaxCount), r.Bytes(MaxPolicy)}
	case kindSuccession:
		var l Succession
		l.Text = r.Bytes(MaxPolicy)
		r.Fixed(l.VRFKey[:])
		return l
	}
	r.Fail()
	return nil
}

func readMutation(r *cbor.Reader) Mutation {
	var m Mutation
	r.Fixed(m.Label[:])
	if !r.Null() {
		old := readValue(r)
		m.Old = &old
	}
	m.New = readValue(r)
	for range r.Length(1, MaxKinds) {
		k := r.Uint(uint64(KindClose))
		if k == 0 {
			r.Fail()
		}
		m.Kinds = append(m.Kinds, Kind(k))
	}
	return m
}

// isPrintable reports whether s is of printable ASCII, spaces included.
func isPrintable(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
