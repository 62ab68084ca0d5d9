// SPDX-License-Identifier: Apache-2.0

package wire

import "github.com/securecrypt/securecrypt/mls/tlsenc"

// GroupContext is defined in RFC 9420, Section 8.1.
type GroupContext struct {
	Version                 uint16
	CipherSuite             uint16
	GroupID                 []byte
	Epoch                   uint64
	TreeHash                []byte
	ConfirmedTranscriptHash []byte
	Extensions              Extensions
}

// Marshal encodes the context.
func (c *GroupContext) Marshal(w *tlsenc.Writer) {
	w.U16(c.Version)
	w.U16(c.CipherSuite)
	w.Opaque(c.GroupID)
	w.U64(c.Epoch)
	w.Opaque(c.TreeHash)
	w.Opaque(c.ConfirmedTranscriptHash)
	c.Extensions.Marshal(w)
}

// Bytes encodes the context.
func (c *GroupContext) Bytes() []byte {
	w := tlsenc.NewWriter(256)
	c.Marshal(w)
	return w.Bytes()
}

// ReadGroupContext decodes a context.
func ReadGroupContext(r *tlsenc.Reader) GroupContext {
	return GroupContext{
		Version:                 r.U16(),
		CipherSuite:             r.U16(),
		GroupID:                 r.Opaque(),
		Epoch:                   r.U64(),
		TreeHash:                r.Opaque(),
		ConfirmedTranscriptHash: r.Opaque(),
		Extensions:              ReadExtensions(r),
	}
}

// GroupInfo is defined in RFC 9420, Section 12.4.3.
type GroupInfo struct {
	Context         GroupContext
	Extensions      Extensions
	ConfirmationTag []byte
	Signer          uint32
	Signature       []byte
}

func (g *GroupInfo) marshalTBS(w *tlsenc.Writer) {
	g.Context.Marshal(w)
	g.Extensions.Marshal(w)
	w.Opaque(g.ConfirmationTag)
	w.U32(g.Signer)
}

// TBS encodes GroupInfoTBS.
func (g *GroupInfo) TBS() []byte {
	w := tlsenc.NewWriter(1024)
	g.marshalTBS(w)
	return w.Bytes()
}

// Marshal encodes the group info.
func (g *GroupInfo) Marshal(w *tlsenc.Writer) {
	g.marshalTBS(w)
	w.Opaque(g.Signature)
}

// Bytes encodes the group info.
func (g *GroupInfo) Bytes() []byte {
	w := tlsenc.NewWriter(1024)
	g.Marshal(w)
	return w.Bytes()
}

// ReadGroupInfo decodes a group info.
func ReadGroupInfo(r *tlsenc.Reader) *GroupInfo {
	return &GroupInfo{
		Context:         ReadGroupContext(r),
		Extensions:      ReadExtensions(r),
		ConfirmationTag: r.Opaque(),
		Signer:          r.U32(),
		Signature:       r.Opaque(),
	}
}

// ParseGroupInfo decodes a group info that stands alone.
func ParseGroupInfo(b []byte) (*GroupInfo, error) {
	r := tlsenc.NewReader(b)
	g := ReadGroupInfo(r)
	return g, r.Done()
}

// GroupSecrets is defined in RFC 9420, Section 12.4.3.1. PathSecret is nil if
// absent.
type GroupSecrets struct {
	JoinerSecret []byte
	PathSecret   []byte
	PSKs         []PSKID
}

// Bytes encodes the secrets.
func (g *GroupSecrets) Bytes() []byte {
	w := tlsenc.NewWriter(256)
	w.Opaque(g.JoinerSecret)
	w.Optional(g.PathSecret != nil)
	if g.PathSecret != nil {
		w.Opaque(g.PathSecret)
	}
	writePSKIDs(w, g.PSKs)
	return w.Bytes()
}

// ParseGroupSecrets decodes the secrets.
func ParseGroupSecrets(b []byte) (*GroupSecrets, error) {
	r := tlsenc.NewReader(b)
	g := &GroupSecrets{JoinerSecret: r.Opaque()}
	if r.Optional() {
		g.PathSecret = r.Opaque()
	}
	g.PSKs = readPSKIDs(r)
	return g, r.Done()
}

// EncryptedGroupSecrets is defined in RFC 9420, Section 12.4.3.1.
type EncryptedGroupSecrets struct {
	NewMember []byte
	Secrets   Ciphertext
}

// Welcome is defined in RFC 9420, Section 12.4.3.1.
type Welcome struct {
	CipherSuite        uint16
	Secrets            []EncryptedGroupSecrets
	EncryptedGroupInfo []byte
}

// Marshal encodes the welcome.
func (m *Welcome) Marshal(w *tlsenc.Writer) {
	w.U16(m.CipherSuite)
	w.Vector(func(w *tlsenc.Writer) {
		for _, s := range m.Secrets {
			w.Opaque(s.NewMember)
			s.Secrets.Marshal(w)
		}
	})
	w.Opaque(m.EncryptedGroupInfo)
}

// ReadWelcome decodes a welcome.
func ReadWelcome(r *tlsenc.Reader) *Welcome {
	m := &Welcome{CipherSuite: r.U16()}
	for v := r.Vector(); !v.Empty(); {
		m.Secrets = append(m.Secrets, EncryptedGroupSecrets{v.Opaque(), readCiphertext(v)})
	}
	m.EncryptedGroupInfo = r.Opaque()
	return m
}

// ExternalSender is defined in RFC 9420, Section 12.1.8.1.
type ExternalSender struct {
	SignatureKey []byte
	Credential   Credential
}

// MarshalExternalSenders encodes the data of an external_senders extension.
func MarshalExternalSenders(senders []ExternalSender) []byte {
	var w tlsenc.Writer
	w.Vector(func(w *tlsenc.Writer) {
		for _, s := range senders {
			w.Opaque(s.SignatureKey)
			s.Credential.Marshal(w)
		}
	})
	return w.Bytes()
}

// ParseExternalSenders decodes the data of an external_senders extension.
func ParseExternalSenders(b []byte) ([]ExternalSender, error) {
	var senders []ExternalSender
	r := tlsenc.NewReader(b)
	for v := r.Vector(); !v.Empty(); {
		senders = append(senders, ExternalSender{v.Opaque(), readCredential(v)})
	}
	return senders, r.Done()
}
