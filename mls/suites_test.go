// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"fmt"
	"testing"

	"github.com/securecrypt/securecrypt/mls"
)

// TestPostQuantumSuites takes a group of each through its life.
func TestPostQuantumSuites(t *testing.T) {
	for _, suite := range []mls.CipherSuite{
		mls.SuiteXWingAES128, mls.SuiteMLKEM768P256AES128, mls.SuiteMLKEM768P256AES256, mls.SuiteMLKEM1024P384AES256,
		mls.SuiteMLKEM768Ed25519, mls.SuiteMLKEM768P256, mls.SuiteMLKEM1024P384,
	} {
		t.Run(fmt.Sprintf("%#04x", uint16(suite)), func(t *testing.T) { live(t, suite) })
	}
}

// live has two members meet by a welcome and a third one come from outside.
func live(t *testing.T, suite mls.CipherSuite) {
	t.Helper()
	a, b, c := newClient(t, suite, "a"), newClient(t, suite, "b"), newClient(t, suite, "c")
	a.create()
	commit(t, mls.CommitOptions{}, a, nil, b)
	c.applyExternal(t, a.info(), nil, a, b)
	all := []*client{a, b, c}
	commit(t, mls.CommitOptions{}, b, []*client{a, c})
	for _, m := range all {
		m.reload()
	}
	agree(t, all...)
	talk(t, all...)
}

func TestBestSuite(t *testing.T) {
	all := mls.DefaultCapabilities()
	old := mls.Capabilities{CipherSuites: []mls.CipherSuite{0x0A0A, mls.SuiteP256AES128, quick}}
	if best, ok := mls.BestSuite(all, all); !ok || best != mls.DefaultCipherSuite {
		t.Fatalf("%#04x", uint16(best))
	}
	if best, ok := mls.BestSuite(all, old); !ok || best != quick {
		t.Fatalf("%#04x", uint16(best))
	}
	if _, ok := mls.BestSuite(old, mls.Capabilities{CipherSuites: []mls.CipherSuite{0x0A0A}}); ok {
		t.Fatal("nothing is best")
	}
}

func TestAliasSuite(t *testing.T) {
	const assigned mls.CipherSuite = 0x1234
	for range 2 {
		if err := mls.AliasSuite(assigned, mls.DefaultCipherSuite); err != nil {
			t.Fatal(err)
		}
	}
	capable := mls.DefaultCapabilities()
	capable.CipherSuites = append(capable.CipherSuites, assigned)
	a, b := newClient(t, mls.DefaultCipherSuite, "a"), newClient(t, mls.DefaultCipherSuite, "b")
	for _, c := range []*client{a, b} {
		c.suite, c.capabilities = assigned, capable
		c.fresh(nil)
	}
	a.create()
	commit(t, mls.CommitOptions{}, a, nil, b)
	a.reload()
	talk(t, a, b)
	if a.CipherSuite() != assigned || b.kp.CipherSuite() != assigned {
		t.Fatal("another code point")
	}
	for alias, parts := range map[mls.CipherSuite]mls.CipherSuite{
		0x0001: mls.DefaultCipherSuite, 0x0004: mls.DefaultCipherSuite, 0xF003: mls.DefaultCipherSuite,
		assigned: mls.SuiteXWingAES128, 0x2A2A: quick, 0x1235: 0x0004,
	} {
		if err := mls.AliasSuite(alias, parts); err == nil {
			t.Fatalf("%#04x can be %#04x", alias, parts)
		}
	}
}
