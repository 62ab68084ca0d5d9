// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"errors"
	"testing"

	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// refusal refuses all updates that are not empty.
type refusal struct{}

func (refusal) Update(_ ComponentID, _ []byte, updates [][]byte) ([]byte, error) {
	if len(updates[0]) > 0 {
		return nil, errors.New("refused")
	}
	return nil, nil
}
func (refusal) Ephemeral(ComponentID, []byte) error     { return errors.New("refused") }
func (refusal) PSK(ComponentID, []byte) ([]byte, error) { return nil, errors.New("refused") }

// updates has alice commit proposals for components in a group that requires their support.
func updates(p ...*wire.Proposal) func(*testing.T) error {
	return func(t *testing.T) error {
		c := DefaultCapabilities()
		c.Proposals = append(c.Proposals, ProposalAppDataUpdate, ProposalAppEphemeral)
		required := RequiredCapabilities{Proposals: []ProposalType{ProposalAppDataUpdate}}
		alice, _ := founder(t, c, required.Extension())
		bob := newPerson(t, "bob", c)
		s, _, err := alice.Stage(CommitOptions{Now: evilNow, Add: []*KeyPackage{bob.kp}})
		ok(t, err)
		_, err = alice.Apply(s)
		ok(t, err)
		g := joinWith(t, bob, s)
		g.cfg.Components = refusal{}
		return receive(g, evil{proposals: value(p...)}.commit(t, alice))
	}
}

var (
	discard    = &wire.Proposal{Type: wire.AppDataUpdate, Component: 7, Discard: true}
	update     = &wire.Proposal{Type: wire.AppDataUpdate, Component: 7}
	malformedD = wire.Extension{Type: wire.ExtAppDataDictionary, Data: []byte{9}}
)

var componentViolations = map[string]func(*testing.T) error{
	"ext-app-component":       updates(&wire.Proposal{Type: wire.AppDataUpdate, Data: []byte("x")}),
	"ext-app-data-dictionary": commits(extensions(malformedD)),
	"ext-app-data-extensions": updates(extensions(AppDataDictionary().wire())),
	"ext-app-data-operations": updates(update, discard),
	"ext-app-data-remove":     updates(discard),
	"ext-safe-aad": func(t *testing.T) error {
		w := newTrio(t)
		w.bob.state.framed = true
		msg, _, err := w.alice.Protect(nil, ProtectOptions{AAD: []byte("junk")})
		ok(t, err)
		return receive(w.bob, msg)
	},
}

// TestAppDataDictionaryOfGroup refuses a group whose dictionary is malformed.
func TestAppDataDictionaryOfGroup(t *testing.T) {
	p := newPerson(t, "alice", Capabilities{})
	_, _, err := CreateGroup(GroupParams{
		Suite: evilSuite, SigningKey: p.key, Lifetime: evilLifetime(), Extensions: extensionsFromWire(wire.Extensions{malformedD}),
		Credential: BasicCredential(nil),
	}, evilConfig())
	if BrokenRule(err) != "ext-app-data-dictionary" {
		t.Fatal(err)
	}
}

// TestAppDataDictionaryForm refuses dictionaries that are not sorted.
func TestAppDataDictionaryForm(t *testing.T) {
	unsorted := wire.Extensions{{Type: wire.ExtAppDataDictionary, Data: wire.MarshalAppData([]wire.ComponentData{{ID: 2}, {ID: 1}})}}
	for _, err := range []error{
		add(func(l *wire.LeafNode) { l.Extensions = unsorted }, nil)(t),
		add(nil, func(kp *wire.KeyPackage) { kp.Extensions = unsorted })(t),
		updates(&wire.Proposal{Type: wire.GroupContextExtensions, Extensions: wire.Extensions{malformedD, {Type: wire.ExtRequiredCapabilities, Data: []byte{0, 0, 0}}}})(t),
	} {
		if id := BrokenRule(err); id != "ext-app-data-dictionary" && id != "ext-app-data-extensions" {
			t.Fatal(err)
		}
	}
}
