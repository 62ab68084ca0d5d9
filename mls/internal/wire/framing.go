// SPDX-License-Identifier: Apache-2.0

package wire

import "github.com/securecrypt/securecrypt/mls/tlsenc"

// ContentType is defined in RFC 9420, Section 6.
type ContentType uint8

// The content types.
const (
	ContentApplication ContentType = 1
	ContentProposal    ContentType = 2
	ContentCommit      ContentType = 3
)

// SenderType is defined in RFC 9420, Section 6.
type SenderType uint8

// The sender types.
const (
	SenderMember            SenderType = 1
	SenderExternal          SenderType = 2
	SenderNewMemberProposal SenderType = 3
	SenderNewMemberCommit   SenderType = 4
)

// Sender is defined in RFC 9420, Section 6. Index is a leaf for members and an
// index of the external_senders extension for external senders.
type Sender struct {
	Type  SenderType
	Index uint32
}

func (s Sender) marshal(w *tlsenc.Writer) {
	w.U8(uint8(s.Type))
	if s.Type == SenderMember || s.Type == SenderExternal {
		w.U32(s.Index)
	}
}

func readSender(r *tlsenc.Reader) Sender {
	s := Sender{Type: SenderType(r.U8())}
	switch s.Type {
	case SenderMember, SenderExternal:
		s.Index = r.U32()
	case SenderNewMemberProposal, SenderNewMemberCommit:
	default:
		r.Fail(tlsenc.ErrMalformed)
	}
	return s
}

// FramedContent is defined in RFC 9420, Section 6.
type FramedContent struct {
	GroupID     []byte
	Epoch       uint64
	Sender      Sender
	AAD         []byte
	Type        ContentType
	Application []byte
	Proposal    *Proposal
	Commit      *Commit
}

// SizeHint is about how long the content is, as far as that varies much.
func (c *FramedContent) SizeHint() int {
	n := len(c.GroupID) + len(c.AAD) + len(c.Application)
	if c.Commit != nil {
		n += c.Commit.sizeHint()
	} else if c.Proposal != nil {
		n += 1024
	}
	return n
}

// Marshal encodes the content with its header.
func (c *FramedContent) Marshal(w *tlsenc.Writer) {
	w.Opaque(c.GroupID)
	w.U64(c.Epoch)
	c.Sender.marshal(w)
	w.Opaque(c.AAD)
	w.U8(uint8(c.Type))
	c.MarshalBody(w)
}

// MarshalBody encodes the content proper.
func (c *FramedContent) MarshalBody(w *tlsenc.Writer) {
	switch c.Type {
	case ContentApplication:
		w.Opaque(c.Application)
	case ContentProposal:
		c.Proposal.Marshal(w)
	case ContentCommit:
		c.Commit.Marshal(w)
	}
}

// ReadBody decodes the content proper, according to Type.
func (c *FramedContent) ReadBody(r *tlsenc.Reader) {
	switch c.Type {
	case ContentApplication:
		c.Application = r.Opaque()
	case ContentProposal:
		c.Proposal = ReadProposal(r)
	case ContentCommit:
		c.Commit = ReadCommit(r)
	default:
		r.Fail(tlsenc.ErrMalformed)
	}
}

func readFramedContent(r *tlsenc.Reader) FramedContent {
	c := FramedContent{
		GroupID: r.Opaque(),
		Epoch:   r.U64(),
		Sender:  readSender(r),
		AAD:     r.Opaque(),
		Type:    ContentType(r.U8()),
	}
	c.ReadBody(r)
	return c
}

// AuthData is the FramedContentAuthData of RFC 9420, Section 6.1. Commits have a
// confirmation tag.
type AuthData struct {
	Signature       []byte
	ConfirmationTag []byte
}

// Marshal encodes the data for content of type t.
func (a AuthData) Marshal(w *tlsenc.Writer, t ContentType) {
	w.Opaque(a.Signature)
	if t == ContentCommit {
		w.Opaque(a.ConfirmationTag)
	}
}

