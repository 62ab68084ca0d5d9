// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"

	"github.com/securecrypt/securecrypt/mls/tlsenc"
)

// parts are those of a suite that making a town takes.
type parts struct {
	suite  uint16
	kem    hpke.KEM
	kdf    hpke.KDF
	aead   hpke.AEAD
	hash   func() hash.Hash
	nh, nk int
}

func partsOf(suite uint16) (parts, error) {
	switch suite {
	case 0x0001:
		return parts{suite, hpke.DHKEM(ecdh.X25519()), hpke.HKDFSHA256(), hpke.AES128GCM(), sha256.New, 32, 16}, nil
	case 0xF002, 0x004E:
		return parts{suite, hpke.MLKEM768X25519(), hpke.HKDFSHA384(), hpke.AES256GCM(), sha512.New384, 48, 32}, nil
	case 0x0053:
		return parts{suite, hpke.MLKEM768X25519(), hpke.HKDFSHA512(), hpke.AES256GCM(), sha512.New, 64, 32}, nil
	}
	return parts{}, fmt.Errorf("no parts of suite %#04x", suite)
}

func (p parts) sum(b []byte) []byte {
	h := p.hash()
	h.Write(b)
	return h.Sum(nil)
}

func (p parts) expand(secret []byte, label string, context []byte, n int) ([]byte, error) {
	var w tlsenc.Writer
	w.U16(uint16(n))
	w.Opaque([]byte("MLS 1.0 " + label))
	w.Opaque(context)
	return hkdf.Expand(p.hash, secret, string(w.Bytes()), n)
}

func sign(key ed25519.PrivateKey, label string, content []byte) []byte {
	var w tlsenc.Writer
	w.Opaque([]byte("MLS 1.0 " + label))
	w.Opaque(content)
	return ed25519.Sign(key, w.Bytes())
}

// A town is a group in which every member but the one at leaf 0 has committed,
// from the left to the right. Nobody holds the keys of the others; the one at
// leaf 0 has just been added, and the nodes above it are blank, as after a
// removal. It is made from the public side alone: leaves are signed, parent
// hashes chain from the right, and the welcome that admits leaf 0 is signed by
// leaf 1.
type town struct {
	parts
	group []byte
	size  int
	first []byte // the encoded leaf 0
	nodes [][]byte
	mayor ed25519.PrivateKey // of leaf 1
}

// build returns the encoded tree and a welcome for the client whose key package
// is given, into a group of size members, that client included.
func build(suite uint16, size int, keyPackage []byte) (tree, welcome []byte, err error) {
	p, err := partsOf(suite)
	if err != nil {
		return nil, nil, err
	}
	kp, err := parseKeyPackage(keyPackage)
	if err != nil {
		return nil, nil, err
	}
	t := &town{parts: p, group: []byte("populated"), size: size, first: kp.leaf, nodes: make([][]byte, 2*size-1)}
	width := 1
	for width < size {
		width *= 2
	}
	treeHash, err := t.subtree(0, width, nil)
	if err != nil {
		return nil, nil, err
	}
	var w tlsenc.Writer
	w.Vector(func(w *tlsenc.Writer) {
		for _, n := range t.nodes {
			w.Optional(n != nil)
			w.Raw(n)
		}
	})
	welcome, err = t.welcome(treeHash, kp)
	return w.Bytes(), welcome, err
}

// subtree fills the nodes above the leaves from lo on and returns their tree
// hash (RFC 9420, Section 7.8). Its topmost node that is not blank has the
// given parent hash.
func (t *town) subtree(lo, width int, parentHash []byte) ([]byte, error) {
	if width == 1 {
		return t.leaf(lo, parentHash)
	}
	half := width / 2
	if lo == 0 || lo+half >= t.size { // blank
		var above []byte
		if lo != 0 {
			above = parentHash
		}
		left, err := t.subtree(lo, half, above)
		if err != nil {
			return nil, err
		}
		right, err := t.subtree(lo+half, half, nil)
		return t.parentTreeHash(nil, left, right), err
	}
	key, err := t.key()
	if err != nil {
		return nil, err
	}
	// The left side committed before the right one did: what it refers to is gone.
	left, err := t.subtree(lo, half, make([]byte, t.nh))
	if err != nil {
		return nil, err
	}
	var input tlsenc.Writer // ParentHashInput, RFC 9420, Section 7.9
	input.Opaque(key)
	input.Opaque(parentHash)
	input.Opaque(left)
	right, err := t.subtree(lo+half, half, t.sum(input.Bytes()))
	if err != nil {
		return nil, err
	}
	var node tlsenc.Writer
	node.Opaque(key)
	node.Opaque(parentHash)
	node.Opaque(nil) // no unmerged leaves
	t.nodes[2*lo+width-1] = append([]byte{2}, node.Bytes()...)
	return t.parentTreeHash(node.Bytes(), left, right), nil
}

func (t *town) key() ([]byte, error) {
	private, err := t.kem.GenerateKey()
	if err != nil {
		return nil, err
	}
	return private.PublicKey().Bytes(), nil
}

func (t *town) parentTreeHash(node, left, right []byte) []byte {
	var w tlsenc.Writer
	w.U8(2)
	w.Optional(node != nil)
	w.Raw(node)
	w.Opaque(left)
	w.Opaque(right)
	return t.sum(w.Bytes())
}

