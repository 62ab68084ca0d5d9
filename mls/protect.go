// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"fmt"

	"github.com/securecrypt/securecrypt/mls/internal/framing"
	"github.com/securecrypt/securecrypt/mls/internal/secrettree"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// MaxMessage bounds the application data, authenticated data and padding of a
// message, each.
const MaxMessage = framing.MaxPadding

// ProtectOptions are the options of Protect.
type ProtectOptions struct {
	// AAD is authenticated and travels in the clear.
	AAD []byte
	// Padding is how many zero bytes are added inside the encryption.
	Padding int
}

// Protect encrypts and signs application data (RFC 9420, Section 15). It refuses with
// ErrPendingProposals while proposals wait for a commit (Section 12.4).
func (g *Group) Protect(data []byte, o ProtectOptions) ([]byte, Delta, error) {
	if err := g.usable(); err != nil {
		return nil, Delta{}, err
	}
	if len(g.pending) > 0 {
		return nil, Delta{}, ErrPendingProposals // RFC 9420, Section 12.4
	}
	if len(data) > MaxMessage || len(o.AAD) > MaxMessage {
		return nil, Delta{}, fmt.Errorf("mls: cannot protect more than %d bytes", MaxMessage)
	}
	content := g.frame(o.AAD, PrivateWire)
	content.Content.Type = wire.ContentApplication
	content.Content.Application = data
	t := g.store.begin()
	msg, err := g.signAndSeal(t, content, o.Padding)
	if err != nil {
		return nil, Delta{}, err
	}
	return msg, t.commit(), nil
}

// frame returns content of this member without its body.
func (g *Group) frame(aad []byte, wf WireFormat) *wire.AuthenticatedContent {
	format := wire.FormatPrivate
	if wf == PublicWire {
		format = wire.FormatPublic
	}
	return &wire.AuthenticatedContent{Format: format, Content: wire.FramedContent{
		GroupID: g.state.context.GroupID,
		Epoch:   g.state.context.Epoch,
		Sender:  memberSender(g.state.own),
		AAD:     bytes.Clone(aad),
	}}
}

func (g *Group) signAndSeal(t *txn, content *wire.AuthenticatedContent, padding int) ([]byte, error) {
	st := g.state
	if err := framing.Sign(st.suite, st.signer, content, st.encoded); err != nil {
		return nil, err
	}
	return g.seal(t, content, padding)
}

// seal encodes signed content for the wire. A private message spends a key, by t.
func (g *Group) seal(t *txn, content *wire.AuthenticatedContent, padding int) ([]byte, error) {
	st := g.state
	if err := checkAAD(st.framed, content.Content.AAD); err != nil {
		return nil, err
	}
	if content.Format == wire.FormatPublic {
		m, err := framing.SealPublic(st.suite, st.secrets.Membership, content, st.encoded)
		if err != nil {
			return nil, err
		}
		return (&wire.Message{Public: m}).Bytes(), nil
	}
	kind := secrettree.Handshake
	if content.Content.Type == wire.ContentApplication {
		kind = secrettree.Application
	}
	key, generation, err := st.secretTree(g.cfg.Policy).Next(t, kind, st.own)
	if err != nil {
		return nil, err
	}
	defer key.Wipe()
	d := framing.SenderData{Leaf: uint32(st.own), Generation: generation}
	guard, err := draw(g.cfg.Rand, len(d.ReuseGuard))
	if err != nil {
		return nil, err
	}
	copy(d.ReuseGuard[:], guard)
	m, err := framing.SealPrivate(st.suite, st.secrets.SenderData, content, key, d, padding)
	if err != nil {
		return nil, err
	}
	return (&wire.Message{Private: m}).Bytes(), nil
}