// ReadAuthData decodes the data for content of type t.
func ReadAuthData(r *tlsenc.Reader, t ContentType) AuthData {
	a := AuthData{Signature: r.Opaque()}
	if t == ContentCommit {
		a.ConfirmationTag = r.Opaque()
	}
	return a
}

// Format is the WireFormat of RFC 9420, Section 6.
type Format uint16

// The wire formats.
const (
	FormatPublic     Format = 1
	FormatPrivate    Format = 2
	FormatWelcome    Format = 3
	FormatGroupInfo  Format = 4
	FormatKeyPackage Format = 5
)

// AuthenticatedContent is defined in RFC 9420, Section 6.
type AuthenticatedContent struct {
	Format  Format
	Content FramedContent
	Auth    AuthData
}

// Bytes encodes the content.
func (a *AuthenticatedContent) Bytes() []byte {
	w := tlsenc.NewWriter(256 + a.Content.SizeHint())
	w.U16(uint16(a.Format))
	a.Content.Marshal(w)
	a.Auth.Marshal(w, a.Content.Type)
	return w.Bytes()
}

// ParseAuthenticatedContent decodes the content.
func ParseAuthenticatedContent(b []byte) (*AuthenticatedContent, error) {
	r := tlsenc.NewReader(b)
	a := &AuthenticatedContent{Format: Format(r.U16()), Content: readFramedContent(r)}
	a.Auth = ReadAuthData(r, a.Content.Type)
	if a.Format != FormatPublic && a.Format != FormatPrivate {
		r.Fail(tlsenc.ErrMalformed)
	}
	return a, r.Done()
}

// TBS encodes FramedContentTBS (RFC 9420, Section 6.1); context is the encoded
// GroupContext, which counts for members and joiners by commit.
func (a *AuthenticatedContent) TBS(context []byte) []byte {
	w := tlsenc.NewWriter(64 + a.Content.SizeHint() + len(context))
	w.U16(Version)
	w.U16(uint16(a.Format))
	a.Content.Marshal(w)
	if t := a.Content.Sender.Type; t == SenderMember || t == SenderNewMemberCommit {
		w.Raw(context)
	}
	return w.Bytes()
}

// TBM encodes AuthenticatedContentTBM (RFC 9420, Section 6.2).
func (a *AuthenticatedContent) TBM(context []byte) []byte {
	tbs := a.TBS(context)
	w := tlsenc.NewWriter(256 + len(tbs))
	w.Raw(tbs)
	a.Auth.Marshal(w, a.Content.Type)
	return w.Bytes()
}

// ConfirmedInput encodes ConfirmedTranscriptHashInput (RFC 9420, Section 8.2).
func (a *AuthenticatedContent) ConfirmedInput() []byte {
	w := tlsenc.NewWriter(256 + a.Content.SizeHint())
	w.U16(uint16(a.Format))
	a.Content.Marshal(w)
	w.Opaque(a.Auth.Signature)
	return w.Bytes()
}

// PublicMessage is defined in RFC 9420, Section 6.2.
type PublicMessage struct {
	Content       FramedContent
	Auth          AuthData
	MembershipTag []byte // of members
}

func (m *PublicMessage) marshal(w *tlsenc.Writer) {
	m.Content.Marshal(w)
	m.Auth.Marshal(w, m.Content.Type)
	if m.Content.Sender.Type == SenderMember {
		w.Opaque(m.MembershipTag)
	}
}

func readPublicMessage(r *tlsenc.Reader) *PublicMessage {
	m := &PublicMessage{Content: readFramedContent(r)}
	m.Auth = ReadAuthData(r, m.Content.Type)
	if m.Content.Sender.Type == SenderMember {
		m.MembershipTag = r.Opaque()
	}
	return m
}

// PrivateMessage is defined in RFC 9420, Section 6.3.
type PrivateMessage struct {
	GroupID    []byte
	Epoch      uint64
	Type       ContentType
	AAD        []byte
	SenderData []byte
	Ciphertext []byte
}