// leaf makes a leaf that a commit left behind and returns its tree hash.
func (t *town) leaf(i int, parentHash []byte) ([]byte, error) {
	var encoded []byte
	switch {
	case i == 0:
		encoded = t.first
	case i < t.size:
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		if i == 1 {
			t.mayor = private
		}
		key, err := t.key()
		if err != nil {
			return nil, err
		}
		content := leafContent(t.suite, key, public, fmt.Appendf(nil, "citizen %d", i), parentHash)
		tbs := tlsenc.NewWriter(len(content) + 32)
		tbs.Raw(content)
		tbs.Opaque(t.group)
		tbs.U32(uint32(i))
		var w tlsenc.Writer
		w.Raw(content)
		w.Opaque(sign(private, "LeafNodeTBS", tbs.Bytes()))
		encoded = w.Bytes()
	}
	if i < t.size {
		t.nodes[2*i] = append([]byte{1}, encoded...)
	}
	var w tlsenc.Writer
	w.U8(1)
	w.U32(uint32(i))
	w.Optional(encoded != nil)
	w.Raw(encoded)
	return t.sum(w.Bytes()), nil
}

func leafContent(suite uint16, encryption, signature, identity, parentHash []byte) []byte {
	var w tlsenc.Writer
	w.Opaque(encryption)
	w.Opaque(signature)
	w.U16(1) // a basic credential
	w.Opaque(identity)
	u16s := func(values ...uint16) {
		w.Vector(func(w *tlsenc.Writer) {
			for _, v := range values {
				w.U16(v)
			}
		})
	}
	u16s(1)     // versions
	u16s(suite) // cipher suites
	u16s()      // extensions
	u16s()      // proposals
	u16s(1)     // credentials
	w.U8(3)     // from a commit
	w.Opaque(parentHash)
	w.Opaque(nil) // no extensions
	return w.Bytes()
}

// admitted is what a welcome needs of a key package.
type admitted struct{ ref, init, leaf []byte }

func parseKeyPackage(message []byte) (admitted, error) {
	if len(message) < 4 {
		return admitted{}, errors.New("no key package")
	}
	body := message[4:] // version and wire format
	r := tlsenc.NewReader(body)
	r.U16()
	suite := r.U16()
	init := r.Opaque()
	start := len(body) - len(r.Rest())
	r.Opaque() // encryption key
	r.Opaque() // signature key
	r.U16()
	r.Opaque() // identity
	for range 5 {
		r.Opaque() // capabilities
	}
	r.U8()
	r.U64()
	r.U64()
	r.Opaque() // extensions
	r.Opaque() // signature
	leaf := body[start : len(body)-len(r.Rest())]
	if err := r.Err(); err != nil {
		return admitted{}, err
	}
	p, err := partsOf(suite)
	if err != nil {
		return admitted{}, err
	}
	var w tlsenc.Writer
	w.Opaque([]byte("MLS 1.0 KeyPackage Reference"))
	w.Opaque(body)
	return admitted{p.sum(w.Bytes()), init, leaf}, nil
}

// welcome admits leaf 0 (RFC 9420, Section 12.4.3.1).
func (t *town) welcome(treeHash []byte, kp admitted) ([]byte, error) {
	transcript, joiner := make([]byte, t.nh), make([]byte, t.nh)
	rand.Read(transcript)
	rand.Read(joiner)
	var context tlsenc.Writer
	context.U16(1)
	context.U16(t.suite)
	context.Opaque(t.group)
	context.U64(7)
	context.Opaque(treeHash)
	context.Opaque(transcript)
	context.Opaque(nil)
	member, err := hkdf.Extract(t.hash, make([]byte, t.nh), joiner)
	if err != nil {
		return nil, err
	}
	derive := func(err *error, secret []byte, label string, context []byte, n int) []byte {
		out, e := t.expand(secret, label, context, n)
		*err = errors.Join(*err, e)
		return out
	}
	welcome := derive(&err, member, "welcome", nil, t.nh)
	epoch := derive(&err, member, "epoch", context.Bytes(), t.nh)
	confirmation := derive(&err, epoch, "confirm", nil, t.nh)
	key, nonce := derive(&err, welcome, "key", nil, t.nk), derive(&err, welcome, "nonce", nil, 12)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(t.hash, confirmation)
	mac.Write(transcript)

	var info tlsenc.Writer
	info.Raw(context.Bytes())
	info.Opaque(nil)
	info.Opaque(mac.Sum(nil))
	info.U32(1)
	signature := sign(t.mayor, "GroupInfoTBS", bytes.Clone(info.Bytes()))
	info.Opaque(signature)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return t.sealed(kp, joiner, gcm.Seal(nil, nonce, info.Bytes(), nil))
}

// sealed puts the welcome together.
func (t *town) sealed(kp admitted, joiner, info []byte) ([]byte, error) {
	public, err := t.kem.NewPublicKey(kp.init)
	if err != nil {
		return nil, err
	}
	var context, secrets tlsenc.Writer
	context.Opaque([]byte("MLS 1.0 Welcome"))
	context.Opaque(info)
	secrets.Opaque(joiner)
	secrets.Optional(false)
	secrets.Opaque(nil)
	enc, sender, err := hpke.NewSender(public, t.kdf, t.aead, context.Bytes())
	if err != nil {
		return nil, err
	}
	ciphertext, err := sender.Seal(nil, secrets.Bytes())
	if err != nil {
		return nil, err
	}
	var w tlsenc.Writer
	w.U16(1)
	w.U16(3) // mls_welcome
	w.U16(t.suite)
	w.Vector(func(w *tlsenc.Writer) {
		w.Opaque(kp.ref)
		w.Opaque(enc)
		w.Opaque(ciphertext)
	})
	w.Opaque(info)
	return w.Bytes(), nil
}
