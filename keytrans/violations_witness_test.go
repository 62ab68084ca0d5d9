// SPDX-License-Identifier: Apache-2.0

package keytrans_test

import (
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/logtest"
	"github.com/securecrypt/securecrypt/keytrans/witness"
)

// witnessed has a witness that knows the log of newLog, of 3 leaves, get a request.
func witnessed(request func(*logtest.Log) witness.Request) func(*testing.T) error {
	return func(t *testing.T) error {
		l := newLog()
		keys := []*keytrans.VerifierKey{l.Keys[0].Verifier()}
		w := &witness.Witness{Keys: l.Witnesses[:1], Store: new(witness.Memory), Logs: func(origin string) []*keytrans.VerifierKey {
			if origin != l.Policy.Origin() {
				return nil
			}
			return keys
		}}
		_, err := w.AddCheckpoint(witness.Request{Checkpoint: l.Sign(l.Checkpoint(3), start)}.Marshal(), start)
		ok(t, err)
		_, err = w.AddCheckpoint(request(l).Marshal(), start)
		return err
	}
}

// answered has a witness answer a log with lines.
func answered(lines func(*logtest.Log) []byte) func(*testing.T) error {
	return func(t *testing.T) error {
		l := newLog()
		s, err := l.Policy.OpenCheckpoint(l.Sign(l.Checkpoint(3), start))
		ok(t, err)
		_, err = keytrans.AddCosignatures(s, lines(l), l.Witnesses[0].Verifier())
		return err
	}
}

var witnessViolations = map[string]func(*testing.T) error{
	"witness-log": witnessed(func(*logtest.Log) witness.Request {
		other := fill(logtest.New("example.net/log"))
		return witness.Request{Checkpoint: other.Sign(other.Checkpoint(3), start)}
	}),
	"witness-order": witnessed(func(l *logtest.Log) witness.Request {
		return witness.Request{Old: 3, Checkpoint: l.Sign(l.Checkpoint(2), start)}
	}),
	// A log that starts again from nothing.
	"witness-old": witnessed(func(l *logtest.Log) witness.Request {
		l.Root(start)
		return witness.Request{Checkpoint: l.Sign(l.Checkpoint(4), start)}
	}),
	"witness-empty": func(t *testing.T) error {
		l := newLog()
		w := &witness.Witness{Keys: l.Witnesses[:1], Store: new(witness.Memory), Logs: func(string) []*keytrans.VerifierKey {
			return []*keytrans.VerifierKey{l.Keys[0].Verifier()}
		}}
		c := keytrans.Checkpoint{Origin: l.Policy.Origin(), Hash: keytrans.Hash{1}}
		_, err := w.AddCheckpoint(witness.Request{Checkpoint: l.Sign(c, start)}.Marshal(), start)
		return err
	},
	// Two trees of one size: the witness cosigns the first.
	"growth-hash": witnessed(func(l *logtest.Log) witness.Request {
		c := l.Checkpoint(3)
		c.Hash[0]++
		return witness.Request{Old: 3, Checkpoint: l.Sign(c, start)}
	}),
	"answer-length": answered(func(*logtest.Log) []byte { return make([]byte, keytrans.MaxCheckpoint+1) }),
	"answer-cosignature": answered(func(l *logtest.Log) []byte {
		s, err := l.Policy.OpenCheckpoint(l.Sign(l.Checkpoint(2), start))
		if err != nil {
			panic(err)
		}
		lines, err := keytrans.CosignatureLines(s, start, l.Witnesses[0]) // of another checkpoint
		if err != nil {
			panic(err)
		}
		return lines
	}),
}

// TestGrowthOfCheckpoints compares all pairs of sizes of a log, with the right proof and with
// one for another size.
func TestGrowthOfCheckpoints(t *testing.T) {
	l := logtest.New("example.org/log")
	const size = 20
	for range size {
		l.Append(keytrans.Bundle{})
	}
	for newer := range int64(size + 1) {
		for older := range newer + 1 {
			var proof []tlog.Hash
			if 0 < older && older < newer {
				proof = l.Growth(newer, older)
			}
			ok(t, l.Checkpoint(older).CheckGrowth(l.Checkpoint(newer), proof))
			if older == 0 || older == newer {
				continue
			}
			c := l.Checkpoint(newer)
			c.Hash[0]++
			if keytrans.BrokenRule(l.Checkpoint(older).CheckGrowth(c, proof)) != "growth-proof" {
				t.Errorf("another tree of %d leaves is taken to extend %d", newer, older)
			}
			c = l.Checkpoint(older)
			c.Hash[0]++
			if keytrans.BrokenRule(c.CheckGrowth(l.Checkpoint(newer), proof)) != "growth-proof" {
				t.Errorf("%d leaves are taken to extend another tree of %d", newer, older)
			}
		}
	}
}
