// SPDX-License-Identifier: Apache-2.0

package keytrans_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/logtest"
)

// vkey returns the public key of a name.
func vkey(name string, alg keytrans.Algorithm) string {
	return logtest.Key(name, alg).Verifier().String()
}

func cosigner(name string) string { return vkey(name, keytrans.CosignatureEd25519) }

// sound is a policy that is accepted: a log, two witnesses and an auditor.
var sound = "log " + vkey("example.org/log", keytrans.Ed25519) + " https://example.org/log\n" +
	"witness w1 " + cosigner("w1.example") + " https://w1.example\n" +
	"witness w2 " + cosigner("w2.example") + "\n" +
	"witness auditors " + cosigner("a.example") + "\n" +
	"group witnesses any w1 w2\ngroup both all witnesses auditors\nquorum both\n"

func newPolicy(text string) error {
	_, err := keytrans.NewPolicy(keytrans.PolicyParams{Number: 1, Text: []byte(text), VRFKey: newLog().VRF.Public().Bytes()})
	return err
}

// pinned has a policy made of the sound text after a replacement.
func pinned(old, changed string) func(*testing.T) error {
	return func(t *testing.T) error {
		ok(t, newPolicy(sound))
		if !strings.Contains(sound, old) {
			t.Fatal("the text to replace is not there")
		}
		return newPolicy(strings.Replace(sound, old, changed, 1))
	}
}

func params(change func(*keytrans.PolicyParams)) func(*testing.T) error {
	return func(*testing.T) error {
		p := newLog().Policy.Params()
		change(&p)
		_, err := keytrans.NewPolicy(p)
		return err
	}
}

func key(vkey string) func(*testing.T) error {
	return func(*testing.T) error {
		_, err := keytrans.ParseVerifierKey(vkey)
		return err
	}
}

func rawKey(name string, alg keytrans.Algorithm, size int) func(*testing.T) error {
	return func(*testing.T) error {
		_, err := keytrans.NewVerifierKey(name, alg, make([]byte, size))
		return err
	}
}

// vkeyOf returns a vkey with this hash, or the text of its own with another key.
func vkeyOf(name string, alg byte, size int) string {
	return name + "+00000000+" + base64.StdEncoding.EncodeToString(append([]byte{alg}, make([]byte, size)...))
}

// nested returns groups of which each has the one before as its only member.
func nested(n int) string {
	var b strings.Builder
	member := "both"
	for i := range n {
		fmt.Fprintf(&b, "group g%d any %s\n", i, member)
		member = fmt.Sprint("g", i)
	}
	return b.String()
}

