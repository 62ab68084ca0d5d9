// SPDX-License-Identifier: Apache-2.0

package wire

import "github.com/securecrypt/securecrypt/mls/tlsenc"

// Ciphertext is the HPKECiphertext of RFC 9420, Section 7.6.
type Ciphertext struct{ KEMOutput, Ciphertext []byte }

// Marshal encodes the ciphertext.
func (c Ciphertext) Marshal(w *tlsenc.Writer) {
	w.Opaque(c.KEMOutput)
	w.Opaque(c.Ciphertext)
}

func readCiphertext(r *tlsenc.Reader) Ciphertext { return Ciphertext{r.Opaque(), r.Opaque()} }

// PathNode is the UpdatePathNode of RFC 9420, Section 7.6.
type PathNode struct {
	EncryptionKey []byte
	Secrets       []Ciphertext
}

// UpdatePath is defined in RFC 9420, Section 7.6.
type UpdatePath struct {
	Leaf  *LeafNode
	Nodes []PathNode
}

// Marshal encodes the path.
func (p *UpdatePath) Marshal(w *tlsenc.Writer) {
	w.Raw(p.Leaf.Bytes())
	w.Vector(func(w *tlsenc.Writer) {
		for _, n := range p.Nodes {
			w.Opaque(n.EncryptionKey)
			w.Vector(func(w *tlsenc.Writer) {
				for _, c := range n.Secrets {
					c.Marshal(w)
				}
			})
		}
	})
}

// Bounds of what a commit may hold: each entry takes far more memory than it needs
// on the wire.
const (
	MaxProposals = 1 << 16
	MaxPathNodes = 32
)

// ReadUpdatePath decodes a path.
func ReadUpdatePath(r *tlsenc.Reader) *UpdatePath {
	p := &UpdatePath{Leaf: ReadLeafNode(r)}
	for v := r.Vector(); !v.Empty(); {
		if len(p.Nodes) == MaxPathNodes {
			v.Fail(tlsenc.ErrMalformed)
		}
		n := PathNode{EncryptionKey: v.Opaque()}
		for c := v.Vector(); !c.Empty(); {
			n.Secrets = append(n.Secrets, readCiphertext(c))
		}
		p.Nodes = append(p.Nodes, n)
	}
	return p
}

// ProposalOrRef is defined in RFC 9420, Section 12.4: Ref, unless Proposal is
// set.
type ProposalOrRef struct {
	Proposal *Proposal
	Ref      []byte
}

// Commit is defined in RFC 9420, Section 12.4.
type Commit struct {
	Proposals []ProposalOrRef
	Path      *UpdatePath
}

// sizeHint is about how long the encoding is.
func (c *Commit) sizeHint() int {
	n := 512
	for _, p := range c.Proposals {
		n += 64
		if p.Proposal != nil && p.Proposal.Add != nil {
			n += len(p.Proposal.Add.Bytes())
		}
	}
	if c.Path != nil {
		n += len(c.Path.Leaf.Bytes())
		for _, node := range c.Path.Nodes {
			n += 16 + len(node.EncryptionKey)
			for _, s := range node.Secrets {
				n += 8 + len(s.KEMOutput) + len(s.Ciphertext)
			}
		}
	}
	return n
}

const (
	byValue     = 1
	byReference = 2
)

// Marshal encodes the commit.
func (c *Commit) Marshal(w *tlsenc.Writer) {
	w.Vector(func(w *tlsenc.Writer) {
		for _, p := range c.Proposals {
			if p.Proposal != nil {
				w.U8(byValue)
				p.Proposal.Marshal(w)
			} else {
				w.U8(byReference)
				w.Opaque(p.Ref)
			}
		}
	})
	w.Optional(c.Path != nil)
	if c.Path != nil {
		c.Path.Marshal(w)
	}
}

// ReadCommit decodes a commit.
func ReadCommit(r *tlsenc.Reader) *Commit {
	c := new(Commit)
	for v := r.Vector(); !v.Empty(); {
		if len(c.Proposals) == MaxProposals {
			v.Fail(tlsenc.ErrMalformed)
		}
		var p ProposalOrRef
		switch v.U8() {
		case byValue:
			p.Proposal = ReadProposal(v)
		case byReference:
			p.Ref = v.Opaque()
		default:
			v.Fail(tlsenc.ErrMalformed)
		}
		c.Proposals = append(c.Proposals, p)
	}
	if r.Optional() {
		c.Path = ReadUpdatePath(r)
	}
	return c
}
