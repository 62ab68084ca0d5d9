// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/audit"
	"github.com/securecrypt/securecrypt/keytrans/logtest"
)

var start = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func ok(t interface {
	Helper()
	Fatal(...any)
}, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// actor is an honest account: it does what may be done next.
type actor struct {
	name      string
	exists    bool
	ended     bool
	requested time.Time // of the pending reset
}

// act draws what the account does at a time.
func (a *actor) act(t *rapid.T, l *logtest.Log, now time.Time) {
	kinds := []keytrans.Kind{keytrans.KindAddDevice, keytrans.KindRevokeDevice, keytrans.KindRotateRecovery}
	switch {
	case a.ended:
		return
	case !a.exists:
		kinds = []keytrans.Kind{keytrans.KindCreate}
	case a.requested.IsZero():
		kinds = append(kinds, keytrans.KindResetRequest, keytrans.KindMove, keytrans.KindClose)
	case now.Sub(a.requested) >= keytrans.ResetWait:
		kinds = append(kinds, keytrans.KindResetCommit, keytrans.KindResetVeto)
	default:
		kinds = append(kinds, keytrans.KindResetVeto)
	}
	kind := rapid.SampledFrom(kinds).Draw(t, "kind")
	switch kind {
	case keytrans.KindCreate:
		a.exists = true
	case keytrans.KindMove, keytrans.KindClose:
		a.ended = true
	case keytrans.KindResetRequest:
		a.requested = now
	case keytrans.KindResetCommit, keytrans.KindResetVeto:
		a.requested = time.Time{}
	}
	l.Mutate(a.name, kind)
}

// TestHonestLogsPass lets honest accounts act on a log, and an auditor follow it in random
// portions, with restarts between them. It must accept every head, and end with the
// log's own map.
func TestHonestLogsPass(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, store, now := logtest.New("example.org/log"), new(audit.Memory), start
		actors := make([]*actor, 4)
		for i := range actors {
			actors[i] = &actor{name: fmt.Sprintf("name%d@example.org", i)}
		}
		r := audit.New(l.Policy, store, 0)
		var seen time.Time
		for range rapid.IntRange(1, 8).Draw(t, "heads") {
			for range rapid.IntRange(1, 3).Draw(t, "roots") {
				now = now.Add(time.Duration(rapid.IntRange(0, 50).Draw(t, "hours")) * time.Hour)
				for range rapid.IntRange(0, 5).Draw(t, "acts") {
					rapid.SampledFrom(actors).Draw(t, "actor").act(t, l, now)
				}
				if rapid.Bool().Draw(t, "release") {
					l.Append(keytrans.Release{Version: "1"})
				}
				l.Root(now)
			}
			r.Follow(seen, now)
			for _, leaf := range l.Leaves[r.Size():] {
				ok(t, r.Add(leaf))
			}
			signed, err := l.Policy.OpenCheckpoint(l.Sign(l.Checkpoint(int64(len(l.Leaves))), now))
			ok(t, err)
			ok(t, r.Check(signed))
			if r.Map().Root() != l.Map.Root() || r.Map().Size() != l.Map.Size() {
				t.Fatal("the auditor has another map")
			}
			seen = now
			if rapid.Bool().Draw(t, "restart") {
				ok(t, r.Flush(store.Save))
				r, err = audit.Resume(store.Last.State, store.Last.Policy, store, 0)
				ok(t, err)
			}
		}
	})
}

// TestSpanSurvivesFlush stores a replay in the middle of a span: it goes on after its last root.
func TestSpanSurvivesFlush(t *testing.T) {
	l, store := logtest.New("example.org/log"), new(audit.Memory)
	l.Mutate("a@example.org", keytrans.KindCreate)
	l.Root(start)
	l.Mutate("b@example.org", keytrans.KindCreate)
	l.Mutate("b@example.org", keytrans.KindResetRequest)
	r := audit.New(l.Policy, store, 0)
	r.Follow(time.Time{}, start)
	for _, leaf := range l.Leaves {
		ok(t, r.Add(leaf))
	}
	ok(t, r.Flush(store.Save))
	l.Root(start)
	resumed, err := audit.Resume(store.Last.State, store.Last.Policy, store, 0)
	ok(t, err)
	if resumed.Size() != 2 {
		t.Fatalf("resumed after %d leaves", resumed.Size())
	}
	for _, replay := range []*audit.Replay{r, resumed} {
		replay.Follow(start, start)
		for _, leaf := range l.Leaves[replay.Size():] {
			ok(t, replay.Add(leaf))
		}
		if replay.Map().Root() != l.Map.Root() {
			t.Error("the map is another")
		}
	}
	// The pending reset is known to both.
	ok(t, resumed.Flush(store.Save))
	if _, pending, err := store.ResetTime(l.Label("b@example.org")); err != nil || !pending {
		t.Errorf("the reset is not stored: %v", err)
	}
}

func TestPolicyChangesAreFollowed(t *testing.T) {
	l, store := logtest.New("example.org/log"), new(audit.Memory)
	l.Root(start)
	change := keytrans.PolicyChange{Number: 2, Text: append(l.Policy.Params().Text, "# new\n"...)}
	next, err := l.Policy.WithChange(change)
	ok(t, err)
	l.Append(change)
	l.Root(start) // still of the old configuration
	l.Config = next.Config().Hash()
	l.Root(start)
	r := audit.New(l.Policy, store, 0)
	r.Follow(time.Time{}, start)
	for _, leaf := range l.Leaves[:3] {
		ok(t, r.Add(leaf))
	}
	ok(t, r.Flush(store.Save))
	if store.Last.Policy.Config() != next.Config() {
		t.Error("the policy that is stored is not the new one")
	}
	resumed, err := audit.Resume(store.Last.State, store.Last.Policy, store, 0)
	ok(t, err)
	resumed.Follow(start, start)
	ok(t, resumed.Add(l.Leaves[3]))
	ok(t, r.Add(l.Leaves[3]))
}

