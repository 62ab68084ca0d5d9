// SPDX-License-Identifier: Apache-2.0

package keytrans

import (
	"bytes"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/securecrypt/securecrypt/keytrans/internal/cbor"
	"github.com/securecrypt/securecrypt/keytrans/internal/rule"
)

// maxHashes bounds the hashes of a proof in the log's tree.
const maxHashes = 64

// An UnverifiedHead is a checkpoint with its last leaf, the map's root, as a log shows it.
// Nothing of it is verified. Marshal makes the wire form, ParseHead reads it.
type UnverifiedHead struct {
	// Checkpoint is a note, of at most MaxCheckpoint bytes.
	Checkpoint []byte
	// Root is the encoding of the last leaf under the checkpoint.
	Root []byte
	// Inclusion proves that leaf, from its sibling to the root's child.
	Inclusion []tlog.Hash
	// Growth proves that the tree extends the one that the client holds
	// (RFC 6962, Section 2.1.2). It is empty if the client holds none, or one of
	// this size.
	Growth []tlog.Hash
}

// Marshal returns the deterministic encoding of the head.
func (u *UnverifiedHead) Marshal() []byte {
	w := cbor.NewWriter(1024)
	u.write(w)
	return w.Result()
}

// ParseHead decodes a head.
func ParseHead(b []byte) (*UnverifiedHead, error) {
	r := cbor.NewReader(b)
	u := readHead(r)
	if err := r.Done(); err != nil {
		return nil, err
	}
	return u, nil
}

func (u *UnverifiedHead) write(w *cbor.Writer) {
	w.Array(4)
	w.Bytes(u.Checkpoint)
	w.Bytes(u.Root)
	writeHashes(w, u.Inclusion)
	writeHashes(w, u.Growth)
}

func readHead(r *cbor.Reader) *UnverifiedHead {
	u := new(UnverifiedHead)
	r.Array(4)
	u.Checkpoint = r.Bytes(MaxCheckpoint)
	u.Root = r.Bytes(MaxLeaf)
	u.Inclusion = readHashes(r)
	u.Growth = readHashes(r)
	return u
}

// writeHashes writes hashes as one byte string.
func writeHashes(w *cbor.Writer, hashes []tlog.Hash) {
	b := make([]byte, 0, len(hashes)*tlog.HashSize)
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	w.Bytes(b)
}

func readHashes(r *cbor.Reader) []tlog.Hash {
	b := r.Bytes(maxHashes * tlog.HashSize)
	if len(b)%tlog.HashSize != 0 {
		r.Fail()
		return nil
	}
	hashes := make([]tlog.Hash, len(b)/tlog.HashSize)
	for i := range hashes {
		copy(hashes[i][:], b[i*tlog.HashSize:])
	}
	return hashes
}

// A Head is a checkpoint that the log signed and a policy's quorum cosigned, and the map's
// root in its last leaf. Only Policy.VerifyHead makes one.
type Head struct {
	signed    *SignedCheckpoint
	root      Root
	leaf      []byte
	inclusion []tlog.Hash
	cosigned  time.Time
	policy    *Policy
}

// Checkpoint returns the checkpoint of the head.
func (h *Head) Checkpoint() Checkpoint { return h.signed.checkpoint }

// Signed returns the checkpoint with its signatures, for instance as evidence.
func (h *Head) Signed() *SignedCheckpoint { return h.signed }

// Size returns the number of leaves in the log.
func (h *Head) Size() int64 { return h.signed.checkpoint.Size }

// Root returns the last leaf: the map's state.
func (h *Head) Root() Root { return h.root }

// Cosigned returns up to when the quorum vouches for the head being the newest: the
// latest time at which the quorum is met by cosignatures that are not older.
func (h *Head) Cosigned() time.Time { return h.cosigned }

// Marshal returns the head without a proof of growth, for storage: ParseHead and
// VerifyHead make it a Head again.
func (h *Head) Marshal() []byte {
	return (&UnverifiedHead{Checkpoint: h.signed.note, Root: h.leaf, Inclusion: h.inclusion}).Marshal()
}

