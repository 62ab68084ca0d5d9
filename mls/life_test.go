// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/mls"
)

var testNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var suites = []mls.CipherSuite{
	mls.SuiteXWingAES256, mls.SuiteX25519AES128, mls.SuiteP256AES128,
	mls.SuiteX25519ChaCha20, mls.SuiteP521AES256, mls.SuiteP384AES256,
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// memory is a store that copies, as a database would.
type memory map[string][]byte

func (m memory) Get(key string) ([]byte, error) { return m[key], nil }

func (m memory) apply(d mls.Delta) {
	for _, r := range d.Put {
		m[r.Key] = bytes.Clone(r.Value)
	}
	for _, k := range d.Delete {
		if _, both := m[k]; both {
			clear(m[k])
		}
		delete(m, k)
	}
}

// client is one device with its store and, once joined, its group.
type client struct {
	t     testing.TB
	name  string
	suite mls.CipherSuite
	key   *mls.SigningKey
	kp    *mls.KeyPackage
	priv  *mls.KeyPackagePrivate
	cfg   mls.Config
	db    memory

	capabilities mls.Capabilities // zero: the default
	*mls.Group
}

func newClient(t testing.TB, suite mls.CipherSuite, name string) *client {
	t.Helper()
	c := &client{t: t, name: name, suite: suite, cfg: mls.Config{Rand: rand.Reader}, db: memory{}}
	c.key = must[*mls.SigningKey](t)(mls.NewSigningKey(suite, rand.Reader))
	c.fresh(nil)
	return c
}

func testLifetime() mls.Lifetime {
	return mls.Lifetime{NotBefore: testNow.Add(-time.Hour), NotAfter: testNow.Add(90 * 24 * time.Hour)}
}

// fresh makes a new key package.
func (c *client) fresh(change func(*mls.KeyPackageParams)) {
	c.t.Helper()
	p := mls.KeyPackageParams{
		Suite: c.suite, SigningKey: c.key, Credential: mls.BasicCredential([]byte(c.name)),
		Capabilities: c.capabilities, Lifetime: testLifetime(), Rand: rand.Reader,
	}
	if change != nil {
		change(&p)
	}
	kp, priv, err := mls.NewKeyPackage(p)
	if err != nil {
		c.t.Fatal(err)
	}
	c.kp = must[*mls.KeyPackage](c.t)(mls.ParseKeyPackage(kp.Bytes()))
	c.priv = must[*mls.KeyPackagePrivate](c.t)(mls.ParseKeyPackagePrivate(priv.Bytes()))
}

func (c *client) create(extensions ...mls.Extension) {
	c.t.Helper()
	g, d, err := mls.CreateGroup(mls.GroupParams{
		Suite: c.suite, SigningKey: c.key, Credential: mls.BasicCredential([]byte(c.name)),
		Capabilities: c.capabilities, Lifetime: testLifetime(), Extensions: extensions,
	}, c.cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	c.Group = g
	c.db.apply(d)
}

// reload restarts the client.
func (c *client) reload() {
	c.t.Helper()
	c.Group = must[*mls.Group](c.t)(mls.LoadGroup(c.db, c.cfg))
}

func (c *client) stage(o mls.CommitOptions) *mls.StagedCommit {
	c.t.Helper()
	o.Now = testNow
	s, d, err := c.Stage(o)
	if err != nil {
		c.t.Fatal(err)
	}
	c.db.apply(d)
	return s
}

func (c *client) applyCommit(s *mls.StagedCommit) {
	c.t.Helper()
	c.db.apply(must[mls.Delta](c.t)(c.Apply(s)))
}

func (c *client) process(msg []byte) mls.Received {
	c.t.Helper()
	r, d, err := c.Process(msg, testNow)
	if err != nil {
		c.t.Fatalf("%s: %v", c.name, err)
	}
	c.db.apply(d)
	return r
}

func (c *client) join(welcome, tree []byte) {
	c.t.Helper()
	j := must[*mls.StagedJoin](c.t)(mls.StageJoin(mls.JoinParams{
		Welcome: must[*mls.Welcome](c.t)(mls.ParseWelcome(welcome)), KeyPackage: c.kp, Private: c.priv,
		RatchetTree: tree, Now: testNow,
	}, c.cfg))
	g, d, err := j.Apply()
	if err != nil {
		c.t.Fatal(err)
	}
	c.Group, c.db = g, memory{}
	c.db.apply(d)
}

func (c *client) send(data string) []byte {
	c.t.Helper()
	m, d, err := c.Protect([]byte(data), mls.ProtectOptions{AAD: []byte("aad"), Padding: 7})
	if err != nil {
		c.t.Fatal(err)
	}
	c.db.apply(d)
	return m
}

// commit stages a commit by the first client, applies it everywhere and lets the new
// members join.
func commit(t testing.TB, o mls.CommitOptions, by *client, others []*client, joining ...*client) {
	t.Helper()
	for _, j := range joining {
		o.Add = append(o.Add, j.kp)
	}
	s := by.stage(o)
	for _, c := range others {
		if f, ok := c.process(s.Message()).(*mls.StagedCommit); ok {
			c.applyCommit(f)
		}
	}
	by.applyCommit(s)
	for _, j := range joining {
		w := must[[]byte](t)(s.Welcome(j.kp))
		if o.WelcomeInfo.RatchetTree {
			j.join(w, nil)
		} else {
			j.join(w, s.RatchetTree())
		}
	}
}

func agree(t testing.TB, clients ...*client) {
	t.Helper()
	first := clients[0]
	for _, c := range clients[1:] {
		if !bytes.Equal(c.EpochAuthenticator(), first.EpochAuthenticator()) || c.Epoch() != first.Epoch() ||
			!bytes.Equal(c.RatchetTree(), first.RatchetTree()) {
			t.Fatalf("%s and %s disagree at epochs %d and %d", c.name, first.name, c.Epoch(), first.Epoch())
		}
	}
}

func talk(t testing.TB, clients ...*client) {
	t.Helper()
	for _, from := range clients {
		text := fmt.Sprintf("%s in %d", from.name, from.Epoch())
		m := from.send(text)
		for _, to := range clients {
			if to == from {
				if _, _, err := to.Process(m, testNow); !errors.Is(err, mls.ErrOwnMessage) {
					t.Fatalf("own message: %v", err)
				}
				continue
			}
			got, ok := to.process(m).(*mls.ApplicationMessage)
			if !ok || string(got.Data) != text || string(got.AAD) != "aad" || got.Sender != from.OwnLeaf() {
				t.Fatalf("%s got %+v", to.name, got)
			}
			if _, _, err := to.Process(m, testNow); !errors.Is(err, mls.ErrKeyUsed) {
				t.Fatalf("replay: %v", err)
			}
		}
	}
}

func TestLife(t *testing.T) {
	for _, suite := range suites {
		t.Run(fmt.Sprintf("%#04x", uint16(suite)), func(t *testing.T) {
			var c []*client
			for i := range 6 {
				c = append(c, newClient(t, suite, string(rune('a'+i))))
			}
			c[0].create()
			commit(t, mls.CommitOptions{}, c[0], nil, c[1])
			agree(t, c[:2]...)
			talk(t, c[:2]...)
			commit(t, mls.CommitOptions{WireFormat: mls.PublicWire, WelcomeInfo: mls.GroupInfoOptions{RatchetTree: true}}, c[1], c[:1], c[2], c[3])
			agree(t, c[:4]...)
			commit(t, mls.CommitOptions{NoPath: true}, c[3], c[:3], c[4])
			agree(t, c[:5]...)
			for _, m := range c[:5] {
				m.reload()
			}
			talk(t, c[:5]...)
			for i := range 5 {
				others := append(append([]*client(nil), c[:i]...), c[i+1:5]...)
				commit(t, mls.CommitOptions{}, c[i], others)
				agree(t, c[:5]...)
			}
			commit(t, mls.CommitOptions{Remove: []mls.LeafIndex{c[4].OwnLeaf(), c[1].OwnLeaf()}}, c[0], c[1:5], c[5])
			rest := []*client{c[0], c[2], c[3], c[5]}
			agree(t, rest...)
			talk(t, rest...)
			if c[1].Active() || c[4].Active() {
				t.Fatal("removed members are active")
			}
			if _, _, err := c[1].Protect(nil, mls.ProtectOptions{}); !errors.Is(err, mls.ErrNotMember) {
				t.Fatal(err)
			}
			c[1].reload()
			if c[1].Active() || len(c[1].db) != 1 {
				t.Fatalf("removed member keeps %d records", len(c[1].db))
			}
			for _, m := range rest {
				m.reload()
			}
			talk(t, rest...)
		})
	}
}
