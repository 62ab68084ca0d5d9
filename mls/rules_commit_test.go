// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"testing"

	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// commits breaks a rule by the proposals of alice's commit.
func commits(proposals ...*wire.Proposal) func(*testing.T) error {
	return evil{proposals: value(proposals...)}.try
}

func proposes(p *wire.Proposal) func(*testing.T) error {
	return func(t *testing.T) error {
		w := newTrio(t)
		return receive(w.bob, evilProposal(t, w.alice, p))
	}
}

func extensions(e ...wire.Extension) *wire.Proposal {
	return &wire.Proposal{Type: wire.GroupContextExtensions, Extensions: e}
}

func pskProposal(nonce int, usage wire.PSKUsage) *wire.Proposal {
	id := wire.PSKID{Type: wire.PSKExternal, ID: []byte("id"), Nonce: make([]byte, nonce)}
	if usage != 0 {
		id = wire.PSKID{Type: wire.PSKResumption, Usage: usage, Nonce: make([]byte, nonce)}
	}
	return &wire.Proposal{Type: wire.PSK, PSK: id}
}

// referred has alice commit a proposal by reference after bob received it.
func referred(t *testing.T, w *trio, msg []byte, times int) error {
	t.Helper()
	r, _, err := w.bob.Process(msg, evilNow)
	ok(t, err)
	e := evil{}
	for range times {
		e.proposals = append(e.proposals, wire.ProposalOrRef{Ref: r.(*ReceivedProposal).Proposal.Ref})
	}
	return receive(w.bob, e.commit(t, w.alice))
}

var reInit = &wire.Proposal{Type: wire.ReInit, ReInit: wire.ReInitParams{Version: 1}}

var proposalViolations = map[string]func(*testing.T) error{
	"12.1.3-removed": commits(&wire.Proposal{Type: wire.Remove, Remove: 3}),
	"12.1.4-nonce":   commits(pskProposal(3, 0)),
	"12.1.4-usage":   commits(pskProposal(32, wire.UsageReInit)),
	"12.1.5-version": commits(&wire.Proposal{Type: wire.ReInit}),
	"12.1.6-external-init": func(t *testing.T) error {
		return proposes(&wire.Proposal{Type: wire.ExternalInit, KEMOutput: []byte{1}})(t)
	},
	"7.3-source-update": func(t *testing.T) error {
		w := newTrio(t)
		return receive(w.bob, evilUpdate(t, w.alice, func(l *wire.LeafNode) { l.Source = wire.SourceCommit }))
	},
	"7.3-update-key": func(t *testing.T) error {
		w := newTrio(t)
		return receive(w.bob, evilUpdate(t, w.alice, func(l *wire.LeafNode) {
			l.EncryptionKey = w.alice.state.tree.Leaf(0).EncryptionKey
		}))
	},
	"11.1-required-capabilities":   commits(extensions(wire.Extension{Type: wire.ExtRequiredCapabilities, Data: []byte{9}})),
	"12.1.8.1-external-senders":    commits(extensions(wire.Extension{Type: wire.ExtExternalSenders, Data: []byte{9}})),
	"13.4-context-extension-twice": commits(extensions(wire.Extension{Type: 1}, wire.Extension{Type: 1})),
	"12.2-extensions-twice":        commits(extensions(), extensions()),
	"12.2-external-init":           commits(&wire.Proposal{Type: wire.ExternalInit}),
	"12.2-psk-twice":               commits(pskProposal(32, 0), pskProposal(32, 0)),
	"12.2-reinit-alone":            commits(reInit, pskProposal(32, 0)),
	"12.2-remove-committer":        commits(&wire.Proposal{Type: wire.Remove, Remove: 0}),
	"12.2-same-leaf":               commits(&wire.Proposal{Type: wire.Remove, Remove: 2}, &wire.Proposal{Type: wire.Remove, Remove: 2}),
	"12.2-update-committer": func(t *testing.T) error {
		w := newTrio(t)
		return referred(t, w, evilUpdate(t, w.alice, func(*wire.LeafNode) {}), 1)
	},
	"12.2-proposal-support": func(t *testing.T) error {
		g, _ := founder(t, Capabilities{})
		c := DefaultCapabilities()
		c.Proposals = nil
		bob := newPerson(t, "bob", c)
		s, _, err := g.Stage(CommitOptions{Now: evilNow, Add: []*KeyPackage{bob.kp}})
		ok(t, err)
		_, err = g.Apply(s)
		ok(t, err)
		_, _, err = g.ProposeSelfRemove(ProposalOptions{})
		return err
	},
	"12.4-reference-twice": func(t *testing.T) error {
		w := newTrio(t)
		msg, _, err := w.carol.ProposeUpdate(LeafUpdate{}, ProposalOptions{})
		ok(t, err)
		return referred(t, w, msg, 2)
	},
	"ext-self-remove-reference": commits(&wire.Proposal{Type: wire.SelfRemove}),
	"ext-self-remove-once": func(t *testing.T) error {
		w := newTrio(t)
		_, _, err := w.alice.ProposeSelfRemove(ProposalOptions{})
		ok(t, err)
		_, _, err = w.alice.ProposeSelfRemove(ProposalOptions{})
		return err
	},
	"ext-self-remove-sender": func(t *testing.T) error {
		q := newQueued(&wire.Proposal{Type: wire.SelfRemove}, wire.Sender{Type: wire.SenderExternal})
		return newTrio(t).bob.state.checkProposal(q, &Config{}, evilNow)
	},
	"size-proposals": func(t *testing.T) error {
		w := newTrio(t)
		w.bob.pending = make([]*queued, maxPending)
		for i := range w.bob.pending {
			w.bob.pending[i] = &queued{}
		}
		msg, _, err := w.carol.ProposeUpdate(LeafUpdate{}, ProposalOptions{})
		ok(t, err)
		return receive(w.bob, msg)
	},
	"size-psks": invitation{secrets: func(g *wire.GroupSecrets) {
		g.PSKs = make([]wire.PSKID, maxPSKs+1)
		nonce := make([]byte, 32)
		for i := range g.PSKs {
			g.PSKs[i] = wire.PSKID{Type: wire.PSKExternal, Nonce: nonce}
		}
	}}.try,
}

