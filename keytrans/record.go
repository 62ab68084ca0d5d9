// SPDX-License-Identifier: Apache-2.0

package keytrans

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/securecrypt/securecrypt/keytrans/internal/cbor"
	"github.com/securecrypt/securecrypt/keytrans/internal/rule"
)

// An UnverifiedRecord is a log's claim that it has a leaf, and since when. Nothing of it is
// verified. Marshal makes the wire form, ParseRecord reads it.
type UnverifiedRecord struct {
	// Head is the head under which the claim stands, nil if it is the one that the
	// client holds, of the size HeadSize.
	Head     *UnverifiedHead
	HeadSize int64
	// Leaf is the encoding of the leaf at Index, and Inclusion its proof.
	Leaf      []byte
	Index     int64
	Inclusion []tlog.Hash
	// Root is the encoding of the root that covers the leaf, at RootIndex, and
	// RootInclusion its proof.
	Root          []byte
	RootIndex     int64
	RootInclusion []tlog.Hash
}

// Marshal returns the deterministic encoding of the record.
func (u *UnverifiedRecord) Marshal() []byte {
	w := cbor.NewWriter(2048)
	w.Array(8)
	w.Uint(version)
	if u.Head == nil {
		w.Uint(uint64(u.HeadSize))
	} else {
		u.Head.write(w)
	}
	w.Bytes(u.Leaf)
	w.Uint(uint64(u.Index))
	writeHashes(w, u.Inclusion)
	w.Bytes(u.Root)
	w.Uint(uint64(u.RootIndex))
	writeHashes(w, u.RootInclusion)
	return w.Result()
}

// MaxRecord bounds the encoding of a record, in bytes.
const MaxRecord = 256 << 10

// ParseRecord decodes a record.
func ParseRecord(b []byte) (*UnverifiedRecord, error) {
	if len(b) > MaxRecord {
		return nil, cbor.ErrMalformed
	}
	u := new(UnverifiedRecord)
	r := cbor.NewReader(b)
	r.Array(8)
	u.Head, u.HeadSize = readVersionAndHead(r)
	u.Leaf = r.Bytes(MaxLeaf)
	u.Index = int64(r.Uint(1<<62 - 1))
	u.Inclusion = readHashes(r)
	u.Root = r.Bytes(MaxLeaf)
	u.RootIndex = int64(r.Uint(1<<62 - 1))
	u.RootInclusion = readHashes(r)
	if err := r.Done(); err != nil {
		return nil, err
	}
	return u, nil
}

// A Record is a leaf that a log has under a head, verified. Only VerifyRecord makes one.
type Record struct {
	leaf  Leaf
	index int64
	time  time.Time
	head  *Head
}

// Leaf returns the leaf.
func (r *Record) Leaf() Leaf { return r.leaf }

// Index returns the leaf's index in the log.
func (r *Record) Index() int64 { return r.index }

// Time returns the time of the root that covers the leaf. The log states it; auditors
// see to it that times neither go back nor differ from their clocks.
func (r *Record) Time() time.Time { return r.time }

// Head returns the head under which the record was verified.
func (r *Record) Head() *Head { return r.head }

// VerifyRecord returns the record that a log's answer proves, at the time now. Held is the
// newest head that the client has, nil if it has none. The head may be of any age:
// what it proves does not become untrue.
func VerifyRecord(u *UnverifiedRecord, policy *Policy, held *Head, now time.Time) (*Record, error) {
	proof := UnverifiedProof{Head: u.Head, HeadSize: u.HeadSize, query: Query{Held: held}}
	head, err := proof.trustedHead(policy, now)
	if err != nil {
		return nil, err
	}
	c := head.Checkpoint()
	if err := checkInclusion(c, u.Index, u.Leaf, u.Inclusion); err != nil {
		return nil, rule.Broken("record-leaf", "the leaf is not in the log")
	}
	if err := checkInclusion(c, u.RootIndex, u.Root, u.RootInclusion); err != nil {
		return nil, rule.Broken("record-root", "the leaf's root is not in the log")
	}
	leaf, err := ParseLeaf(u.Leaf)
	if err != nil {
		return nil, err
	}
	covering, err := ParseLeaf(u.Root)
	if err != nil {
		return nil, err
	}
	root, ok := covering.(Root)
	if !ok {
		return nil, rule.Broken("record-kind", "the leaf is dated by a leaf that is not a root")
	}
	if u.Index < root.First || u.Index > u.RootIndex {
		return nil, rule.Broken("record-covers", "the leaf is dated by a root that does not cover it")
	}
	if m, ok := leaf.(Mutation); ok {
		if err := m.Check(); err != nil {
			return nil, err
		}
	}
	return &Record{leaf, u.Index, time.Unix(root.Time, 0).UTC(), head}, nil
}

// CheckWait returns nil if the mutation in the record commit carries out a reset that the
// mutation in the record request asked for at least wait before.
func CheckWait(request, commit *Record, wait time.Duration) error {
	asked, ok := request.leaf.(Mutation)
	done, ok2 := commit.leaf.(Mutation)
	if !ok || !ok2 || asked.Label != done.Label || !asked.has(KindResetRequest) || !done.has(KindResetCommit) {
		return rule.Broken("record-reset", "the records are not of a reset's request and commit")
	}
	if commit.index <= request.index || commit.time.Sub(request.time) < wait {
		return rule.Broken("record-wait", "the reset was carried out before its time")
	}
	return nil
}

// has reports whether a mutation appends a statement of a kind.
func (m Mutation) has(kind Kind) bool {
	for _, k := range m.Kinds {
		if k == kind {
			return true
		}
	}
	return false
}

// FormatTlogProof returns the proof that a leaf is in the tree of a checkpoint as a
// c2sp.org/tlog-proof, which general verifiers read: they need the leaf's encoding and the policy.
func FormatTlogProof(index int64, inclusion []tlog.Hash, checkpoint []byte) []byte {
	var b strings.Builder
	b.WriteString("c2sp.org/tlog-proof@v1\nindex " + strconv.FormatInt(index, 10) + "\n")
	for _, h := range inclusion {
		b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	b.WriteString("\n")
	b.Write(checkpoint)
	return []byte(b.String())
}

// ParseTlogProof decodes a c2sp.org/tlog-proof. It ignores extra data.
func ParseTlogProof(b []byte) (index int64, inclusion []tlog.Hash, checkpoint []byte, err error) {
	malformed := fmt.Errorf("%w: tlog-proof", cbor.ErrMalformed)
	head, note, ok := strings.Cut(string(b), "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || len(b) > MaxRecord || lines[0] != "c2sp.org/tlog-proof@v1" {
		return 0, nil, nil, malformed
	}
	lines = lines[1:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") {
		if _, err := base64.StdEncoding.Strict().DecodeString(lines[0][len("extra "):]); err != nil {
			return 0, nil, nil, malformed
		}
		lines = lines[1:]
	}
	if len(lines) == 0 || len(lines) > 1+maxHashes {
		return 0, nil, nil, malformed
	}
	number, ok := strings.CutPrefix(lines[0], "index ")
	index, err = strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || index < 0 || strconv.FormatInt(index, 10) != number {
		return 0, nil, nil, malformed
	}
	for _, line := range lines[1:] {
		h, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(h) != tlog.HashSize {
			return 0, nil, nil, malformed
		}
		inclusion = append(inclusion, tlog.Hash(h))
	}
	return index, inclusion, []byte(note), nil
}
