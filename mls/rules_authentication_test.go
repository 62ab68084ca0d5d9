// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// registry is an authentication service that refuses some names. Changes of name must
// begin with the name before.
type registry struct{ refused []string }

var errStranger = errors.New("stranger")

func (r registry) Authenticate(c Credential, key []byte, _ time.Time) error {
	for _, name := range r.refused {
		if string(c.Data) == name || len(key) == 0 {
			return errStranger
		}
	}
	return nil
}

func (registry) Succeed(old, next Credential) error {
	if len(next.Data) < len(old.Data) || string(next.Data[:len(old.Data)]) != string(old.Data) {
		return errStranger
	}
	return nil
}

func (registry) Client(c Credential) string { return string(c.Data[:1]) }

// renames has alice take another name by a commit.
func renames(name string) evil {
	return evil{leaf: func(l *wire.LeafNode) { l.Credential.Data = []byte(name) }}
}

func certificate(t *testing.T, public, private any) []byte {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "alice"}, NotBefore: evilNow, NotAfter: evilNow.Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	ok(t, err)
	return der
}

// certified adds dave with an X.509 credential.
func certified(c Credential) func(*testing.T) error {
	return add(func(l *wire.LeafNode) {
		l.Credential = c.wire()
		l.Capabilities.Credentials = append(l.Capabilities.Credentials, c.wire().Type)
	}, nil)
}

var authenticationViolations = map[string]func(*testing.T) error{
	"5.3.1-credential": func(t *testing.T) error {
		w := newTrio(t)
		w.bob.cfg.Authentication = registry{refused: []string{"dave"}}
		return receive(w.bob, evil{noPath: true, proposals: value(evilAdd(t, nil, nil))}.commit(t, w.alice))
	},
	"5.3.1-successor": func(t *testing.T) error {
		w := newTrio(t)
		w.bob.cfg.Authentication = registry{}
		return receive(w.bob, renames("mallory").commit(t, w.alice))
	},
	"5.3.1-external-sender": func(t *testing.T) error {
		w := newTrio(t)
		w.bob.cfg.Authentication = registry{refused: []string{"service"}}
		sender := ExternalSenders(ExternalSender{SignatureKey: []byte("key"), Credential: BasicCredential([]byte("service"))})
		return receive(w.bob, evil{proposals: value(extensions(sender.wire()))}.commit(t, w.alice))
	},
	"12.2-same-client": func(t *testing.T) error {
		w := newTrio(t)
		w.bob.cfg.Authentication = registry{}
		_, _, err := w.bob.Stage(CommitOptions{Now: evilNow, Add: []*KeyPackage{newPerson(t, "carla", Capabilities{}).kp}})
		return err
	},
	"5.3-certificates": certified(X509Credential()),
	"5.3-certificate":  certified(X509Credential([]byte("junk"))),
	"5.3-certificate-key": func(t *testing.T) error {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		ok(t, err)
		return certified(X509Credential(certificate(t, public, private)))(t)
	},
}

