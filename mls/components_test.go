// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/mls"
)

const (
	counter mls.ComponentID = 0x8001
	notes   mls.ComponentID = 0x8000
)

var errComponent = errors.New("no such component")

// parts appends the updates of its components to what they keep.
type parts struct{ ephemeral *[]string }

func (parts) Update(id mls.ComponentID, old []byte, updates [][]byte) ([]byte, error) {
	if id < notes || bytes.Contains(slices.Concat(updates...), []byte("bad")) {
		return nil, errComponent
	}
	return append(old, slices.Concat(updates...)...), nil
}

func (p parts) Ephemeral(_ mls.ComponentID, data []byte) error {
	if string(data) == "bad" {
		return errComponent
	}
	*p.ephemeral = append(*p.ephemeral, string(data))
	return nil
}

func (parts) PSK(id mls.ComponentID, psk []byte) ([]byte, error) {
	if id != notes {
		return nil, errComponent
	}
	return append([]byte("secret of "), psk...), nil
}

// component has clients support components before they get into a group.
func component(clients ...*client) *[]string {
	seen := new([]string)
	for _, c := range clients {
		c.cfg.Components = parts{seen}
		c.capabilities = mls.DefaultCapabilities()
		c.capabilities.Proposals = append(c.capabilities.Proposals, mls.ProposalAppDataUpdate, mls.ProposalAppEphemeral)
		c.fresh(nil)
	}
	return seen
}

func dictionary(t *testing.T, c *client) string {
	t.Helper()
	var out []string
	for _, e := range c.Extensions() {
		if e.Type == mls.ExtensionAppDataDictionary {
			for _, d := range must[[]mls.ComponentData](t)(mls.ParseAppDataDictionary(e.Data)) {
				out = append(out, string(rune('0'+d.Component-notes))+string(d.Data))
			}
		}
	}
	return strings.Join(out, " ")
}

