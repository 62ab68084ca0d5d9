// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"slices"

	"github.com/securecrypt/securecrypt/mls/tlsenc"
)

// KeyPackage is defined in RFC 9420, Section 10.
type KeyPackage struct {
	Version     uint16
	CipherSuite uint16
	InitKey     []byte
	Leaf        *LeafNode
	Extensions  Extensions
	Signature   []byte

	raw []byte
	tbs int
}

func (k *KeyPackage) marshalTBS(w *tlsenc.Writer) {
	w.U16(k.Version)
	w.U16(k.CipherSuite)
	w.Opaque(k.InitKey)
	w.Raw(k.Leaf.Bytes())
	k.Extensions.Marshal(w)
}

// TBS encodes KeyPackageTBS.
func (k *KeyPackage) TBS() []byte {
	if k.raw != nil {
		return k.raw[:k.tbs]
	}
	w := tlsenc.NewWriter(2048)
	k.marshalTBS(w)
	return w.Bytes()
}

// Seal encodes the key package after its fields and signature were set.
func (k *KeyPackage) Seal(signature []byte) {
	k.Signature = signature
	w := tlsenc.NewWriter(2048)
	k.marshalTBS(w)
	k.tbs = len(w.Bytes())
	w.Opaque(signature)
	k.raw = w.Bytes()
}

// Bytes returns the encoding.
func (k *KeyPackage) Bytes() []byte { return k.raw }

// ReadKeyPackage decodes a key package.
func ReadKeyPackage(r *tlsenc.Reader) *KeyPackage {
	start := r.Rest()
	k := &KeyPackage{
		Version:     r.U16(),
		CipherSuite: r.U16(),
		InitKey:     r.Opaque(),
		Leaf:        ReadLeafNode(r),
		Extensions:  ReadExtensions(r),
	}
	k.tbs = len(start) - len(r.Rest())
	k.Signature = r.Opaque()
	if r.Err() != nil {
		return &KeyPackage{Leaf: &LeafNode{}}
	}
	k.raw = start[: len(start)-len(r.Rest()) : len(start)-len(r.Rest())]
	return k
}

// ParseKeyPackage decodes a key package that stands alone.
func ParseKeyPackage(b []byte) (*KeyPackage, error) {
	r := tlsenc.NewReader(b)
	k := ReadKeyPackage(r)
	return k, r.Done()
}

// lastResort is the component identifier of last_resort_key_package
// (draft-ietf-mls-extensions).
const lastResort = 0x0004

// LastResortExtension returns an app_data_dictionary that marks a key package
// as a last resort.
func LastResortExtension() Extension {
	return Extension{ExtAppDataDictionary, MarshalAppData([]ComponentData{{ID: lastResort}})}
}

// LastResort reports whether the key package is marked as a last resort.
func (k *KeyPackage) LastResort() bool {
	data, ok := k.Extensions.Find(ExtAppDataDictionary)
	if !ok {
		return false
	}
	list, err := ParseAppData(data)
	return err == nil && slices.ContainsFunc(list, func(c ComponentData) bool { return c.ID == lastResort && len(c.Data) == 0 })
}
