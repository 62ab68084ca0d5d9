// SPDX-License-Identifier: Apache-2.0

package keytrans_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/logtest"
)

// lieHead has the log show alice's entry under a head that is changed by change.
func lieHead(change func(*logtest.Log, *keytrans.UnverifiedHead)) func(*testing.T) error {
	return func(t *testing.T) error {
		l := newLog()
		u := l.NewestHead(start)
		change(l, u)
		_, err := ask(keytrans.Query{Name: alice}, l.Lookup(alice, u), l.Policy, start)
		return err
	}
}

// lieText is like lieHead for the signed text alone. The log and all cosigners sign the text
// that change returns.
func lieText(change func(text string) string) func(*testing.T) error {
	return lieHead(func(l *logtest.Log, u *keytrans.UnverifiedHead) {
		u.Checkpoint = signText(change(l.Checkpoint(3).Text()), start.Unix(), append(l.Cosigners(), l.Keys...))
	})
}

// headBy returns what the log's clients say of a head that was signed by sign, however old it is.
func headBy(sign func(l *logtest.Log) []byte) func(*testing.T) error {
	return func(*testing.T) error {
		l := newLog()
		u := l.NewestHead(start)
		u.Checkpoint = sign(l)
		_, err := l.Policy.VerifyHead(u, nil, start)
		return err
	}
}

// headAt is headBy for a head that all cosigned at a time.
func headAt(at int64) func(*testing.T) error {
	return headBy(func(l *logtest.Log) []byte {
		return signText(l.Checkpoint(3).Text(), at, append(l.Cosigners(), l.Keys...))
	})
}

// cosignedAt has the head cosigned by all at a time.
func cosignedAt(at time.Time) func(*testing.T) error {
	return lieHead(func(l *logtest.Log, u *keytrans.UnverifiedHead) { *u = *l.NewestHead(at) })
}

// grow has a client hold a head of log, and then look at the head that next returns.
func grow(next func(l *logtest.Log) *keytrans.UnverifiedHead) func(*testing.T) error {
	return func(t *testing.T) error {
		l := newLog()
		held, err := l.Policy.VerifyHead(l.NewestHead(start), nil, start)
		ok(t, err)
		u := next(l)
		_, err = ask(keytrans.Query{Name: alice, Held: held}, l.Lookup(alice, u), l.Policy, start)
		return err
	}
}

