// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"crypto/hpke"
	"crypto/rand"
	"fmt"
	"runtime"
	"testing"

	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
)

// BenchmarkGroup measures what a member does in groups of several sizes, on a flat tree,
// whose members never committed, and on a populated one. A single figure:
//
//	go test ./mls -run '^$' -bench 'Group/suite=0x0001/members=1000$/flat/commit$'
//
// Groups of 10000 take time to be made and are left out in short mode.
func BenchmarkGroup(b *testing.B) {
	for _, cs := range []mls.CipherSuite{mls.SuiteX25519AES128, mls.DefaultCipherSuite} {
		for _, n := range []int{2, 100, 1000, 10000} {
			b.Run(fmt.Sprintf("suite=%#04x/members=%d", uint16(cs), n), func(b *testing.B) {
				if n == 10000 && testing.Short() {
					b.Skip("ten thousand members take a minute")
				}
				b.Run("flat", func(b *testing.B) { (&bench{suite: cs, size: n, made: crowd(b, cs, n, 2)}).run(b) })
				if n > 2 {
					b.Run("populated", func(b *testing.B) { (&bench{suite: cs, size: n, made: town(b, cs, n)}).run(b) })
				}
			})
		}
	}
}

// bench is a group to measure, with two of its members.
type bench struct {
	suite mls.CipherSuite
	size  int
	made  []*client
}

func (g *bench) run(b *testing.B) {
	for _, c := range g.made {
		c.t = b
	}
	for _, m := range []struct {
		name string
		run  func(*testing.B)
	}{
		{"process", g.process}, // before Stage has spent keys, which process would skip
		{"commit", func(b *testing.B) { g.stage(b, mls.CommitOptions{}) }},
		{"add", func(b *testing.B) {
			g.stage(b, mls.CommitOptions{Add: []*mls.KeyPackage{newClient(b, g.suite, "late").kp}})
		}},
		{"remove", g.remove},
		{"apply", g.apply},
		{"join", g.join},
		{"load", g.load},
		{"protect=32", func(b *testing.B) { g.protect(b, 32) }},
		{"protect=1024", func(b *testing.B) { g.protect(b, 1024) }},
		{"unprotect=32", func(b *testing.B) { g.unprotect(b, 32) }},
		{"unprotect=1024", func(b *testing.B) { g.unprotect(b, 1024) }},
	} {
		b.Run(m.name, m.run)
	}
}

// stage makes commits without entering their epochs.
func (g *bench) stage(b *testing.B, o mls.CommitOptions) {
	alice := g.made[0]
	o.Now = testNow
	b.ReportAllocs()
	for b.Loop() {
		s, _, err := alice.Stage(o)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := alice.Discard(s); err != nil {
			b.Fatal(err)
		}
	}
}

func (g *bench) remove(b *testing.B) {
	var last mls.LeafIndex
	for i := range g.made[0].Members() {
		if i != g.made[0].OwnLeaf() && i != g.made[1].OwnLeaf() {
			last = i
		}
	}
	if g.size == 2 {
		b.Skip("nobody to remove")
	}
	g.stage(b, mls.CommitOptions{Remove: []mls.LeafIndex{last}})
}

// apply enters epochs, by update commits of which every second is the other's.
func (g *bench) apply(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		s := g.made[0].stage(mls.CommitOptions{})
		theirs := g.made[1].process(s.Message()).(*mls.StagedCommit)
		b.StartTimer()
		d, err := g.made[0].Apply(s)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		g.made[0].db.apply(d)
		g.made[1].applyCommit(theirs)
		b.StartTimer()
	}
}

func (g *bench) process(b *testing.B) {
	s := g.made[0].stage(mls.CommitOptions{})
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := g.made[1].Process(s.Message(), testNow); err != nil {
			b.Fatal(err)
		}
	}
	g.made[0].db.apply(must[mls.Delta](b)(g.made[0].Discard(s)))
}

