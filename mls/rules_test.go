// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// violations has, for each rule, an act that breaks it and returns what came of it.
var violations = merge(leafViolations, messageViolations, proposalViolations, commitViolations, joinViolations, outsideViolations, followViolations, authenticationViolations,
	componentViolations)

func merge(tables ...map[string]func(*testing.T) error) map[string]func(*testing.T) error {
	all := make(map[string]func(*testing.T) error)
	for _, table := range tables {
		maps.Copy(all, table)
	}
	return all
}

func TestViolations(t *testing.T) {
	for _, id := range slices.Sorted(maps.Keys(violations)) {
		t.Run(id, func(t *testing.T) {
			err := violations[id](t)
			if BrokenRule(err) != id || !errors.Is(err, ErrInvalid) {
				t.Fatalf("broke %q: %v", BrokenRule(err), err)
			}
		})
	}
}

var brokenCall = regexp.MustCompile(`rule\.Broken\("([^"]+)"`)

// sourceRules finds the identifiers of all checks in the sources.
func sourceRules(t *testing.T) map[string]bool {
	found := make(map[string]bool)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range brokenCall.FindAllSubmatch(source, -1) {
			found[string(m[1])] = true
		}
		return err
	})
	ok(t, err)
	return found
}

// TestEveryRule fails if a check has no violation, or a violation no check.
func TestEveryRule(t *testing.T) {
	found := sourceRules(t)
	for id := range found {
		if violations[id] == nil {
			t.Errorf("rule %s is checked, but no test violates it", id)
		}
	}
	for id := range violations {
		if !found[id] {
			t.Errorf("rule %s is violated by a test, but nothing checks it", id)
		}
	}
	if len(found) < 50 {
		t.Fatalf("only %d rules were found", len(found))
	}
}

// add breaks a rule by an Add in alice's commit, for which bob is to blame her.
func add(leaf func(*wire.LeafNode), kp func(*wire.KeyPackage)) func(*testing.T) error {
	return func(t *testing.T) error {
		return evil{proposals: value(evilAdd(t, leaf, kp))}.try(t)
	}
}

func requiring(r wire.RequiredCapabilities) func(*testing.T) error {
	return func(t *testing.T) error {
		w := newTrio(t)
		p := &wire.Proposal{Type: wire.GroupContextExtensions, Extensions: wire.Extensions{{Type: wire.ExtRequiredCapabilities, Data: r.Marshal()}}}
		return receive(w.bob, evil{proposals: value(p)}.commit(t, w.alice))
	}
}

const unknownType = 0xF777