var headViolations = map[string]func(*testing.T) error{
	// Last week's root under today's head, with every signature valid.
	"K1-last": func(*testing.T) error {
		l := newLog()
		stale := l.Lookup(alice, nil) // with the device that alice revokes
		root := int64(len(l.Leaves)) - 1
		l.Mutate(alice, keytrans.KindRevokeDevice)
		l.Root(start)
		stale.Head = l.NewestHead(start)
		stale.Head.Root, stale.Head.Inclusion = l.Leaves[root], l.Inclusion(int64(len(l.Leaves)), root)
		_, err := ask(keytrans.Query{Name: alice}, stale, l.Policy, start)
		return err
	},
	"K1-kind": lieHead(func(l *logtest.Log, u *keytrans.UnverifiedHead) {
		l.Append(keytrans.Release{Version: "1"})
		*u = *l.NewestHead(start)
	}),
	"K1-empty": func(*testing.T) error {
		l := logtest.New("example.org/log")
		u := &keytrans.UnverifiedHead{Checkpoint: l.Sign(l.Checkpoint(0), start, l.Cosigners()...)}
		_, err := l.Policy.VerifyHead(u, nil, start)
		return err
	},
	// The log shows one client another VRF key or policy than other clients.
	"K3-config": lieHead(func(l *logtest.Log, u *keytrans.UnverifiedHead) {
		l.Config = keytrans.Hash{1}
		l.Root(start)
		*u = *l.NewestHead(start)
	}),
	// The log's key and all cosigners sign for another log.
	"K3-origin": lieText(func(text string) string { return strings.Replace(text, "example.org", "example.net", 1) }),

	"K7-stale": cosignedAt(start.Add(-25 * time.Hour)),
	"K7-ahead": headAt(start.Add(25 * time.Hour).Unix()),
	"K7-zero":  headAt(0), // which the tlog-cosignature specification allows
	"K7-clock": func(t *testing.T) error {
		l := newLog()
		head, err := l.Policy.VerifyHead(l.NewestHead(start), nil, start)
		ok(t, err)
		_, err = head.Freshness(start.Add(-25 * time.Hour))
		return err
	},
	"K8-quorum": headBy(func(l *logtest.Log) []byte { return l.Sign(l.Checkpoint(3), start, l.Witnesses...) }), // no auditor
	"K8-own": func(t *testing.T) error {
		l := newLog()
		params := l.Policy.Params()
		params.Own = []byte("witness mine " + logtest.Key("own.example", keytrans.CosignatureEd25519).Verifier().String() + "\nquorum mine\n")
		own, err := keytrans.NewPolicy(params)
		ok(t, err)
		_, err = own.VerifyHead(l.NewestHead(start), nil, start)
		return err
	},

	"K11-lines":  lieText(func(text string) string { return text + "extension\n" }),
	"K11-origin": lieText(func(text string) string { return strings.Replace(text, "example.org/log", "example.org log", 1) }),
	"K11-size":   lieText(func(text string) string { return strings.Replace(text, "\n3\n", "\n03\n", 1) }),
	"K11-hash":   lieText(func(text string) string { return strings.Replace(text, "=\n", "\n", 1) }),
	"K11-length": func(*testing.T) error {
		l := newLog()
		note := l.NewestHead(start).Checkpoint
		note = append(note, bytes.Repeat([]byte("— unknown.example AAAAAAAA\n"), keytrans.MaxCheckpoint/20)...)
		_, err := l.Policy.OpenCheckpoint(note)
		return err
	},
	"K12-unsigned": lieHead(func(l *logtest.Log, u *keytrans.UnverifiedHead) {
		stranger := logtest.Key("stranger.example", keytrans.CosignatureEd25519)
		l.Keys = []*keytrans.SignerKey{stranger}
		note, err := keytrans.SignCheckpoint(keytrans.Checkpoint{Origin: "example.org/log", Size: 3, Hash: l.Checkpoint(3).Hash}, start, stranger)
		if err != nil {
			panic(err)
		}
		u.Checkpoint = note
	}),
	// The cosigners signed, the log did not.
	"K12-log": lieHead(func(l *logtest.Log, u *keytrans.UnverifiedHead) {
		note, err := keytrans.SignCheckpoint(l.Checkpoint(3), start, l.Cosigners()...)
		if err != nil {
			panic(err)
		}
		u.Checkpoint = note
	}),
	"K12-signature": lieHead(func(l *logtest.Log, u *keytrans.UnverifiedHead) {
		u.Checkpoint = bytes.Replace(u.Checkpoint, []byte("\n3\n"), []byte("\n4\n"), 1)
	}),

	// Two trees of one size, and what else a log shows that does not extend what it showed before.
	"fork": grow(func(l *logtest.Log) *keytrans.UnverifiedHead {
		other := logtest.New("example.org/log")
		other.Mutate(alice, keytrans.KindCreate, keytrans.KindAddDevice)
		other.Mutate(bob, keytrans.KindCreate)
		other.Root(start)
		*l = *other
		return other.NewestHead(start)
	}),
	"growth-size": grow(func(*logtest.Log) *keytrans.UnverifiedHead {
		shorter := logtest.New("example.org/log")
		shorter.Mutate(alice, keytrans.KindCreate)
		shorter.Root(start)
		return shorter.NewestHead(start)
	}),
	"growth-proof": grow(func(l *logtest.Log) *keytrans.UnverifiedHead {
		other := logtest.New("example.org/log")
		other.Mutate(alice, keytrans.KindCreate, keytrans.KindAddDevice)
		other.Mutate(bob, keytrans.KindCreate)
		other.Root(start)
		other.Mutate(alice, keytrans.KindAddDevice)
		other.Root(start)
		*l = *other
		return other.Head(5, 3, start)
	}),
	"growth-needless": grow(func(l *logtest.Log) *keytrans.UnverifiedHead {
		u := l.NewestHead(start)
		u.Growth = l.Inclusion(3, 0)
		return u
	}),
	"growth-origin": func(t *testing.T) error {
		l, other := newLog(), fill(logtest.New("example.net/log"))
		a, err := l.Policy.OpenCheckpoint(l.NewestHead(start).Checkpoint)
		ok(t, err)
		b, err := other.Policy.OpenCheckpoint(other.NewestHead(start).Checkpoint)
		ok(t, err)
		return keytrans.VerifyGrowth(a, b, nil)
	},
}

// TestForksAreEvidence shows a fork to somebody who has nothing but the policy.
func TestForksAreEvidence(t *testing.T) {
	l := newLog()
	err := headViolations["fork"](t)
	fork, isFork := errors.AsType[*keytrans.ForkError](err)
	if !isFork {
		t.Fatal(err)
	}
	a, err := l.Policy.OpenCheckpoint(fork.A)
	ok(t, err)
	b, err := l.Policy.OpenCheckpoint(fork.B)
	ok(t, err)
	if keytrans.BrokenRule(keytrans.CheckFork(a, b)) != "fork" {
		t.Error("the evidence does not convince")
	}
	if keytrans.CheckFork(a, a) != nil {
		t.Error("a checkpoint contradicts itself")
	}
	// A proof of growth that is damaged is no evidence, and is not called a fork.
	if _, isFork := errors.AsType[*keytrans.ForkError](headViolations["growth-proof"](t)); isFork {
		t.Error("a missing proof is called a fork")
	}
}

// TestDamagedHeadsAreNoForks changes each byte of a stored head. A client whose store is damaged must
// not accuse the log of a fork, and must not take the head for another.
func TestDamagedHeadsAreNoForks(t *testing.T) {
	l := newLog()
	head, err := l.Policy.VerifyHead(l.NewestHead(start), nil, start)
	ok(t, err)
	stored := head.Marshal()
	for i := range stored {
		damaged := bytes.Clone(stored)
		damaged[i] ^= 1 << (i % 8)
		u, err := keytrans.ParseHead(damaged)
		if err != nil {
			continue
		}
		again, err := l.Policy.VerifyHead(u, head, start)
		if _, isFork := errors.AsType[*keytrans.ForkError](err); isFork {
			t.Fatalf("byte %d: damage is called a fork", i)
		}
		if err == nil && again.Checkpoint() != head.Checkpoint() {
			t.Fatalf("byte %d: a damaged head is accepted", i)
		}
	}
}