func (g *bench) join(b *testing.B) {
	alice, late := g.made[0], newClient(b, g.suite, "late")
	s := alice.stage(mls.CommitOptions{Add: []*mls.KeyPackage{late.kp}})
	welcome, tree := must[[]byte](b)(s.Welcome(late.kp)), s.RatchetTree()
	alice.db.apply(must[mls.Delta](b)(alice.Discard(s)))
	b.ReportAllocs()
	for b.Loop() {
		w, err := mls.ParseWelcome(welcome)
		if err != nil {
			b.Fatal(err)
		}
		j, err := mls.StageJoin(mls.JoinParams{Welcome: w, KeyPackage: late.kp, Private: late.priv, RatchetTree: tree, Now: testNow}, late.cfg)
		if err != nil {
			b.Fatal(err)
		}
		if late.Group, _, err = j.Apply(); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	b.ReportMetric(g.memory(late, welcome, tree), "state-B")
}

// memory returns what a member's state takes who has just joined.
func (g *bench) memory(late *client, welcome, tree []byte) float64 {
	groups := make([]*mls.Group, 8)
	before := heap()
	for i := range groups {
		late.join(welcome, tree)
		groups[i], late.db = late.Group, nil
	}
	after := heap()
	runtime.KeepAlive(groups)
	return (after - before) / float64(len(groups))
}

// heap returns the bytes that are reachable.
func heap() float64 {
	for range 3 {
		runtime.GC() // finalizers and pools hold things for a while
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// load restores the group and sends a message.
func (g *bench) load(b *testing.B) {
	bob := g.made[1]
	data := make([]byte, 32)
	b.ReportAllocs()
	for b.Loop() {
		group, err := mls.LoadGroup(bob.db, bob.cfg)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := group.Protect(data, mls.ProtectOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func (g *bench) protect(b *testing.B, n int) {
	data := make([]byte, n)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := g.made[0].Protect(data, mls.ProtectOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func (g *bench) unprotect(b *testing.B, n int) {
	data := make([]byte, n)
	var messages [][]byte
	b.ReportAllocs()
	for b.Loop() {
		if len(messages) == 0 {
			b.StopTimer()
			for range 100 {
				m, _, err := g.made[1].Protect(data, mls.ProtectOptions{})
				if err != nil {
					b.Fatal(err)
				}
				messages = append(messages, m)
			}
			b.StartTimer()
		}
		if _, _, err := g.made[0].Process(messages[0], testNow); err != nil {
			b.Fatal(err)
		}
		messages = messages[1:]
	}
	for _, m := range messages {
		g.made[0].process(m)
	}
}

// BenchmarkPrimitives measures what none of the above can be cheaper than: signing,
// verifying, sealing to a key and deriving a key pair.
func BenchmarkPrimitives(b *testing.B) {
	for _, id := range []mls.CipherSuite{mls.SuiteX25519AES128, mls.DefaultCipherSuite} {
		s := must[*suite.Suite](b)(suite.Lookup(uint16(id)))
		signer := must[*suite.SigningKey](b)(suite.NewSigningKey(s.Scheme, rand.Reader))
		verifier := must[suite.VerifyKey](b)(s.VerifyKey(signer.Public))
		content, secret := make([]byte, 300), make(suite.Secret, s.HashSize())
		signature := must[[]byte](b)(s.Sign(signer, "label", content))
		public := must[hpke.PrivateKey](b)(s.DeriveKeyPair(secret)).PublicKey()
		for _, p := range []struct {
			name string
			run  func() bool
		}{
			{"sign", func() bool { _, err := s.Sign(signer, "label", content); return err == nil }},
			{"verify", func() bool { return s.Verify(verifier, "label", content, signature) }},
			{"seal", func() bool { _, _, err := s.Encrypt(public, "label", content, secret); return err == nil }},
			{"derive", func() bool { _, err := s.DeriveKeyPair(secret); return err == nil }},
			{"parse", func() bool { _, err := s.PublicKey(public.Bytes()); return err == nil }},
		} {
			b.Run(fmt.Sprintf("suite=%#04x/%s", uint16(id), p.name), func(b *testing.B) {
				for b.Loop() {
					if !p.run() {
						b.Fatal("fails")
					}
				}
			})
		}
	}
}

// BenchmarkAlone measures what a client does by itself.
func BenchmarkAlone(b *testing.B) {
	for _, cs := range []mls.CipherSuite{mls.SuiteX25519AES128, mls.DefaultCipherSuite} {
		c := newClient(b, cs, "alone")
		b.Run(fmt.Sprintf("suite=%#04x/create", uint16(cs)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _, err := mls.CreateGroup(mls.GroupParams{
					Suite: cs, SigningKey: c.key, Credential: mls.BasicCredential([]byte(c.name)), Lifetime: testLifetime(),
				}, c.cfg)
				if err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("suite=%#04x/keypackage", uint16(cs)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _, err := mls.NewKeyPackage(mls.KeyPackageParams{
					Suite: cs, SigningKey: c.key, Credential: mls.BasicCredential([]byte(c.name)), Lifetime: testLifetime(), Rand: rand.Reader,
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
		for _, n := range []int{100, 1000} {
			b.Run(fmt.Sprintf("suite=%#04x/add-everyone=%d", uint16(cs), n), func(b *testing.B) {
				first := newClient(b, cs, "first")
				first.create()
				o := mls.CommitOptions{}
				for i := range n - 1 {
					o.Add = append(o.Add, newClient(b, cs, fmt.Sprint(i)).kp)
				}
				(&bench{suite: cs, made: []*client{first}}).stage(b, o)
			})
		}
	}
}
