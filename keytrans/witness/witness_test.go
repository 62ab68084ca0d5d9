// SPDX-License-Identifier: Apache-2.0

package witness_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/logtest"
	"github.com/securecrypt/securecrypt/keytrans/witness"
)

var start = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newWitness returns a witness of two keys that knows the log.
func newWitness(l *logtest.Log, store witness.Store) *witness.Witness {
	return &witness.Witness{
		Keys:  []*keytrans.SignerKey{logtest.Key("w.example", keytrans.CosignatureEd25519), logtest.Key("w.example", keytrans.CosignatureMLDSA44)},
		Store: store,
		Logs: func(origin string) []*keytrans.VerifierKey {
			if origin != l.Policy.Origin() {
				return nil
			}
			return []*keytrans.VerifierKey{l.Keys[0].Verifier()}
		},
	}
}

func newLog(leaves int) *logtest.Log {
	l := logtest.New("example.org/log")
	for i := range leaves {
		l.Append(keytrans.Release{Version: fmt.Sprint(i)})
	}
	return l
}

// request asks for the checkpoint of size leaves after one of old leaves.
func request(l *logtest.Log, old, size int64) witness.Request {
	r := witness.Request{Old: old, Checkpoint: l.Sign(l.Checkpoint(size), start)}
	if 0 < old && old < size {
		r.Proof = l.Growth(size, old)
	}
	return r
}

// TestAWitnessFollowsALog has a log ask for cosignatures as it grows, and once more without
// having grown, as an idle log does.
func TestAWitnessFollowsALog(t *testing.T) {
	l, store := newLog(10), new(witness.Memory)
	w := newWitness(l, store)
	keys := []*keytrans.VerifierKey{w.Keys[0].Verifier(), w.Keys[1].Verifier()}
	old := int64(0)
	for i, size := range []int64{0, 1, 1, 7, 10, 10} {
		now := start.Add(time.Duration(i) * time.Hour)
		r := request(l, old, size)
		lines, err := w.AddCheckpoint(r.Marshal(), now)
		ok(t, err)
		if n := bytes.Count(lines, []byte("\n")); n != 2 || !bytes.HasPrefix(lines, []byte("— w.example ")) {
			t.Errorf("%d lines: %s", n, lines)
		}
		s, err := l.Policy.OpenCheckpoint(r.Checkpoint)
		ok(t, err)
		whole, err := keytrans.AddCosignatures(s, lines, keys...)
		ok(t, err)
		stored, err := store.Latest(l.Policy.Origin())
		ok(t, err)
		if !bytes.Equal(stored, whole) {
			t.Error("the witness stored another checkpoint than the log has")
		}
		old = size
	}
}

