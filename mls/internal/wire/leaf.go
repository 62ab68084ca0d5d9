// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"slices"

	"github.com/securecrypt/securecrypt/mls/tlsenc"
)

// Version is mls10, the only protocol version.
const Version = 1

// Extension is defined in RFC 9420, Section 7.2.
type Extension struct {
	Type uint16
	Data []byte
}

// Extension types (RFC 9420, Section 17.3).
const (
	ExtApplicationID        = 1
	ExtRatchetTree          = 2
	ExtRequiredCapabilities = 3
	ExtExternalPub          = 4
	ExtExternalSenders      = 5
	ExtAppDataDictionary    = 6
)

// Extensions is a list of extensions.
type Extensions []Extension

// Find returns the data of the first extension of type t.
func (e Extensions) Find(t uint16) ([]byte, bool) {
	for _, x := range e {
		if x.Type == t {
			return x.Data, true
		}
	}
	return nil, false
}

// Equal reports whether two lists hold the same in the same order.
func (e Extensions) Equal(o Extensions) bool {
	return slices.EqualFunc(e, o, func(a, b Extension) bool { return a.Type == b.Type && string(a.Data) == string(b.Data) })
}

// Duplicate reports whether a type occurs twice.
func (e Extensions) Duplicate() bool {
	seen := make(map[uint16]struct{}, len(e))
	for _, x := range e {
		if _, twice := seen[x.Type]; twice {
			return true
		}
		seen[x.Type] = struct{}{}
	}
	return false
}

// Marshal encodes the list.
func (e Extensions) Marshal(w *tlsenc.Writer) {
	w.Vector(func(w *tlsenc.Writer) {
		for _, x := range e {
			w.U16(x.Type)
			w.Opaque(x.Data)
		}
	})
}

// ReadExtensions decodes a list of extensions.
func ReadExtensions(r *tlsenc.Reader) Extensions {
	var e Extensions
	for v := r.Vector(); !v.Empty(); {
		e = append(e, Extension{v.U16(), v.Opaque()})
	}
	return e
}

// Credential is defined in RFC 9420, Section 5.3. The content of every known type
// is one vector; unknown types are read as if so.
type Credential struct {
	Type uint16
	Data []byte
}

// Marshal encodes the credential.
func (c Credential) Marshal(w *tlsenc.Writer) {
	w.U16(c.Type)
	w.Opaque(c.Data)
}

// Key is equal for equal credentials.
func (c Credential) Key() string {
	var w tlsenc.Writer
	c.Marshal(&w)
	return string(w.Bytes())
}

func readCredential(r *tlsenc.Reader) Credential { return Credential{r.U16(), r.Opaque()} }

// MarshalCertificates encodes the content of an X.509 credential.
func MarshalCertificates(chain [][]byte) []byte {
	var w tlsenc.Writer
	for _, der := range chain {
		w.Opaque(der)
	}
	return w.Bytes()
}

// Certificates decodes the content of an X.509 credential.
func (c Credential) Certificates() ([][]byte, error) {
	var certs [][]byte
	r := tlsenc.NewReader(c.Data)
	for !r.Empty() {
		certs = append(certs, r.Opaque())
	}
	return certs, r.Done()
}

// Capabilities is defined in RFC 9420, Section 7.2.
type Capabilities struct {
	Versions, CipherSuites, Extensions, Proposals, Credentials []uint16
}

// Marshal encodes the capabilities.
func (c Capabilities) Marshal(w *tlsenc.Writer) {
	for _, list := range [][]uint16{c.Versions, c.CipherSuites, c.Extensions, c.Proposals, c.Credentials} {
		writeU16s(w, list)
	}
}

func readCapabilities(r *tlsenc.Reader) Capabilities {
	return Capabilities{readU16s(r), readU16s(r), readU16s(r), readU16s(r), readU16s(r)}
}

// sharedCapabilities remembers the latest capabilities that were read: most leaves of a
// group have the same.
type sharedCapabilities struct {
	raw   []byte
	value Capabilities
}

func (s *sharedCapabilities) read(r *tlsenc.Reader) Capabilities {
	if s == nil {
		return readCapabilities(r)
	}
	rest := r.Rest()
	if len(s.raw) > 0 && bytes.HasPrefix(rest, s.raw) {
		r.Take(len(s.raw))
		return s.value
	}
	value := readCapabilities(r)
	if r.Err() == nil {
		s.raw, s.value = rest[:len(rest)-len(r.Rest())], value
	}
	return value
}

func writeU16s(w *tlsenc.Writer, list []uint16) {
	w.Vector(func(w *tlsenc.Writer) {
		for _, v := range list {
			w.U16(v)
		}
	})
}

// MarshalU16s encodes a vector of code points.
func MarshalU16s(list []uint16) []byte {
	var w tlsenc.Writer
	writeU16s(&w, list)
	return w.Bytes()
}

// ParseU16s decodes a vector of code points.
func ParseU16s(b []byte) ([]uint16, error) {
	r := tlsenc.NewReader(b)
	list := readU16s(r)
	return list, r.Done()
}

func readU16s(r *tlsenc.Reader) []uint16 {
	v := r.Vector()
	list := make([]uint16, 0, len(v.Rest())/2)
	for !v.Empty() {
		list = append(list, v.U16())
	}
	return list
}