var commitViolations = map[string]func(*testing.T) error{
	"12.4-path-missing":       evil{noPath: true}.try,
	"12.4.2-confirmation-tag": evil{tag: func(tag []byte) { tag[0]++ }}.try,
	"12.4.2-committer-key": func(t *testing.T) error {
		w := newTrio(t)
		e := evil{leaf: func(l *wire.LeafNode) { l.EncryptionKey = w.alice.state.tree.Leaf(0).EncryptionKey }}
		return receive(w.bob, e.commit(t, w.alice))
	},
	"12.4.2-path-keys": func(t *testing.T) error {
		w := newTrio(t)
		e := evil{path: func(p *wire.UpdatePath) { p.Nodes[0].EncryptionKey = w.alice.state.tree.Leaf(2).EncryptionKey }}
		return receive(w.bob, e.commit(t, w.alice))
	},
	"7.3-source-commit": evil{leaf: func(l *wire.LeafNode) { l.Source = wire.SourceUpdate }}.try,
	"7.5-path-length":   evil{path: func(p *wire.UpdatePath) { p.Nodes = p.Nodes[1:] }}.try,
	"7.5-path-secret":   evil{path: func(p *wire.UpdatePath) { p.Nodes[0].Secrets[0].Ciphertext[0]++ }}.try,
	"7.5-derived-key": evil{keys: func(k *tree.PathKeys) {
		k.Secrets[0] = make(suite.Secret, len(k.Secrets[0]))
	}}.try,
	"7.6-ciphertexts":          evil{path: func(p *wire.UpdatePath) { p.Nodes[0].Secrets = nil }}.try,
	"7.6-encryption-key":       evil{path: func(p *wire.UpdatePath) { p.Nodes[0].EncryptionKey = []byte("short") }}.try,
	"7.9.2-commit-parent-hash": evil{leaf: func(l *wire.LeafNode) { l.ParentHash = []byte("wrong") }}.try,
}