// TestStatuses compares the statuses with c2sp.org/tlog-witness. The witness has cosigned 5 leaves.
func TestStatuses(t *testing.T) {
	l := newLog(8)
	sign := func(c keytrans.Checkpoint) []byte { return l.Sign(c, start) }
	forged := l.Checkpoint(8)
	forged.Hash[0]++
	unsigned := newLog(8)
	unsigned.Keys = []*keytrans.SignerKey{logtest.Key("example.org/log", keytrans.CosignatureEd25519)}
	broken := sign(l.Checkpoint(8))
	broken = bytes.Replace(broken, []byte("\n8\n"), []byte("\n9\n"), 1)
	unknown := logtest.New("example.net/log")
	cases := []struct {
		name   string
		body   []byte
		status int
	}{
		{"growth", request(l, 5, 8).Marshal(), 200},
		{"the same again", request(l, 5, 5).Marshal(), 200},
		{"not a request", []byte("hello"), 400},
		{"an old size that is greater", witness.Request{Old: 9, Checkpoint: sign(l.Checkpoint(8))}.Marshal(), 400},
		{"an old size with a zero in front", append([]byte("old 05\n"), request(l, 5, 8).Marshal()[len("old 5\n"):]...), 400},
		{"extension lines", bytes.Replace(request(l, 5, 8).Marshal(), []byte("\n\n— "), []byte("\nextension\n\n— "), 1), 400},
		{"64 hashes", witness.Request{Old: 5, Proof: make([]tlog.Hash, 64), Checkpoint: sign(l.Checkpoint(8))}.Marshal(), 400},
		{"an unknown log", request(unknown, 0, 0).Marshal(), 404},
		{"no signature of the log", request(unsigned, 5, 8).Marshal(), 403},
		{"a broken signature", witness.Request{Old: 5, Proof: l.Growth(8, 5), Checkpoint: broken}.Marshal(), 403},
		{"another old size", request(l, 4, 8).Marshal(), 409},
		{"an old size of zero", request(l, 0, 8).Marshal(), 409},
		{"no proof", witness.Request{Old: 5, Checkpoint: sign(l.Checkpoint(8))}.Marshal(), 422},
		{"the proof of another size", witness.Request{Old: 5, Proof: l.Growth(8, 4), Checkpoint: sign(l.Checkpoint(8))}.Marshal(), 422},
		{"another tree", witness.Request{Old: 5, Proof: l.Growth(8, 5), Checkpoint: sign(forged)}.Marshal(), 422},
		{"another tree of the same size", witness.Request{Old: 5, Checkpoint: sign(keytrans.Checkpoint{Origin: forged.Origin, Size: 5, Hash: forged.Hash})}.Marshal(), 422},
		{"a proof that is not needed", witness.Request{Old: 5, Proof: l.Growth(8, 5), Checkpoint: sign(l.Checkpoint(5))}.Marshal(), 422},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			store := new(witness.Memory)
			w := newWitness(l, store)
			_, err := w.AddCheckpoint(request(l, 0, 5).Marshal(), start)
			ok(t, err)
			before, err := store.Latest(l.Policy.Origin())
			ok(t, err)
			lines, err := w.AddCheckpoint(c.body, start.Add(time.Hour))
			if got := witness.Status(err); got != c.status {
				t.Fatalf("status %d, not %d: %v", got, c.status, err)
			}
			if err == nil {
				return
			}
			if after, _ := store.Latest(l.Policy.Origin()); lines != nil || !bytes.Equal(before, after) {
				t.Error("a refused request changed the store, or has cosignatures")
			}
			if conflict, is := errors.AsType[*witness.ConflictError](err); is != (c.status == 409) || is && conflict.Size != 5 {
				t.Errorf("conflict: %v", err)
			}
		})
	}
	t.Run("a fresh witness and a proof", func(t *testing.T) {
		r := request(l, 0, 5)
		r.Proof = l.Growth(8, 5)
		_, err := newWitness(l, new(witness.Memory)).AddCheckpoint(r.Marshal(), start)
		if witness.Status(err) != 422 {
			t.Errorf("status %d: %v", witness.Status(err), err)
		}
	})
	t.Run("an empty tree with a hash", func(t *testing.T) {
		r := witness.Request{Checkpoint: sign(keytrans.Checkpoint{Origin: l.Policy.Origin(), Hash: keytrans.Hash{1}})}
		_, err := newWitness(l, new(witness.Memory)).AddCheckpoint(r.Marshal(), start)
		if witness.Status(err) != 422 {
			t.Errorf("status %d: %v", witness.Status(err), err)
		}
	})
}

// slowStore lets all requests read before one of them writes.
type slowStore struct {
	witness.Memory
	readers sync.WaitGroup
}

func (s *slowStore) Replace(origin string, old, checkpoint []byte) (bool, error) {
	s.readers.Done()
	s.readers.Wait()
	return s.Memory.Replace(origin, old, checkpoint)
}

