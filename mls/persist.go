// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/securecrypt/securecrypt/mls/internal/schedule"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
	"github.com/securecrypt/securecrypt/mls/tlsenc"
)

// The records of a group. Beside these, package secrettree keeps its own below
// ratchetPrefix.
//
//	g        the epoch: context, secrets, signing key, list of past epochs
//	t/NODE   a node of the public tree
//	k/NODE   the private key of an own node
//	p/EPOCH  what is left of a past epoch
//	q        how many proposals are pending
//	q/N      a pending proposal
//	c        the own staged commit
const (
	groupKey     = "g"
	proposalsKey = "q"
	commitKey    = "c"
)

func treeKey(n treemath.Node) string        { return "t/" + strconv.FormatUint(uint64(n), 10) }
func privateNodeKey(n treemath.Node) string { return "k/" + strconv.FormatUint(uint64(n), 10) }
func pastKey(epoch uint64) string           { return "p/" + strconv.FormatUint(epoch, 10) }
func proposalKey(i int) string              { return proposalsKey + "/" + strconv.Itoa(i) }

// errState is returned for records that this package did not write.
var errState = errors.New("mls: corrupt state")

func newRecord() *tlsenc.Writer {
	w := tlsenc.NewWriter(1024)
	w.U8(recordVersion)
	return w
}

func openRecord(b []byte) *tlsenc.Reader {
	r := tlsenc.NewReader(bytes.Clone(b))
	if r.U8() != recordVersion {
		r.Fail(tlsenc.ErrMalformed)
	}
	return r
}

func corrupt(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %s: %w", errState, what, err)
}

func encodeNode(n wire.Node) []byte {
	w := tlsenc.NewWriter(1 + n.Size())
	w.U8(recordVersion)
	n.MarshalOptional(w)
	return w.Bytes()
}

func decodeNode(i treemath.Node, b []byte) (wire.Node, error) {
	if b == nil {
		return wire.Node{}, nil
	}
	r := tlsenc.NewReader(b) // nothing secret, and nobody else's
	if r.U8() != recordVersion {
		r.Fail(tlsenc.ErrMalformed)
	}
	n := wire.ReadOptionalNode(r)
	if n.Leaf != nil != i.IsLeaf() {
		r.Fail(tlsenc.ErrMalformed)
	}
	return n, r.Done()
}

func encodePrivate(key suite.Secret) []byte {
	w := tlsenc.NewWriter(8 + len(key))
	w.U8(recordVersion)
	w.Opaque(key)
	return w.Bytes()
}

func decodePrivate(b []byte) (suite.Secret, error) {
	r := openRecord(b)
	key := r.Opaque()
	return key, r.Done()
}

// writeEpoch encodes context, tag, own leaf, signing key and epoch secrets.
func (st *state) writeEpoch(w *tlsenc.Writer) {
	st.context.Marshal(w)
	w.Opaque(st.tag)
	w.U32(uint32(st.own))
	writeSigner(w, st.signer)
	e := st.secrets
	for _, secret := range []suite.Secret{e.SenderData, e.Exporter, e.External, e.Membership, e.Resumption, e.Authenticator, e.Init} {
		w.Opaque(secret)
	}
}

func readEpoch(r *tlsenc.Reader) (*state, error) {
	st := &state{context: wire.ReadGroupContext(r)}
	tag := r.Opaque()
	st.own = treemath.Leaf(r.U32())
	signer, err := readSigner(r)
	if err != nil {
		return nil, err
	}
	st.signer = signer
	if st.suite, err = suite.Lookup(st.context.CipherSuite); err != nil {
		return nil, err
	}
	e := schedule.RestoreEpoch(st.suite)
	for _, secret := range []*suite.Secret{&e.SenderData, &e.Exporter, &e.External, &e.Membership, &e.Resumption, &e.Authenticator, &e.Init} {
		*secret = r.Opaque()
		if len(*secret) != st.suite.HashSize() {
			r.Fail(tlsenc.ErrMalformed)
		}
	}
	st.secrets = e
	st.confirm(tag)
	return st, r.Err()
}

const (
	statusMember  = 1
	statusRemoved = 2
)

func (g *Group) encodeGroup() []byte {
	w := newRecord()
	if g.removed {
		w.U8(statusRemoved)
		g.state.context.Marshal(w)
		w.U32(uint32(g.state.own))
		return w.Bytes()
	}
	w.U8(statusMember)
	w.U32(g.state.tree.Leaves())
	g.state.writeEpoch(w)
	w.Vector(func(w *tlsenc.Writer) {
		for _, p := range g.past {
			w.U64(p.context.Epoch)
		}
	})
	w.Optional(g.reinit != nil)
	if g.reinit != nil {
		g.reinit.Marshal(w)
	}
	return w.Bytes()
}