var policyViolations = map[string]func(*testing.T) error{
	"K3-number":    params(func(p *keytrans.PolicyParams) { p.Number = 0 }),
	"K7-ages":      params(func(p *keytrans.PolicyParams) { p.WarnAge = 48 * time.Hour }),
	"K8-none":      pinned("quorum both", "quorum none"),
	"K8-no-quorum": pinned("quorum both\n", ""),
	"K8-quorums":   pinned("quorum both\n", "quorum both\nquorum both\n"),
	"K8-undefined": pinned("quorum both", "quorum others"),
	// A plain witness vouches for growth alone, and auditors alone are no witnesses.
	"K8-auditor":      pinned("quorum both", "quorum witnesses"),
	"K8-witness":      pinned("quorum both", "quorum auditors"),
	"K8-member":       pinned("any w1 w2", "any w1 w3"),
	"K8-member-twice": pinned("any w1 w2", "any w1 w1"),
	"K8-threshold":    pinned("any w1 w2", "3 w1 w2"),
	"K8-name":         pinned("quorum both", "group witnesses any both\nquorum both"),
	"K8-key-twice":    pinned(cosigner("w2.example"), cosigner("w1.example")),
	"K8-line":         pinned("quorum both", "quorum both now"),
	"K8-characters":   pinned("quorum both", "#\rquorum w1\nquorum both"),
	"K8-length":       pinned("quorum both", strings.Repeat("#\n", keytrans.MaxPolicy/2)+"quorum both"),
	"K8-keys": func(*testing.T) error {
		text := sound
		for i := range 61 {
			text += fmt.Sprintf("witness more%d %s\n", i, cosigner(fmt.Sprintf("more%d.example", i)))
		}
		return newPolicy(text)
	},
	"K8-groups":       pinned("quorum both", nested(65)+"quorum both"),
	"K8-one-log":      pinned("witness w1", "log "+vkey("example.net/log", keytrans.CosignatureMLDSA44)+"\nwitness w1"),
	"K8-log-key":      pinned("witness w1", "log "+cosigner("example.org/log")+"\nwitness w1"),
	"K8-cosigner-key": pinned(cosigner("w1.example"), vkey("w1.example", keytrans.Ed25519)),
	"K8-own-log":      params(func(p *keytrans.PolicyParams) { p.Own = []byte(sound) }),
	"K8-collision":    collide,
	"K12-ed25519":     pinned("log "+vkey("example.org/log", keytrans.Ed25519), "log "+vkey("example.org/log", keytrans.CosignatureMLDSA44)),
	"K8-vkey":         key("example.org+0+AQ"),
	"K8-key-name":     rawKey("example org", keytrans.Ed25519, 32),
	"K8-key-hash":     key(vkeyOf("example.org", byte(keytrans.Ed25519), 32)),
	"K8-ed25519-key":  rawKey("example.org", keytrans.Ed25519, 31),
	"K8-mldsa-key":    rawKey("example.org", keytrans.CosignatureMLDSA44, 1311),
	"K8-algorithm":    rawKey("example.org", 2, 32),

	"policy-leaf": changed(func(l *logtest.Log, p *keytrans.Policy) keytrans.Leaf { return keytrans.Bundle{} }, (*keytrans.Policy).ChangePolicy),
	"policy-number": changed(func(l *logtest.Log, p *keytrans.Policy) keytrans.Leaf {
		return keytrans.PolicyChange{Number: 3, Text: p.Params().Text}
	}, (*keytrans.Policy).ChangePolicy),
	"policy-log": changed(func(l *logtest.Log, p *keytrans.Policy) keytrans.Leaf {
		return keytrans.PolicyChange{Number: 2, Text: []byte(logtest.NewMLDSA("example.org/log").PolicyText())}
	}, (*keytrans.Policy).ChangePolicy),
	"policy-quorum": changed(func(l *logtest.Log, p *keytrans.Policy) keytrans.Leaf {
		return keytrans.PolicyChange{Number: 2, Text: p.Params().Text}
	}, underAnother((*keytrans.Policy).ChangePolicy)),
	"policy-succession": changed(func(l *logtest.Log, p *keytrans.Policy) keytrans.Leaf { return keytrans.Bundle{} }, (*keytrans.Policy).Succeed),
	"policy-old-quorum": changed(succession("example.net/log"), underAnother((*keytrans.Policy).Succeed)),
	"policy-same-log":   changed(succession("example.org/log"), (*keytrans.Policy).Succeed),
}

// collide has a person's own policy name a key that has the name and the hash of one of the
// log's policy. Such a key takes 2^32 trials to find; that of the log's policy is given the
// hash instead, which its own parser would refuse.
func collide(t *testing.T) error {
	return keytrans.CollidingPolicy(cosigner("w1.example"), cosigner("own.example"))
}

func succession(origin string) func(*logtest.Log, *keytrans.Policy) keytrans.Leaf {
	return func(*logtest.Log, *keytrans.Policy) keytrans.Leaf {
		next := logtest.New(origin)
		return keytrans.Succession{Text: []byte(next.PolicyText()), VRFKey: [32]byte(next.VRF.Public().Bytes())}
	}
}

// changed has a log announce something, and a client act on the record of it.
func changed(leaf func(*logtest.Log, *keytrans.Policy) keytrans.Leaf, act func(*keytrans.Policy, *keytrans.Record) (*keytrans.Policy, error)) func(*testing.T) error {
	return func(t *testing.T) error {
		l := newLog()
		index := l.Append(leaf(l, l.Policy))
		root := l.Root(start)
		r, err := keytrans.VerifyRecord(l.Record(index, root, start), l.Policy, nil, start)
		ok(t, err)
		_, err = act(l.Policy, r)
		return err
	}
}

// underAnother has an act done on a policy that is equal to the one by which the record was
// verified, but is not that one.
func underAnother(act func(*keytrans.Policy, *keytrans.Record) (*keytrans.Policy, error)) func(*keytrans.Policy, *keytrans.Record) (*keytrans.Policy, error) {
	return func(p *keytrans.Policy, r *keytrans.Record) (*keytrans.Policy, error) {
		other, err := keytrans.NewPolicy(p.Params())
		if err != nil {
			return nil, err
		}
		return act(other, r)
	}
}