func (m *PrivateMessage) marshal(w *tlsenc.Writer) {
	w.Opaque(m.GroupID)
	w.U64(m.Epoch)
	w.U8(uint8(m.Type))
	w.Opaque(m.AAD)
	w.Opaque(m.SenderData)
	w.Opaque(m.Ciphertext)
}

func readPrivateMessage(r *tlsenc.Reader) *PrivateMessage {
	m := &PrivateMessage{
		GroupID:    r.Opaque(),
		Epoch:      r.U64(),
		Type:       readContentType(r),
		AAD:        r.Opaque(),
		SenderData: r.Opaque(),
		Ciphertext: r.Opaque(),
	}
	return m
}

// ContentAAD encodes PrivateContentAAD (RFC 9420, Section 6.3.1).
func (m *PrivateMessage) ContentAAD() []byte {
	w := tlsenc.NewWriter(64 + len(m.AAD))
	w.Opaque(m.GroupID)
	w.U64(m.Epoch)
	w.U8(uint8(m.Type))
	w.Opaque(m.AAD)
	return w.Bytes()
}

// SenderDataAAD encodes the structure of RFC 9420, Section 6.3.2.
func (m *PrivateMessage) SenderDataAAD() []byte {
	w := tlsenc.NewWriter(64)
	w.Opaque(m.GroupID)
	w.U64(m.Epoch)
	w.U8(uint8(m.Type))
	return w.Bytes()
}

// Message is the MLSMessage of RFC 9420, Section 6. One field is set.
type Message struct {
	Public     *PublicMessage
	Private    *PrivateMessage
	Welcome    *Welcome
	GroupInfo  *GroupInfo
	KeyPackage *KeyPackage
}

func (m *Message) sizeHint() int {
	switch {
	case m.Public != nil:
		return 256 + m.Public.Content.SizeHint()
	case m.Private != nil:
		return 64 + len(m.Private.GroupID) + len(m.Private.AAD) + len(m.Private.SenderData) + len(m.Private.Ciphertext)
	default:
		return 1024
	}
}

// Bytes encodes the message.
func (m *Message) Bytes() []byte {
	w := tlsenc.NewWriter(m.sizeHint())
	w.U16(Version)
	switch {
	case m.Public != nil:
		w.U16(uint16(FormatPublic))
		m.Public.marshal(w)
	case m.Private != nil:
		w.U16(uint16(FormatPrivate))
		m.Private.marshal(w)
	case m.Welcome != nil:
		w.U16(uint16(FormatWelcome))
		m.Welcome.Marshal(w)
	case m.GroupInfo != nil:
		w.U16(uint16(FormatGroupInfo))
		m.GroupInfo.Marshal(w)
	case m.KeyPackage != nil:
		w.U16(uint16(FormatKeyPackage))
		w.Raw(m.KeyPackage.Bytes())
	}
	return w.Bytes()
}

// ParseMessage decodes an MLSMessage.
func ParseMessage(b []byte) (*Message, error) {
	r := tlsenc.NewReader(b)
	m := new(Message)
	if r.U16() != Version {
		r.Fail(tlsenc.ErrMalformed)
	}
	switch Format(r.U16()) {
	case FormatPublic:
		m.Public = readPublicMessage(r)
	case FormatPrivate:
		m.Private = readPrivateMessage(r)
	case FormatWelcome:
		m.Welcome = ReadWelcome(r)
	case FormatGroupInfo:
		m.GroupInfo = ReadGroupInfo(r)
	case FormatKeyPackage:
		m.KeyPackage = ReadKeyPackage(r)
		if m.KeyPackage.Version != Version {
			r.Fail(tlsenc.ErrMalformed)
		}
	default:
		r.Fail(tlsenc.ErrMalformed)
	}
	if err := r.Done(); err != nil {
		return nil, err
	}
	return m, nil
}