// TestReplayEndsWithAViolation shows that nothing is accepted or stored after one.
func TestReplayEndsWithAViolation(t *testing.T) {
	l, store := logtest.New("example.org/log"), new(audit.Memory)
	l.Root(start)
	r := audit.New(l.Policy, store, 0)
	r.Follow(time.Time{}, start)
	first := r.Add([]byte{0xff})
	if !errors.Is(first, keytrans.ErrMalformed) {
		t.Fatalf("a leaf that is none: %v", first)
	}
	if err := r.Add(l.Leaves[0]); !errors.Is(err, first) {
		t.Errorf("after it: %v", err)
	}
	signed, err := l.Policy.OpenCheckpoint(l.Sign(l.Checkpoint(1), start))
	ok(t, err)
	if err := r.Check(signed); !errors.Is(err, first) {
		t.Errorf("the checkpoint: %v", err)
	}
	if err := r.Flush(store.Save); err == nil || store.Last.State != nil {
		t.Error("a replay that failed is stored")
	}
}

type failingStore struct{ audit.Memory }

var errDisk = errors.New("the disk fails")

func (*failingStore) Value(keytrans.Label) (keytrans.Hash, bool, error) {
	return keytrans.Hash{}, false, errDisk
}

func TestFailingStores(t *testing.T) {
	l := logtest.New("example.org/log")
	l.Mutate("a@example.org", keytrans.KindCreate)
	l.Root(start)
	r := audit.New(l.Policy, new(failingStore), 0)
	if err := r.Add(l.Leaves[0]); !errors.Is(err, errDisk) || keytrans.BrokenRule(err) != "" {
		t.Errorf("a store that does not read: %v", err)
	}
	// What could not be stored is stored the next time.
	store := new(audit.Memory)
	r = audit.New(l.Policy, store, 0)
	r.Follow(time.Time{}, start)
	for _, leaf := range l.Leaves {
		ok(t, r.Add(leaf))
	}
	if err := r.Flush(func(audit.Changes) error { return errDisk }); !errors.Is(err, errDisk) {
		t.Errorf("a store that does not write: %v", err)
	}
	ok(t, r.Flush(store.Save))
	_, err := audit.Resume(store.Last.State, store.Last.Policy, store, 0)
	ok(t, err)
}

// FuzzState has Resume decode what a store returns.
func FuzzState(f *testing.F) {
	l, store := logtest.New("example.org/log"), new(audit.Memory)
	l.Mutate("a@example.org", keytrans.KindCreate)
	l.Root(start)
	r := audit.New(l.Policy, store, 0)
	r.Follow(time.Time{}, start)
	for _, leaf := range l.Leaves {
		if err := r.Add(leaf); err != nil {
			f.Fatal(err)
		}
	}
	if err := r.Flush(store.Save); err != nil {
		f.Fatal(err)
	}
	f.Add(store.Last.State)
	f.Fuzz(func(t *testing.T, b []byte) {
		resumed, err := audit.Resume(b, l.Policy, store, 0)
		if err != nil {
			return
		}
		if resumed.Map().Root() != l.Map.Root() {
			t.Error("resumed with another map")
		}
	})
}

// FuzzReplay adds any leaf to an honest log.
func FuzzReplay(f *testing.F) {
	l := logtest.New("example.org/log")
	l.Mutate("a@example.org", keytrans.KindCreate)
	l.Root(start)
	honest := l.Leaves
	l.Mutate("a@example.org", keytrans.KindResetRequest)
	f.Add(l.Leaves[2])
	l.Root(start)
	f.Add(l.Leaves[3])
	f.Fuzz(func(t *testing.T, leaf []byte) {
		r := audit.New(l.Policy, new(audit.Memory), 0)
		r.Follow(time.Time{}, start)
		for _, b := range honest {
			ok(t, r.Add(b))
		}
		_ = r.Add(leaf)
	})
}

var writeGolden = flag.Bool("audit.golden", false, "write the golden file if it does not exist")

// TestGoldenState resumes a replay from a stored state.
func TestGoldenState(t *testing.T) {
	l, store := logtest.New("example.org/log"), new(audit.Memory)
	l.Mutate("a@example.org", keytrans.KindCreate)
	l.Root(start)
	r := audit.New(l.Policy, store, 0)
	r.Follow(time.Time{}, start)
	for _, leaf := range l.Leaves {
		ok(t, r.Add(leaf))
	}
	ok(t, r.Flush(store.Save))
	path := filepath.Join("testdata", "golden", "state")
	kept, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && *writeGolden {
		ok(t, os.WriteFile(path, store.Last.State, 0o644))
		return
	}
	ok(t, err)
	if !bytes.Equal(kept, store.Last.State) {
		t.Errorf("the state is %x", store.Last.State)
	}
	resumed, err := audit.Resume(kept, l.Policy, store, 0)
	ok(t, err)
	if resumed.Size() != 2 || resumed.Map().Root() != l.Map.Root() {
		t.Error("resumed in another state")
	}
	for i := range kept {
		if _, err := audit.Resume(kept[:i], l.Policy, store, 0); !errors.Is(err, keytrans.ErrMalformed) {
			t.Errorf("truncated at %d: %v", i, err)
		}
	}
}
