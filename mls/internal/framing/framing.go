// SPDX-License-Identifier: Apache-2.0

package framing

import (
	"errors"

	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/secrettree"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
	"github.com/securecrypt/securecrypt/mls/tlsenc"
)

// ErrDecrypt is returned for ciphertexts that do not open.
var ErrDecrypt = errors.New("mls: decryption failed")

const signatureLabel = "FramedContentTBS"

// MaxPadding bounds the padding of a message.
const MaxPadding = 1 << 24

// Sign signs content (RFC 9420, Section 6.1). Context is the encoded group context.
func Sign(s *suite.Suite, key *suite.SigningKey, content *wire.AuthenticatedContent, context []byte) (err error) {
	content.Auth.Signature, err = s.Sign(key, signatureLabel, content.TBS(context))
	return err
}

// Verify verifies the signature of content.
func Verify(s *suite.Suite, key suite.VerifyKey, content *wire.AuthenticatedContent, context []byte) error {
	if !s.Verify(key, signatureLabel, content.TBS(context), content.Auth.Signature) {
		return rule.Broken("6.1-signature", "message has a bad signature")
	}
	return nil
}

// SealPublic makes a public message of signed content (RFC 9420, Section 6.2). The
// membership key counts for members.
func SealPublic(s *suite.Suite, membership suite.Secret, content *wire.AuthenticatedContent, context []byte) (*wire.PublicMessage, error) {
	if content.Content.Type == wire.ContentApplication {
		return nil, rule.Broken("6-application-private", "application data must be encrypted")
	}
	m := &wire.PublicMessage{Content: content.Content, Auth: content.Auth}
	if m.Content.Sender.Type == wire.SenderMember {
		m.MembershipTag = s.MAC(membership, content.TBM(context))
	}
	return m, nil
}

// OpenPublic verifies the membership tag of a member's public message (RFC 9420,
// Section 6.2). The signature remains to be verified.
func OpenPublic(s *suite.Suite, membership suite.Secret, m *wire.PublicMessage, context []byte) (*wire.AuthenticatedContent, error) {
	if m.Content.Type == wire.ContentApplication {
		return nil, rule.Broken("6-application-private", "application data must be encrypted")
	}
	content := &wire.AuthenticatedContent{Format: wire.FormatPublic, Content: m.Content, Auth: m.Auth}
	if m.Content.Sender.Type == wire.SenderMember && !s.VerifyMAC(membership, content.TBM(context), m.MembershipTag) {
		return nil, rule.Broken("6.2-membership-tag", "public message has a bad membership tag")
	}
	return content, nil
}

// SenderData says who sent a private message with which key (RFC 9420,
// Section 6.3.2).
type SenderData struct {
	Leaf       uint32
	Generation uint32
	ReuseGuard [4]byte
}

func (d SenderData) marshal() []byte {
	w := tlsenc.NewWriter(4 + 4 + len(d.ReuseGuard))
	w.U32(d.Leaf)
	w.U32(d.Generation)
	w.Raw(d.ReuseGuard[:])
	return w.Bytes()
}

// SenderDataKey derives key and nonce for sender data from a sample of the
// ciphertext (RFC 9420, Section 6.3.2).
func SenderDataKey(s *suite.Suite, secret suite.Secret, ciphertext []byte) secrettree.Key {
	sample := ciphertext[:min(len(ciphertext), s.HashSize())]
	e := s.Expander(secret)
	return secrettree.Key{
		Key:   e.Expand(make(suite.Secret, s.KeySize()), "key", sample),
		Nonce: e.Expand(make(suite.Secret, suite.NonceSize), "nonce", sample),
	}
}

func (d SenderData) guard(nonce suite.Secret) suite.Secret {
	out := append(suite.Secret(nil), nonce...)
	for i, b := range d.ReuseGuard {
		out[i] ^= b
	}
	return out
}

// SealPrivate makes a private message of signed content (RFC 9420, Section 6.3).
func SealPrivate(s *suite.Suite, senderData suite.Secret, content *wire.AuthenticatedContent,
	key secrettree.Key, d SenderData, padding int) (*wire.PrivateMessage, error) {
	if padding < 0 || padding > MaxPadding {
		return nil, rule.Broken("size-padding", "padding of %d bytes", padding)
	}
	c := &content.Content
	w := tlsenc.NewWriter(c.SizeHint() + padding + 256)
	c.MarshalBody(w)
	content.Auth.Marshal(w, c.Type)
	w.Raw(make([]byte, padding))

	m := &wire.PrivateMessage{GroupID: c.GroupID, Epoch: c.Epoch, Type: c.Type, AAD: c.AAD}
	aead, err := s.AEAD(key.Key)
	if err != nil {
		return nil, err
	}
	m.Ciphertext = aead.Seal(w.Bytes()[:0], d.guard(key.Nonce), w.Bytes(), m.ContentAAD())
	dataKey := SenderDataKey(s, senderData, m.Ciphertext)
	if aead, err = s.AEAD(dataKey.Key); err != nil {
		return nil, err
	}
	defer dataKey.Wipe()
	m.SenderData = aead.Seal(nil, dataKey.Nonce, d.marshal(), m.SenderDataAAD())
	return m, nil
}

// OpenSenderData decrypts the sender data of a private message.
func OpenSenderData(s *suite.Suite, senderData suite.Secret, m *wire.PrivateMessage) (SenderData, error) {
	key := SenderDataKey(s, senderData, m.Ciphertext)
	aead, err := s.AEAD(key.Key)
	if err != nil {
		return SenderData{}, err
	}
	defer key.Wipe()
	plain, err := aead.Open(nil, key.Nonce, m.SenderData, m.SenderDataAAD())
	if err != nil {
		return SenderData{}, ErrDecrypt
	}
	r := tlsenc.NewReader(plain)
	d := SenderData{Leaf: r.U32(), Generation: r.U32()}
	copy(d.ReuseGuard[:], r.Take(len(d.ReuseGuard)))
	return d, r.Done()
}

// OpenPrivate decrypts a private message (RFC 9420, Section 6.3.1), in the place of its
// ciphertext. The signature remains to be verified.
func OpenPrivate(s *suite.Suite, m *wire.PrivateMessage, key secrettree.Key, d SenderData) (*wire.AuthenticatedContent, error) {
	aead, err := s.AEAD(key.Key)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(m.Ciphertext[:0], d.guard(key.Nonce), m.Ciphertext, m.ContentAAD())
	if err != nil {
		return nil, ErrDecrypt
	}
	content := &wire.AuthenticatedContent{Format: wire.FormatPrivate, Content: wire.FramedContent{
		GroupID: m.GroupID,
		Epoch:   m.Epoch,
		Sender:  wire.Sender{Type: wire.SenderMember, Index: d.Leaf},
		AAD:     m.AAD,
		Type:    m.Type,
	}}
	r := tlsenc.NewReader(plain)
	content.Content.ReadBody(r)
	content.Auth = wire.ReadAuthData(r, m.Type)
	if err := r.Err(); err != nil {
		return nil, err
	}
	for _, b := range r.Rest() {
		if b != 0 {
			return nil, rule.Broken("6.3.1-padding", "padding is not zero")
		}
	}
	return content, nil
}
