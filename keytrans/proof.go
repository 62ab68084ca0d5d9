// SPDX-License-Identifier: Apache-2.0

package keytrans

import (
	"github.com/securecrypt/securecrypt/keytrans/internal/cbor"
)

const (
	// MaxPath bounds the path of a proof in the map, in bytes: 256 steps, and
	// the leaf that shows a name to be absent.
	MaxPath = 256*34 + 66
	// MaxProof bounds a lookup proof, in bytes.
	MaxProof = 96 << 10
	// version is the first element of each proof.
	version = 1
)

// A Query is what a client asks for, and what it knows already.
type Query struct {
	// Name is the account's, name@host in its canonical form.
	Name string
	// Known is what was verified of the name before, nil if nothing was. With it, the
	// proof need not show the label again, and must not contradict it.
	Known *Known
	// Held is the newest head that the client has, nil if it has none. It is nil too for
	// a proof that was not made for this client, such as one that a contact sends about
	// herself: its head may be older than Held, and is compared with VerifyGrowth. A
	// client that has verified exactly the head of such a proof sets Held to it, and the
	// signatures are not verified again.
	Held *Head
}

// Known is what a client remembers of a name.
type Known struct {
	Label Label
	// Origin and VRFKey are those of the log that showed the entry. In a log that succeeded it,
	// the label is another, and the counter begins again.
	Origin string
	VRFKey [VRFKeySize]byte
	// Value is the last verified value, nil if there was no account.
	Value *Value
}

// An UnverifiedProof is a log's answer to a query. Nothing of it is verified. A log
// fills the exported fields and calls Marshal; a client calls Query.Parse.
type UnverifiedProof struct {
	// Head is the head under which the proof stands, nil if it is the one that
	// the client holds.
	Head *UnverifiedHead
	// HeadSize is the size of the client's head if Head is nil.
	HeadSize int64
	// VRFProof has VRFProofSize bytes, or is nil if the client knows the label.
	VRFProof []byte
	// Value is the account's value, nil if there is no account.
	Value *Value
	// Path is the proof in the map, as package prefixmap makes it: of presence if
	// there is a value, else of absence.
	Path []byte

	query Query
}

// Marshal returns the deterministic encoding of the proof.
func (u *UnverifiedProof) Marshal() []byte {
	w := cbor.NewWriter(2048)
	w.Array(5)
	w.Uint(version)
	if u.Head == nil {
		w.Uint(uint64(u.HeadSize))
	} else {
		u.Head.write(w)
	}
	writeOptional(w, u.VRFProof)
	if u.Value == nil {
		w.Null()
	} else {
		u.Value.write(w)
	}
	w.Bytes(u.Path)
	return w.Result()
}

// Parse decodes a log's answer to the query.
func (q Query) Parse(b []byte) (*UnverifiedProof, error) {
	if len(b) > MaxProof {
		return nil, cbor.ErrMalformed
	}
	u := &UnverifiedProof{query: q}
	r := cbor.NewReader(b)
	r.Array(5)
	u.Head, u.HeadSize = readVersionAndHead(r)
	if !r.Null() {
		u.VRFProof = make([]byte, VRFProofSize)
		r.Fixed(u.VRFProof)
	}
	if !r.Null() {
		value := readValue(r)
		u.Value = &value
	}
	u.Path = r.Bytes(MaxPath)
	if err := r.Done(); err != nil {
		return nil, err
	}
	return u, nil
}

// readVersionAndHead reads the version, which must be the present one, and a head
// or the size of the head that the client holds.
func readVersionAndHead(r *cbor.Reader) (head *UnverifiedHead, size int64) {
	if r.Uint(1<<64-1) != version {
		r.Fail()
	}
	if r.IsArray() {
		return readHead(r), 0
	}
	return nil, int64(r.Uint(1<<62 - 1))
}

func writeOptional(w *cbor.Writer, b []byte) {
	if b == nil {
		w.Null()
		return
	}
	w.Bytes(b)
}