func TestAppData(t *testing.T) {
	key, senders := service(t)
	a, b, c := newClient(t, quick, "a"), newClient(t, quick, "b"), newClient(t, quick, "c")
	seen := component(a, b, c)
	a.create(senders)
	commit(t, mls.CommitOptions{}, a, nil, b)
	commit(t, mls.CommitOptions{NoPath: true, AppData: []mls.AppDataUpdate{
		{Component: counter, Data: []byte("1")}, {Component: notes, Data: []byte("x")}, {Component: counter, Data: []byte("2")},
	}}, a, []*client{b})
	agree(t, a, b)
	if dictionary(t, b) != "0x 112" {
		t.Fatal(dictionary(t, b))
	}
	msg, d, err := b.ProposeAppData(mls.AppDataUpdate{Component: counter, Remove: true}, mls.ProposalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.db.apply(d)
	if p := a.process(msg).(*mls.ReceivedProposal).Proposal; p.AppData == nil || !p.AppData.Remove {
		t.Fatalf("%+v", p)
	}
	p := mls.ExternalProposer{Suite: quick, GroupID: a.GroupID(), Epoch: a.Epoch(), Index: 1, SigningKey: key}
	for _, msg := range [][]byte{
		must[[]byte](t)(p.ProposeAppData(mls.AppDataUpdate{Component: notes, Data: []byte("y")})),
		must[[]byte](t)(p.ProposeAppEphemeral(mls.AppEphemeral{Component: notes, Data: []byte("hello")})),
	} {
		a.process(msg)
		b.process(msg)
	}
	*seen = nil
	commit(t, mls.CommitOptions{Pending: true, AppEphemeral: []mls.AppEphemeral{{Component: counter, Data: []byte("mine")}}}, a, []*client{b})
	if dictionary(t, b) != "0xy" || !slices.Equal(*seen, []string{"mine", "hello", "mine", "hello"}) {
		t.Fatal(dictionary(t, b), *seen)
	}
	c.applyExternal(t, a.info(), func(p *mls.ExternalJoinParams) {
		p.Capabilities = c.capabilities
		p.AppData = []mls.AppDataUpdate{{Component: notes, Data: []byte("z")}}
		p.AppEphemeral = []mls.AppEphemeral{{Component: notes, Data: []byte("here")}}
		p.PSKs = []mls.PSKID{mls.ComponentPSK(notes, []byte("door"))}
	}, a, b)
	if dictionary(t, a) != "0xyz" {
		t.Fatal(dictionary(t, a))
	}
	talk(t, a, b, c)
}

func TestAppDataIsRefused(t *testing.T) {
	a, b := newClient(t, quick, "a"), newClient(t, quick, "b")
	component(a, b)
	required := mls.RequiredCapabilities{Proposals: []mls.ProposalType{mls.ProposalAppDataUpdate}}
	a.create(required.Extension(), mls.AppDataDictionary(mls.ComponentData{Component: counter, Data: []byte("0")}))
	commit(t, mls.CommitOptions{}, a, nil, b)
	one := func(u ...mls.AppDataUpdate) mls.CommitOptions { return mls.CommitOptions{AppData: u} }
	for rule, o := range map[string]mls.CommitOptions{
		"ext-app-data-remove":     one(mls.AppDataUpdate{Component: notes, Remove: true}),
		"ext-app-data-operations": one(mls.AppDataUpdate{Component: counter, Remove: true}, mls.AppDataUpdate{Component: counter}),
		"ext-app-component":       one(mls.AppDataUpdate{Component: counter, Data: []byte("bad")}),
		"ext-app-data-extensions": {Extensions: []mls.Extension{required.Extension()}},
	} {
		if _, _, err := a.Stage(o); mls.BrokenRule(err) != rule {
			t.Errorf("%s: %v", rule, err)
		}
	}
	_, _, err := a.ProposeAppEphemeral(mls.AppEphemeral{Component: counter, Data: []byte("bad")}, mls.ProposalOptions{})
	if mls.BrokenRule(err) != "ext-app-component" || !errors.Is(err, errComponent) {
		t.Fatal(err)
	}
	s := a.stage(one(mls.AppDataUpdate{Component: counter, Data: []byte("1")}))
	b.cfg.Components = nil
	b.reload()
	refuses(t, b, s.Message(), mls.ErrUnsupported)
	if _, _, err := b.Stage(mls.CommitOptions{PSKs: []mls.PSKID{mls.ComponentPSK(notes, nil)}}); !errors.Is(err, mls.ErrUnknownPSK) {
		t.Fatal(err)
	}
}

func TestSafeExport(t *testing.T) {
	a, b := pair(t)
	var taken [][]byte
	for _, id := range []mls.ComponentID{0, 1, counter, 0xFFFF} {
		x, d, err := a.SafeExport(id)
		if err != nil {
			t.Fatal(err)
		}
		a.db.apply(d)
		a.reload()
		if _, _, err := a.SafeExport(id); !errors.Is(err, mls.ErrKeyUsed) {
			t.Fatal(err)
		}
		for _, v := range a.db {
			if bytes.Contains(v, x) {
				t.Fatal("an exported secret is kept")
			}
		}
		y, d, err := b.SafeExport(id)
		if err != nil || !bytes.Equal(x, y) {
			t.Fatal(err)
		}
		b.db.apply(d)
		if slices.ContainsFunc(taken, func(z []byte) bool { return bytes.Equal(x, z) }) {
			t.Fatal("two components share a secret")
		}
		taken = append(taken, x)
	}
	commit(t, mls.CommitOptions{}, a, []*client{b})
	for key := range a.db {
		if strings.HasPrefix(key, "e/1/x/") {
			t.Fatalf("%s is left of the past epoch", key)
		}
	}
	if x, _, err := a.SafeExport(counter); err != nil || bytes.Equal(x, taken[2]) {
		t.Fatal(err)
	}
}

func TestSafeAAD(t *testing.T) {
	a, b, c := newClient(t, quick, "a"), newClient(t, quick, "b"), newClient(t, quick, "c")
	a.create(mls.AppDataDictionary(mls.ComponentData{Component: mls.ComponentSafeAAD, Data: mls.ComponentList(notes)}))
	aad := mls.SafeAAD(mls.ComponentData{Component: notes, Data: []byte("note")})
	commit(t, mls.CommitOptions{AAD: mls.SafeAAD()}, a, nil, b)
	c.applyExternal(t, a.info(), func(p *mls.ExternalJoinParams) { p.AAD = aad }, a, b)
	msg, d, err := b.Protect(nil, mls.ProtectOptions{AAD: aad})
	if err != nil {
		t.Fatal(err)
	}
	b.db.apply(d)
	items := must[[]mls.ComponentData](t)(mls.ParseSafeAAD(a.process(msg).(*mls.ApplicationMessage).AAD))
	if len(items) != 1 || items[0].Component != notes || string(items[0].Data) != "note" {
		t.Fatalf("%+v", items)
	}
	for _, err := range []error{
		func() error { _, _, err := a.Protect(nil, mls.ProtectOptions{}); return err }(),
		func() error { _, _, err := a.Stage(mls.CommitOptions{AAD: []byte("junk")}); return err }(),
		func() error { _, _, err := a.ProposeUpdate(mls.LeafUpdate{}, mls.ProposalOptions{}); return err }(),
	} {
		if mls.BrokenRule(err) != "ext-safe-aad" {
			t.Fatal(err)
		}
	}
	ids := must[[]mls.ComponentID](t)(mls.ParseComponentList(mls.ComponentList(notes, counter)))
	if !slices.Equal(ids, []mls.ComponentID{notes, counter}) {
		t.Fatal(ids)
	}
	if _, err := mls.ParseComponentList([]byte{3}); !errors.Is(err, mls.ErrMalformed) {
		t.Fatal(err)
	}
}

func TestSafeKeys(t *testing.T) {
	a, b := pair(t)
	signature := must[[]byte](t)(a.SafeSign(notes, "label", []byte("content")))
	if !b.SafeVerify(0, notes, "label", []byte("content"), signature) || b.SafeVerify(0, counter, "label", []byte("content"), signature) ||
		b.SafeVerify(9, notes, "label", []byte("content"), signature) {
		t.Fatal("signatures of components")
	}
	kem, ciphertext, err := a.SafeEncrypt(b.OwnLeaf(), notes, "label", nil, []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	if plain := must[[]byte](t)(b.SafeDecrypt(notes, "label", nil, kem, ciphertext)); string(plain) != "plain" {
		t.Fatalf("%q", plain)
	}
	if _, err := b.SafeDecrypt(counter, "label", nil, kem, ciphertext); !errors.Is(err, mls.ErrDecrypt) {
		t.Fatal(err)
	}
	if _, _, err := a.SafeEncrypt(9, notes, "label", nil, nil); err == nil {
		t.Fatal("encrypts to nobody")
	}
}