// VerifyHead verifies a head at the time now: the signatures of the log and of the
// quorum, that the map's root is the last leaf under the checkpoint, and that it commits
// to the policy's configuration. If held is not nil, the head must extend it;
// a log that forked is reported with a ForkError. How old the head may be is checked when
// something is verified under it.
func (p *Policy) VerifyHead(u *UnverifiedHead, held *Head, now time.Time) (*Head, error) {
	signed, err := p.OpenCheckpoint(u.Checkpoint)
	if err != nil {
		return nil, err
	}
	if held != nil {
		if err := VerifyGrowth(held.signed, signed, u.Growth); err != nil {
			return nil, err
		}
	}
	root, err := proveRoot(signed.checkpoint, u)
	if err != nil {
		return nil, err
	}
	if root.Config != p.config.Hash() {
		return nil, rule.Broken("K3-config", "the log has another configuration than the policy")
	}
	cosigned, err := p.quorumTime(signed, now)
	if err != nil {
		return nil, err
	}
	leaf, inclusion := append([]byte(nil), u.Root...), append([]tlog.Hash(nil), u.Inclusion...)
	return &Head{signed, root, leaf, inclusion, time.Unix(cosigned, 0).UTC(), p}, nil
}

// proveRoot returns the root that is the last leaf under a checkpoint.
func proveRoot(c Checkpoint, u *UnverifiedHead) (Root, error) {
	if c.Size < 1 {
		return Root{}, rule.Broken("K1-empty", "the log is empty")
	}
	if err := checkInclusion(c, c.Size-1, u.Root, u.Inclusion); err != nil {
		return Root{}, rule.Broken("K1-last", "the root is not the last leaf under the checkpoint")
	}
	leaf, err := ParseLeaf(u.Root)
	if err != nil {
		return Root{}, err
	}
	root, ok := leaf.(Root)
	if !ok {
		return Root{}, rule.Broken("K1-kind", "the last leaf under the checkpoint is not a root")
	}
	return root, nil
}

// checkInclusion checks that a leaf has an index in the tree of a checkpoint.
func checkInclusion(c Checkpoint, index int64, leaf []byte, proof []tlog.Hash) error {
	return tlog.CheckRecord(proof, c.Size, tlog.Hash(c.Hash), index, tlog.RecordHash(leaf))
}

// VerifyGrowth returns nil if the tree of newer extends that of older, both of
// one log. Of two checkpoints of one size, it reports a fork if they differ.
func VerifyGrowth(older, newer *SignedCheckpoint, proof []tlog.Hash) error {
	if err := CheckFork(older, newer); err != nil {
		return err
	}
	return older.checkpoint.CheckGrowth(newer.checkpoint, proof)
}

// CheckGrowth returns nil if the tree of newer extends that of c, both of one log (RFC 6962,
// Section 2.1.2). It knows of no signatures.
func (c Checkpoint) CheckGrowth(newer Checkpoint, proof []tlog.Hash) error {
	if c.Origin != newer.Origin {
		return rule.Broken("growth-origin", "the checkpoint is of another log")
	}
	if newer.Size < c.Size {
		return rule.Broken("growth-size", "the log shows %d leaves after it showed %d", newer.Size, c.Size)
	}
	if newer.Size == c.Size && newer.Hash != c.Hash {
		return rule.Broken("growth-hash", "the log shows another tree of the size that it showed before")
	}
	needed := c.Size != newer.Size && c.Size != 0
	if !needed && len(proof) != 0 {
		return rule.Broken("growth-needless", "a proof of growth where none is needed")
	}
	if !needed {
		return nil
	}
	if err := tlog.CheckTree(proof, newer.Size, tlog.Hash(newer.Hash), c.Size, tlog.Hash(c.Hash)); err != nil {
		return rule.Broken("growth-proof", "the log does not show that it extends what it showed before")
	}
	return nil
}

// is reports whether an unverified head is byte for byte the one that h was made of, by the same
// policy. Its signatures need not be verified again.
func (h *Head) is(u *UnverifiedHead, policy *Policy) bool {
	return h.policy == policy && bytes.Equal(u.Checkpoint, h.signed.note) && bytes.Equal(u.Root, h.leaf) &&
		slices.Equal(u.Inclusion, h.inclusion) && len(u.Growth) == 0
}

// Freshness returns the age of the head's quorum at now, and an ErrStale if it is
// greater than the policy allows. A time ahead of now counts as the age 0, within
// what the policy allows.
func (h *Head) Freshness(now time.Time) (age time.Duration, err error) {
	age = now.Sub(h.cosigned)
	if age < -h.policy.params.MaxAhead { // also if the difference is the least Duration, which has no negative
		return 0, rule.BrokenBy(ErrAhead, "K7-clock", "a cosignature is later than the clock allows")
	}
	if age > h.policy.params.MaxAge {
		return age, rule.BrokenBy(ErrStale, "K7-stale", "the newest cosignatures are too old")
	}
	return max(age, 0), nil
}
