// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"bytes"
	"testing"

	"github.com/securecrypt/securecrypt/mls"
)

// TestReuseGuards brings a client back to an earlier state, as from a backup: what
// it sends then under a key that it used before has another nonce.
func TestReuseGuards(t *testing.T) {
	a, b := pair(t)
	before := memory{}
	for k, v := range a.db {
		before[k] = bytes.Clone(v)
	}
	first := a.send("one")
	a.db = before
	a.reload()
	second := a.send("one")
	if bytes.Equal(first, second) {
		t.Fatal("a key and nonce were used twice")
	}
	if got, ok := b.process(second).(*mls.ApplicationMessage); !ok || string(got.Data) != "one" {
		t.Fatalf("got %+v", got)
	}
}

// TestMessageBounds sends what is as long as it may be, and no longer.
func TestMessageBounds(t *testing.T) {
	a, b := pair(t)
	longest := make([]byte, mls.MaxMessage)
	for name, o := range map[string]struct {
		data []byte
		mls.ProtectOptions
	}{
		"data":    {append(longest, 0), mls.ProtectOptions{}},
		"AAD":     {nil, mls.ProtectOptions{AAD: append(longest, 0)}},
		"padding": {nil, mls.ProtectOptions{Padding: mls.MaxMessage + 1}},
	} {
		if _, _, err := a.Protect(o.data, o.ProtectOptions); err == nil {
			t.Errorf("%s of more than MaxMessage bytes was protected", name)
		}
	}
	m, d, err := a.Protect(longest, mls.ProtectOptions{AAD: longest, Padding: mls.MaxMessage})
	if err != nil {
		t.Fatal(err)
	}
	a.db.apply(d)
	if got, ok := b.process(m).(*mls.ApplicationMessage); !ok || len(got.Data) != mls.MaxMessage || len(got.AAD) != mls.MaxMessage {
		t.Errorf("got %T", got)
	}
}

// TestDefaultsAreNotListed names default types as capabilities.
func TestDefaultsAreNotListed(t *testing.T) {
	c := newClient(t, quick, "a")
	c.capabilities = mls.DefaultCapabilities(mls.ExtensionRatchetTree, 0xf000)
	c.capabilities.Extensions = append(c.capabilities.Extensions, mls.ExtensionExternalSenders)
	c.capabilities.Proposals = append(c.capabilities.Proposals, mls.ProposalAdd, 0xf001)
	c.fresh(nil)
	got := c.kp.LeafNode().Capabilities()
	for _, e := range got.Extensions {
		if e <= mls.ExtensionExternalSenders {
			t.Errorf("the extension %d is listed", e)
		}
	}
	for _, p := range got.Proposals {
		if p <= mls.ProposalGroupContextExtensions {
			t.Errorf("the proposal %d is listed", p)
		}
	}
	if n := len(got.Extensions); n == 0 || got.Extensions[n-1] != 0xf000 {
		t.Errorf("extensions %v", got.Extensions)
	}
}