// DefaultExtension reports whether all clients support the type (Section 7.2).
func DefaultExtension(t uint16) bool { return ExtApplicationID <= t && t <= ExtExternalSenders }

// DefaultProposal reports whether all clients support the type (Section 7.2).
func DefaultProposal(t uint16) bool { return Add <= t && t <= GroupContextExtensions }

// SupportsExtension reports whether t is a default or listed.
func (c Capabilities) SupportsExtension(t uint16) bool {
	return DefaultExtension(t) || slices.Contains(c.Extensions, t)
}

// SupportsProposal reports whether t is a default or listed.
func (c Capabilities) SupportsProposal(t uint16) bool {
	return DefaultProposal(t) || slices.Contains(c.Proposals, t)
}

// SupportsCredential reports whether t is listed.
func (c Capabilities) SupportsCredential(t uint16) bool { return slices.Contains(c.Credentials, t) }

// RequiredCapabilities is defined in RFC 9420, Section 11.1.
type RequiredCapabilities struct {
	Extensions, Proposals, Credentials []uint16
}

// Marshal encodes the extension's data.
func (c RequiredCapabilities) Marshal() []byte {
	var w tlsenc.Writer
	writeU16s(&w, c.Extensions)
	writeU16s(&w, c.Proposals)
	writeU16s(&w, c.Credentials)
	return w.Bytes()
}

// ParseRequiredCapabilities decodes the extension's data.
func ParseRequiredCapabilities(b []byte) (RequiredCapabilities, error) {
	r := tlsenc.NewReader(b)
	c := RequiredCapabilities{readU16s(r), readU16s(r), readU16s(r)}
	return c, r.Done()
}

// Source says how a leaf came into the tree (RFC 9420, Section 7.2).
type Source uint8

// The sources of leaves.
const (
	SourceKeyPackage Source = 1
	SourceUpdate     Source = 2
	SourceCommit     Source = 3
)

// Lifetime is in seconds since 1970.
type Lifetime struct{ NotBefore, NotAfter uint64 }

// LeafNode is defined in RFC 9420, Section 7.2.
type LeafNode struct {
	EncryptionKey []byte
	SignatureKey  []byte
	Credential    Credential
	Capabilities  Capabilities
	Source        Source
	Lifetime      Lifetime // of SourceKeyPackage
	ParentHash    []byte   // of SourceCommit
	Extensions    Extensions
	Signature     []byte

	raw []byte // the encoding
	tbs int    // length of what comes before the signature
}

func (l *LeafNode) marshalTBS(w *tlsenc.Writer) {
	w.Opaque(l.EncryptionKey)
	w.Opaque(l.SignatureKey)
	l.Credential.Marshal(w)
	l.Capabilities.Marshal(w)
	w.U8(uint8(l.Source))
	switch l.Source {
	case SourceKeyPackage:
		w.U64(l.Lifetime.NotBefore)
		w.U64(l.Lifetime.NotAfter)
	case SourceCommit:
		w.Opaque(l.ParentHash)
	}
	l.Extensions.Marshal(w)
}

// Seal encodes the leaf after its fields and signature were set.
func (l *LeafNode) Seal(signature []byte) {
	l.Signature = signature
	w := tlsenc.NewWriter(512)
	l.marshalTBS(w)
	l.tbs = len(w.Bytes())
	w.Opaque(signature)
	l.raw = w.Bytes()
}

// Bytes returns the encoding.
func (l *LeafNode) Bytes() []byte { return l.raw }

// TBS encodes LeafNodeTBS. Group and index count unless the source is a key
// package.
func (l *LeafNode) TBS(group []byte, index uint32) []byte {
	w := tlsenc.NewWriter(len(l.raw) + len(group) + 512)
	if l.raw != nil {
		w.Raw(l.raw[:l.tbs])
	} else {
		l.marshalTBS(w)
	}
	if l.Source != SourceKeyPackage {
		w.Opaque(group)
		w.U32(index)
	}
	return w.Bytes()
}

// ReadLeafNode decodes a leaf.
func ReadLeafNode(r *tlsenc.Reader) *LeafNode { return readLeafNode(r, nil) }

func readLeafNode(r *tlsenc.Reader, shared *sharedCapabilities) *LeafNode {
	start := r.Rest()
	l := &LeafNode{
		EncryptionKey: r.Opaque(),
		SignatureKey:  r.Opaque(),
		Credential:    readCredential(r),
		Capabilities:  shared.read(r),
		Source:        Source(r.U8()),
	}
	switch l.Source {
	case SourceKeyPackage:
		l.Lifetime = Lifetime{r.U64(), r.U64()}
	case SourceUpdate:
	case SourceCommit:
		l.ParentHash = r.Opaque()
	default:
		r.Fail(tlsenc.ErrMalformed)
	}
	l.Extensions = ReadExtensions(r)
	l.tbs = len(start) - len(r.Rest())
	l.Signature = r.Opaque()
	if r.Err() != nil {
		return &LeafNode{}
	}
	l.raw = start[: len(start)-len(r.Rest()) : len(start)-len(r.Rest())]
	return l
}