// LoadGroup restores a group from what its deltas persisted. The group keeps r and
// reads from it on demand: sending and receiving messages take a few records, commits and
// whatever else looks at all members take the tree, once. Methods that return no error find
// nobody where reading fails; the next one that returns errors tells.
func LoadGroup(r Reader, cfg Config) (*Group, error) {
	cfg, err := cfg.check()
	if err != nil {
		return nil, err
	}
	g := &Group{cfg: cfg, store: newStore(r)}
	b, err := g.store.get(groupKey)
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, ErrNoState
	}
	leaves, past, err := g.decodeGroup(b)
	if err != nil || g.removed {
		return g, corrupt("group", err)
	}
	if err := g.loadTree(leaves); err != nil {
		return nil, err
	}
	for _, epoch := range past {
		if err := g.loadPast(epoch); err != nil {
			return nil, err
		}
	}
	if err := g.loadProposals(); err != nil {
		return nil, err
	}
	return g, g.loadStaged()
}

func (g *Group) decodeGroup(b []byte) (leaves uint32, past []uint64, err error) {
	r := openRecord(b)
	switch r.U8() {
	case statusRemoved:
		g.removed = true
		g.state = &state{context: wire.ReadGroupContext(r), own: treemath.Leaf(r.U32())}
		if err = r.Done(); err == nil {
			g.state.suite, err = suite.Lookup(g.state.context.CipherSuite)
		}
		return 0, nil, err
	case statusMember:
	default:
		r.Fail(tlsenc.ErrMalformed)
	}
	if leaves = r.U32(); leaves == 0 || leaves > tree.MaxLeaves || leaves&(leaves-1) != 0 {
		r.Fail(tlsenc.ErrMalformed)
	}
	if err := r.Err(); err != nil {
		return 0, nil, err
	}
	if g.state, err = readEpoch(r); err != nil {
		return 0, nil, err
	}
	for v := r.Vector(); !v.Empty(); {
		past = append(past, v.U64())
	}
	if r.Optional() {
		reinit := wire.ReadReInit(r)
		g.reinit = &reinit
	}
	return leaves, past, r.Done()
}

// loadTree restores the tree, of which it reads the own leaf, and the own private keys.
func (g *Group) loadTree(leaves uint32) error {
	st := g.state
	st.tree = tree.Load(st.suite, leaves, func(n treemath.Node) (wire.Node, error) {
		b, err := g.store.get(treeKey(n))
		if err != nil {
			return wire.Node{}, err
		}
		node, err := decodeNode(n, b)
		return node, corrupt("tree", err)
	})
	if st.tree.Leaf(st.own) == nil {
		if err := st.tree.Err(); err != nil {
			return err
		}
		return fmt.Errorf("%w: own leaf is blank", errState)
	}
	st.private = make(map[treemath.Node]*privateKey)
	path := append(treemath.DirectPath(st.own.Node(), leaves), st.own.Node())
	for _, n := range path {
		b, err := g.store.get(privateNodeKey(n))
		if err != nil {
			return err
		}
		if b == nil {
			continue
		}
		raw, err := decodePrivate(b)
		if err != nil {
			return corrupt("private key", err)
		}
		st.private[n] = &privateKey{raw: raw}
	}
	if st.private[st.own.Node()] == nil {
		return fmt.Errorf("%w: own private key is missing", errState)
	}
	return nil
}

// putProposals writes the pending proposals from index from on.
func (g *Group) putProposals(t *txn, from int) {
	for i := from; i < len(g.pending); i++ {
		t.Put(proposalKey(i), encodePending(g.pending[i]))
	}
	w := newRecord()
	w.U32(uint32(len(g.pending)))
	t.Put(proposalsKey, w.Bytes())
}

func (g *Group) deleteProposals(t *txn) {
	if len(g.pending) == 0 {
		return
	}
	for i := range g.pending {
		t.Delete(proposalKey(i))
	}
	t.Delete(proposalsKey)
}

func encodePending(q *queued) []byte {
	w := newRecord()
	w.Opaque(q.content.Bytes())
	w.Optional(q.private != nil)
	if q.private != nil {
		w.Opaque(q.private)
		writeSigner(w, q.signer)
	}
	return w.Bytes()
}

func decodePending(s *suite.Suite, b []byte) (*queued, error) {
	r := openRecord(b)
	content, err := wire.ParseAuthenticatedContent(r.Opaque())
	if err != nil {
		return nil, err
	}
	if content.Content.Type != wire.ContentProposal {
		return nil, errState
	}
	q := refer(s, content)
	if r.Optional() {
		q.private = r.Opaque()
		if q.signer, err = readSigner(r); err != nil {
			return nil, err
		}
	}
	return q, r.Done()
}

func (g *Group) loadProposals() error {
	b, err := g.store.get(proposalsKey)
	if err != nil || b == nil {
		return err
	}
	r := openRecord(b)
	n := r.U32()
	if err := r.Done(); err != nil || n > maxPending {
		return fmt.Errorf("%w: proposals", errState)
	}
	for i := range int(n) {
		b, err := g.store.get(proposalKey(i))
		if err != nil {
			return err
		}
		q, err := decodePending(g.state.suite, b)
		if err != nil {
			return corrupt("proposal", err)
		}
		g.pending = append(g.pending, q)
	}
	return nil
}