var leafViolations = map[string]func(*testing.T) error{
	"5.1.1-signature-key": add(func(l *wire.LeafNode) { l.SignatureKey = l.SignatureKey[1:] }, nil),
	"10-encryption-key":   add(func(l *wire.LeafNode) { l.EncryptionKey = l.EncryptionKey[1:] }, nil),
	"7.3-signature":       add(nil, func(kp *wire.KeyPackage) { kp.Leaf.Seal(flipped(kp.Leaf.Signature)) }),
	"11.1-version":        add(func(l *wire.LeafNode) { l.Capabilities.Versions = []uint16{7} }, nil),
	"11.1-cipher-suite":   add(func(l *wire.LeafNode) { l.Capabilities.CipherSuites = []uint16{2} }, nil),
	"13.4-leaf-extension-twice": add(func(l *wire.LeafNode) {
		l.Extensions = wire.Extensions{{Type: 1, Data: []byte("a")}, {Type: 1, Data: []byte("b")}}
	}, nil),
	"7.3-leaf-extension":     add(func(l *wire.LeafNode) { l.Extensions = wire.Extensions{{Type: unknownType}} }, nil),
	"7.2-own-credential":     add(func(l *wire.LeafNode) { l.Credential.Type = unknownType }, nil),
	"10.1-version":           add(nil, func(kp *wire.KeyPackage) { kp.Version = 2 }),
	"10.1-cipher-suite":      add(nil, func(kp *wire.KeyPackage) { kp.CipherSuite = 3 }),
	"7.3-source-key-package": add(func(l *wire.LeafNode) { l.Source = wire.SourceUpdate }, nil),
	"10-init-key":            add(nil, func(kp *wire.KeyPackage) { kp.InitKey = kp.InitKey[1:] }),
	"10.1-init-key-distinct": add(nil, func(kp *wire.KeyPackage) { kp.InitKey = kp.Leaf.EncryptionKey }),
	"13.4-key-package-extension-twice": add(nil, func(kp *wire.KeyPackage) {
		kp.Extensions = wire.Extensions{{Type: 1}, {Type: 1}}
	}),
	"10-key-package-extension": func(t *testing.T) error {
		key, err := NewSigningKey(evilSuite, rand.Reader)
		ok(t, err)
		_, _, err = NewKeyPackage(KeyPackageParams{
			Suite: evilSuite, SigningKey: key, Credential: BasicCredential(nil), Lifetime: evilLifetime(),
			Extensions: []Extension{{Type: unknownType}}, Rand: rand.Reader,
		})
		return err
	},
	"10.1-signature": func(t *testing.T) error {
		p := evilAdd(t, nil, nil)
		p.Add.Seal(flipped(p.Add.Signature))
		return evil{proposals: value(p)}.try(t)
	},
	"7.2-lifetime-total":    add(func(l *wire.LeafNode) { l.Lifetime.NotAfter += 1 << 32 }, nil),
	"7.3-lifetime-received": add(func(l *wire.LeafNode) { l.Lifetime = wire.Lifetime{NotBefore: 5, NotAfter: 500} }, nil),
	"7.3-lifetime-sent": func(t *testing.T) error {
		g, _ := founder(t, Capabilities{})
		_, _, err := g.Stage(CommitOptions{Now: evilNow.Add(31 * 24 * 3600e9), Add: []*KeyPackage{newPerson(t, "bob", Capabilities{}).kp}})
		return err
	},
	"7.3-lifetime-tree": invitation{params: func(p *JoinParams, c *Config) {
		c.Policy.LiveTree = true
		p.Now = evilNow.Add(31 * 24 * 3600e9)
	}}.try,
	"7.3-required-extension":  requiring(wire.RequiredCapabilities{Extensions: []uint16{unknownType}}),
	"7.3-required-proposal":   requiring(wire.RequiredCapabilities{Proposals: []uint16{unknownType}}),
	"7.3-required-credential": requiring(wire.RequiredCapabilities{Credentials: []uint16{unknownType}}),
	"13.4-context-extension": func(t *testing.T) error {
		w := newTrio(t)
		p := &wire.Proposal{Type: wire.GroupContextExtensions, Extensions: wire.Extensions{{Type: unknownType}}}
		return receive(w.bob, evil{proposals: value(p)}.commit(t, w.alice))
	},
	"7.3-credential-support": evil{leaf: func(l *wire.LeafNode) {
		l.Credential.Type = unknownType
		l.Capabilities.Credentials = []uint16{1, unknownType}
	}}.try,
	"7.3-unique-signature-key": func(t *testing.T) error {
		w := newTrio(t)
		p := &wire.Proposal{Type: wire.Add, Add: w.keys["carol"].kp.kp}
		q := evilKeyPackage(t, w.keys["carol"], func(l *wire.LeafNode) {
			_, public, err := newKeyPair(evilSuiteOf(t), w.alice.cfg.Rand)
			ok(t, err)
			l.EncryptionKey = public
		}, nil)
		p.Add = q
		return receive(w.bob, evil{proposals: value(p)}.commit(t, w.alice))
	},
	"7.3-unique-encryption-key": func(t *testing.T) error {
		w := newTrio(t)
		p := evilAdd(t, func(l *wire.LeafNode) { l.EncryptionKey = w.carol.state.tree.Leaf(2).EncryptionKey }, nil)
		return receive(w.bob, evil{proposals: value(p)}.commit(t, w.alice))
	},
	"size-tree": func(t *testing.T) error {
		nodes := make([]wire.Node, 2*tree.MaxLeaves+1)
		nodes[len(nodes)-1].Leaf = newPerson(t, "a", Capabilities{}).kp.kp.Leaf
		_, err := tree.Parse(evilSuiteOf(t), nodes)
		return err
	},
}

var messageViolations = map[string]func(*testing.T) error{
	"6.1-signature": func(t *testing.T) error {
		w := newTrio(t)
		w.alice.state.signer = w.keys["carol"].key.key
		msg, _, err := w.alice.Protect(nil, ProtectOptions{})
		ok(t, err)
		return receive(w.bob, msg)
	},
	"6.1-sender-leaf": evil{format: PublicWire, content: func(c *wire.AuthenticatedContent) { c.Content.Sender.Index = 3 }}.try,
	"6.2-membership-tag": func(t *testing.T) error {
		w := newTrio(t)
		msg := evil{format: PublicWire}.commit(t, w.alice)
		msg[len(msg)-1]++
		return receive(w.bob, msg)
	},
	"6-application-private": func(t *testing.T) error {
		w := newTrio(t)
		content := w.alice.frame(nil, PublicWire)
		content.Content.Type = wire.ContentApplication
		m := &wire.Message{Public: &wire.PublicMessage{Content: content.Content}}
		return receive(w.bob, m.Bytes())
	},
	"6.3.1-padding": func(t *testing.T) error {
		w := newTrio(t)
		return receive(w.bob, privately(t, w.alice, 0, []byte{0, 0, 1}))
	},
	"6.3.2-sender-leaf": func(t *testing.T) error {
		w := newTrio(t)
		return receive(w.bob, privately(t, w.alice, 3, nil))
	},
	"size-padding": func(t *testing.T) error {
		w := newTrio(t)
		_, _, err := w.alice.Protect(nil, ProtectOptions{Padding: -1})
		return err
	},
}