// TestAuthenticationService refuses strangers wherever they come from.
func TestAuthenticationService(t *testing.T) {
	refuses := func(name string, err error) {
		t.Helper()
		if BrokenRule(err) != name || strings.HasPrefix(name, "5.3.1") != errors.Is(err, errStranger) {
			t.Fatal(err)
		}
	}
	w := newTrio(t)
	r := registry{refused: []string{"dave", "alice too"}}
	w.bob.cfg.Authentication = r
	dave := newPerson(t, "dave", Capabilities{})
	_, _, err := w.bob.ProposeAdd(dave.kp, evilNow, ProposalOptions{})
	refuses("5.3.1-credential", err)
	_, _, err = w.bob.Stage(CommitOptions{Now: evilNow, Add: []*KeyPackage{dave.kp}})
	refuses("5.3.1-credential", err)
	msg, _, err := w.alice.ProposeAdd(dave.kp, evilNow, ProposalOptions{})
	ok(t, err)
	refuses("5.3.1-credential", receive(w.bob, msg))
	update := evilUpdate(t, w.carol, func(l *wire.LeafNode) { l.Credential.Data = []byte("carol the second") })
	ok(t, receive(w.bob, update))
	update = evilUpdate(t, w.carol, func(l *wire.LeafNode) { l.Credential.Data = []byte("mallory") })
	refuses("5.3.1-successor", receive(w.bob, update))
	refuses("5.3.1-credential", receive(w.bob, renames("alice too").commit(t, w.alice)))
	ok(t, receive(w.bob, renames("alice the first").commit(t, w.alice)))

	// From outside, and to who joins.
	msg, err = intruder{}.commit(t, w)
	ok(t, err)
	refuses("5.3.1-credential", receive(w.bob, msg))
	w.bob.cfg.Authentication = registry{}
	msg, err = intruder{former: func(i LeafIndex, _ *LeafNode) bool { return i == 2 }}.commit(t, w)
	ok(t, err)
	refuses("5.3.1-successor", receive(w.bob, msg))
	service := func(_ *JoinParams, c *Config) { c.Authentication = registry{refused: []string{"bob"}} }
	refuses("5.3.1-credential", invitation{params: service}.try(t))
	info, err := w.alice.GroupInfo(GroupInfoOptions{RatchetTree: true, ExternalPub: true})
	ok(t, err)
	parsed, err := ParseGroupInfo(info)
	ok(t, err)
	cfg := evilConfig()
	cfg.Authentication = registry{refused: []string{"alice"}}
	_, err = StageExternalJoin(ExternalJoinParams{GroupInfo: parsed, SigningKey: dave.key, Now: evilNow}, cfg)
	refuses("5.3.1-credential", err)

	// Carla is carol.
	p := ExternalJoinParams{GroupInfo: parsed, SigningKey: dave.key, Credential: BasicCredential([]byte("carla")), Now: evilNow}
	j, err := StageExternalJoin(p, evilConfig())
	ok(t, err)
	refuses("12.2-same-client", receive(w.bob, j.Message()))
	cfg.Authentication = registry{}
	_, err = StageExternalJoin(p, cfg)
	refuses("12.2-same-client", err)
}

// TestPendingIsRefused leaves out of a commit what the service refuses by now, or what would
// add a client that is there.
func TestPendingIsRefused(t *testing.T) {
	w := newTrio(t)
	for _, name := range []string{"dave", "eve", "carla"} {
		msg, _, err := w.alice.ProposeAdd(newPerson(t, name, Capabilities{}).kp, evilNow, ProposalOptions{})
		ok(t, err)
		ok(t, receive(w.bob, msg))
	}
	w.bob.cfg.Authentication = registry{refused: []string{"dave"}}
	s, _, err := w.bob.Stage(CommitOptions{Now: evilNow, Pending: true})
	ok(t, err)
	if len(s.Added()) != 1 || string(s.Added()[0].Leaf.Credential().Data) != "eve" {
		t.Fatalf("%+v", s.Added())
	}
}

// TestSameClient lets a group follow whose members have other credentials.
func TestSameClient(t *testing.T) {
	w := newTrio(t)
	w.alice.cfg.Authentication = registry{}
	p := SuccessorParams{SigningKey: w.keys["alice"].key, Credential: BasicCredential([]byte("a")), Lifetime: evilLifetime(), Now: evilNow}
	p.Members = []*KeyPackage{newPerson(t, "bert", Capabilities{}).kp}
	_, _, _, err := w.alice.Branch(p)
	ok(t, err)
	p.Members = []*KeyPackage{newPerson(t, "dave", Capabilities{}).kp}
	if _, _, _, err = w.alice.Branch(p); BrokenRule(err) != "11.3-members" {
		t.Fatal(err)
	}
}

// TestCertificates has members with X.509 credentials of both kinds of keys.
func TestCertificates(t *testing.T) {
	for _, cs := range []CipherSuite{SuiteX25519AES128, SuiteP384AES256} {
		var public, private any
		var raw []byte
		if cs == SuiteX25519AES128 {
			pub, priv, err := ed25519.GenerateKey(rand.Reader)
			ok(t, err)
			public, private, raw = pub, priv, priv.Seed()
		} else {
			priv, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
			ok(t, err)
			raw, err = priv.Bytes()
			ok(t, err)
			public, private = priv.Public(), priv
		}
		key, err := ImportSigningKey(cs, raw)
		ok(t, err)
		der := certificate(t, public, private)
		c := DefaultCapabilities()
		c.Credentials = append(c.Credentials, CredentialX509)
		kp, _, err := NewKeyPackage(KeyPackageParams{
			Suite: cs, SigningKey: key, Credential: X509Credential(der, []byte("issuer")), Capabilities: c,
			Lifetime: evilLifetime(), Rand: rand.Reader,
		})
		ok(t, err)
		chain, err := kp.LeafNode().Credential().Certificates()
		ok(t, err)
		if len(chain) != 2 || string(chain[0]) != string(der) {
			t.Fatal("another chain")
		}
	}
}
