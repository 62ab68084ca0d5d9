// SPDX-License-Identifier: Apache-2.0

package wire

import "github.com/securecrypt/securecrypt/mls/tlsenc"

// ProposalType is a code point of RFC 9420, Section 17.4.
type ProposalType = uint16

// The proposal types.
const (
	Add                    ProposalType = 1
	Update                 ProposalType = 2
	Remove                 ProposalType = 3
	PSK                    ProposalType = 4
	ReInit                 ProposalType = 5
	ExternalInit           ProposalType = 6
	GroupContextExtensions ProposalType = 7
	AppDataUpdate          ProposalType = 0x0008
	AppEphemeral           ProposalType = 0x0009
	SelfRemove             ProposalType = 0x000a
)

// Proposal is defined in RFC 9420, Section 12.1. The field that Type names is
// set.
type Proposal struct {
	Type       ProposalType
	Add        *KeyPackage
	Update     *LeafNode
	Remove     uint32
	PSK        PSKID
	ReInit     ReInitParams
	KEMOutput  []byte     // of ExternalInit
	Extensions Extensions // of GroupContextExtensions
	Component  uint16     // of AppDataUpdate and AppEphemeral
	Discard    bool       // of AppDataUpdate: its op is remove
	Data       []byte     // of these two, and of types that are not known here
}

// KnownProposal reports whether the type is one of the above. Others are read as if their
// content were one vector, which the application defines.
func KnownProposal(t ProposalType) bool {
	return Add <= t && t <= SelfRemove
}

// ReInitParams is the content of a ReInit proposal.
type ReInitParams struct {
	GroupID     []byte
	Version     uint16
	CipherSuite uint16
	Extensions  Extensions
}

// Marshal encodes the content.
func (p *ReInitParams) Marshal(w *tlsenc.Writer) {
	w.Opaque(p.GroupID)
	w.U16(p.Version)
	w.U16(p.CipherSuite)
	p.Extensions.Marshal(w)
}

// ReadReInit decodes the content of a ReInit proposal.
func ReadReInit(r *tlsenc.Reader) ReInitParams {
	return ReInitParams{r.Opaque(), r.U16(), r.U16(), ReadExtensions(r)}
}

// Marshal encodes the proposal.
func (p *Proposal) Marshal(w *tlsenc.Writer) {
	w.U16(p.Type)
	p.MarshalBody(w)
}

// MarshalBody encodes what follows the type.
func (p *Proposal) MarshalBody(w *tlsenc.Writer) {
	switch p.Type {
	case Add:
		w.Raw(p.Add.Bytes())
	case Update:
		w.Raw(p.Update.Bytes())
	case Remove:
		w.U32(p.Remove)
	case PSK:
		p.PSK.Marshal(w)
	case ReInit:
		p.ReInit.Marshal(w)
	case ExternalInit:
		w.Opaque(p.KEMOutput)
	case GroupContextExtensions:
		p.Extensions.Marshal(w)
	case AppDataUpdate:
		w.U16(p.Component)
		if p.Discard {
			w.U8(opRemove)
		} else {
			w.U8(opUpdate)
			w.Opaque(p.Data)
		}
	case AppEphemeral:
		w.U16(p.Component)
		w.Opaque(p.Data)
	case SelfRemove:
	default:
		w.Opaque(p.Data)
	}
}

// Bytes encodes the proposal.
func (p *Proposal) Bytes() []byte {
	var w tlsenc.Writer
	p.Marshal(&w)
	return w.Bytes()
}

// ReadProposal decodes a proposal.
func ReadProposal(r *tlsenc.Reader) *Proposal { return ReadProposalBody(r, r.U16()) }

// ReadProposalBody decodes what follows the type.
func ReadProposalBody(r *tlsenc.Reader, t ProposalType) *Proposal {
	p := &Proposal{Type: t}
	switch t {
	case Add:
		p.Add = ReadKeyPackage(r)
	case Update:
		p.Update = ReadLeafNode(r)
	case Remove:
		p.Remove = r.U32()
	case PSK:
		p.PSK = readPSKID(r)
	case ReInit:
		p.ReInit = ReadReInit(r)
	case ExternalInit:
		p.KEMOutput = r.Opaque()
	case GroupContextExtensions:
		p.Extensions = ReadExtensions(r)
	case AppDataUpdate:
		p.Component = r.U16()
		switch r.U8() {
		case opUpdate:
			p.Data = r.Opaque()
		case opRemove:
			p.Discard = true
		default:
			r.Fail(tlsenc.ErrMalformed)
		}
	case AppEphemeral:
		p.Component, p.Data = r.U16(), r.Opaque()
	case SelfRemove:
	default:
		p.Data = r.Opaque()
	}
	return p
}

// The operations of AppDataUpdate (draft-ietf-mls-extensions).
const (
	opUpdate = 1
	opRemove = 2
)

// ParseProposal decodes a proposal that stands alone.
func ParseProposal(b []byte) (*Proposal, error) {
	r := tlsenc.NewReader(b)
	p := ReadProposal(r)
	return p, r.Done()
}

// PSKType is defined in RFC 9420, Section 8.4.
type PSKType uint8

// The types of pre-shared keys.
const (
	PSKExternal   PSKType = 1
	PSKResumption PSKType = 2
	PSKComponent  PSKType = 3 // draft-ietf-mls-extensions
)

// PSKUsage is the ResumptionPSKUsage of RFC 9420, Section 8.4.
type PSKUsage uint8

// The usages of resumption keys.
const (
	UsageApplication PSKUsage = 1
	UsageReInit      PSKUsage = 2
	UsageBranch      PSKUsage = 3
)

// PSKID is the PreSharedKeyID of RFC 9420, Section 8.4.
type PSKID struct {
	Type      PSKType
	Component uint16   // of PSKComponent
	ID        []byte   // of PSKExternal and PSKComponent
	Usage     PSKUsage // of PSKResumption, as are the next two
	GroupID   []byte
	Epoch     uint64
	Nonce     []byte
}

// Marshal encodes the identifier.
func (p PSKID) Marshal(w *tlsenc.Writer) {
	w.U8(uint8(p.Type))
	switch p.Type {
	case PSKExternal:
		w.Opaque(p.ID)
	case PSKComponent:
		w.U16(p.Component)
		w.Opaque(p.ID)
	default:
		w.U8(uint8(p.Usage))
		w.Opaque(p.GroupID)
		w.U64(p.Epoch)
	}
	w.Opaque(p.Nonce)
}

func readPSKID(r *tlsenc.Reader) PSKID {
	p := PSKID{Type: PSKType(r.U8())}
	switch p.Type {
	case PSKExternal:
		p.ID = r.Opaque()
	case PSKComponent:
		p.Component, p.ID = r.U16(), r.Opaque()
	case PSKResumption:
		p.Usage = PSKUsage(r.U8())
		if p.Usage < UsageApplication || p.Usage > UsageBranch {
			r.Fail(tlsenc.ErrMalformed)
		}
		p.GroupID = r.Opaque()
		p.Epoch = r.U64()
	default:
		r.Fail(tlsenc.ErrMalformed)
	}
	p.Nonce = r.Opaque()
	return p
}

func writePSKIDs(w *tlsenc.Writer, ids []PSKID) {
	w.Vector(func(w *tlsenc.Writer) {
		for _, id := range ids {
			id.Marshal(w)
		}
	})
}

func readPSKIDs(r *tlsenc.Reader) []PSKID {
	var ids []PSKID
	for v := r.Vector(); !v.Empty(); {
		ids = append(ids, readPSKID(v))
	}
	return ids
}
