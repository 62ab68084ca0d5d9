// SPDX-License-Identifier: Apache-2.0

package wire

import "github.com/securecrypt/securecrypt/mls/tlsenc"

// Header is what leads an MLSMessage, without its content.
type Header struct {
	Format      Format
	CipherSuite uint16 // of FormatWelcome, FormatGroupInfo and FormatKeyPackage
	GroupID     []byte // of FormatPublic, FormatPrivate and FormatGroupInfo, as is Epoch
	Epoch       uint64
	Type        ContentType // of FormatPublic and FormatPrivate, as is AAD
	AAD         []byte
	Sender      Sender // of FormatPublic
}

// ParseHeader decodes the beginning of an MLSMessage and looks at nothing else.
func ParseHeader(b []byte) (*Header, error) {
	r := tlsenc.NewReader(b)
	if r.U16() != Version {
		r.Fail(tlsenc.ErrMalformed)
	}
	h := &Header{Format: Format(r.U16())}
	switch h.Format {
	case FormatPublic:
		h.GroupID, h.Epoch, h.Sender, h.AAD = r.Opaque(), r.U64(), readSender(r), r.Opaque()
		h.Type = readContentType(r)
	case FormatPrivate:
		h.GroupID, h.Epoch, h.Type, h.AAD = r.Opaque(), r.U64(), readContentType(r), r.Opaque()
	case FormatWelcome:
		h.CipherSuite = r.U16()
	case FormatGroupInfo, FormatKeyPackage:
		r.U16() // the version of what follows, which is for those to judge who decode it
		h.CipherSuite = r.U16()
		if h.Format == FormatGroupInfo {
			h.GroupID, h.Epoch = r.Opaque(), r.U64()
		}
	default:
		r.Fail(tlsenc.ErrMalformed)
	}
	return h, r.Err()
}

func readContentType(r *tlsenc.Reader) ContentType {
	t := ContentType(r.U8())
	if t < ContentApplication || t > ContentCommit {
		r.Fail(tlsenc.ErrMalformed)
	}
	return t
}