// TestOneOfManyRequestsWins sends two trees of one size, and a shorter one, at one time.
func TestOneOfManyRequestsWins(t *testing.T) {
	l := newLog(8)
	forged := l.Checkpoint(8)
	forged.Hash[0]++
	bodies := [][]byte{request(l, 0, 8).Marshal(), request(l, 0, 5).Marshal(), witness.Request{Checkpoint: l.Sign(forged, start)}.Marshal()}
	store := new(slowStore)
	store.readers.Add(len(bodies))
	w := newWitness(l, store)
	statuses := make([]int, len(bodies))
	var all sync.WaitGroup
	for i, body := range bodies {
		all.Go(func() {
			_, err := w.AddCheckpoint(body, start)
			statuses[i] = witness.Status(err)
		})
	}
	all.Wait()
	count := map[int]int{}
	for _, s := range statuses {
		count[s]++
	}
	if count[200] != 1 || count[409] != len(bodies)-1 {
		t.Errorf("statuses %v", statuses)
	}
}

type failingStore struct {
	witness.Memory
	read, write error
}

var errDisk = errors.New("the disk fails")

func (s *failingStore) Latest(origin string) ([]byte, error) {
	if s.read != nil {
		return nil, s.read
	}
	return s.Memory.Latest(origin)
}

func (s *failingStore) Replace(origin string, old, checkpoint []byte) (bool, error) {
	if s.write != nil {
		return false, s.write
	}
	return s.Memory.Replace(origin, old, checkpoint)
}

// TestNothingIsCosignedThatIsNotStored has a store that fails.
func TestNothingIsCosignedThatIsNotStored(t *testing.T) {
	l := newLog(8)
	for _, store := range []*failingStore{{read: errDisk}, {write: errDisk}} {
		lines, err := newWitness(l, store).AddCheckpoint(request(l, 0, 8).Marshal(), start)
		if lines != nil || !errors.Is(err, errDisk) || witness.Status(err) != 500 {
			t.Errorf("status %d, %q: %v", witness.Status(err), lines, err)
		}
	}
	damaged := new(witness.Memory)
	if _, err := damaged.Replace(l.Policy.Origin(), nil, []byte("damaged")); err != nil {
		t.Fatal(err)
	}
	if lines, err := newWitness(l, damaged).AddCheckpoint(request(l, 0, 8).Marshal(), start); lines != nil || err == nil {
		t.Errorf("with a damaged store: %v", err)
	}
}

func TestRequestOfTheSpecification(t *testing.T) {
	// From c2sp.org/tlog-witness, with the signatures left out.
	const body = "old 20852014\n" +
		"PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n" +
		"jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n" +
		"5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n" +
		"/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n" +
		"\nexample.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
	r, err := witness.ParseRequest([]byte(body))
	ok(t, err)
	if r.Old != 20852014 || len(r.Proof) != 4 || !strings.HasPrefix(string(r.Checkpoint), "example.com/") || string(r.Marshal()) != body {
		t.Errorf("decoded as %+v", r)
	}
	if got := witness.CheckpointPath("example.com/behind-the-sofa"); len(got) != 64+len("/checkpoint") || strings.ToLower(got) != got {
		t.Errorf("the path is %s", got)
	}
	if got := string(witness.ConflictBody(&witness.ConflictError{Size: 20852014})); got != "20852014\n" {
		t.Errorf("the body of a conflict is %q", got)
	}
	for body, want := range map[string]int64{"0\n": 0, "12\n": 12, "12": -1, "012\n": -1, "-1\n": -1, "\n": -1, "+1\n": -1} {
		e, err := witness.ParseConflict([]byte(body))
		if (err == nil) != (want >= 0) || err == nil && e.Size != want {
			t.Errorf("%q: %v, %v", body, e, err)
		}
	}
}

func FuzzRequest(f *testing.F) {
	l := newLog(8)
	w := newWitness(l, new(witness.Memory))
	f.Add(request(l, 5, 8).Marshal())
	f.Add(request(l, 0, 5).Marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := witness.ParseRequest(b)
		if err != nil {
			return
		}
		if !bytes.Equal(r.Marshal(), b) {
			t.Error("a request has two encodings")
		}
		if _, err := w.AddCheckpoint(b, start); err != nil && witness.Status(err) == 500 {
			t.Errorf("the witness fails: %v", err)
		}
	})
}
