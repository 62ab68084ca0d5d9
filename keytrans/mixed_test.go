// SPDX-License-Identifier: Apache-2.0

package keytrans_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/logtest"
)

// A moment is what a log could truly answer after one of its roots.
type moment struct {
	size    int64
	at      time.Time
	head    *keytrans.UnverifiedHead
	answers map[string]*keytrans.UnverifiedProof
}

// history lets a log run for some roots, and returns each moment. Accounts come, change and end.
func history(t *rapid.T, l *logtest.Log, names []string) []moment {
	var moments []moment
	now := start
	for range rapid.IntRange(2, 4).Draw(t, "roots") {
		for _, name := range names {
			value, exists := l.Values[l.Label(name)]
			switch {
			case !rapid.Bool().Draw(t, "acts"), exists && value.State != keytrans.Active:
			case !exists:
				l.Mutate(name, keytrans.KindCreate)
			default:
				l.Mutate(name, rapid.SampledFrom([]keytrans.Kind{keytrans.KindAddDevice, keytrans.KindClose}).Draw(t, "kind"))
			}
		}
		now = now.Add(time.Minute)
		l.Root(now)
		m := moment{size: int64(len(l.Leaves)), at: now, head: l.NewestHead(now), answers: make(map[string]*keytrans.UnverifiedProof)}
		for _, name := range names {
			m.answers[name] = l.Lookup(name, m.head)
		}
		moments = append(moments, m)
	}
	return moments
}

// TestMixedAnswersAreRefused has a log make answers of parts that are each true: of other names, of
// other moments, and of another log of the same keys that forked from it. An answer that is accepted
// must be the true one of its moment.
func TestMixedAnswersAreRefused(t *testing.T) {
	names := []string{alice, bob, carol}
	accepted, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		l := logtest.New("example.org/log")
		moments := history(t, l, names)
		fork := logtest.New("example.org/log")
		forked := history(t, fork, names)
		all := append(append([]moment{}, moments...), forked...)
		for range 20 {
			if acceptMixture(t, l.Policy, all, names) {
				accepted++
			} else {
				refused++
			}
		}
	})
	if accepted == 0 || refused == 0 {
		t.Errorf("%d answers were accepted, %d refused", accepted, refused)
	}
	t.Logf("%d accepted, %d refused", accepted, refused)
}

// acceptMixture draws an answer and reports whether it is accepted. It fails if an answer is that is not true.
func acceptMixture(t *rapid.T, policy *keytrans.Policy, all []moment, names []string) bool {
	pick := func(what string) *keytrans.UnverifiedProof {
		m := rapid.SampledFrom(all).Draw(t, what+" at")
		return m.answers[rapid.SampledFrom(names).Draw(t, what+" of")]
	}
	// Most parts are those of one answer, so that some mixtures are nearly true.
	base := pick("base")
	part := func(what string) *keytrans.UnverifiedProof {
		if rapid.IntRange(0, 5).Draw(t, what+" is mixed") > 0 {
			return base
		}
		return pick(what)
	}
	u := &keytrans.UnverifiedProof{
		Head: &keytrans.UnverifiedHead{
			Checkpoint: part("checkpoint").Head.Checkpoint, Root: part("root").Head.Root, Inclusion: part("inclusion").Head.Inclusion,
		},
		VRFProof: part("vrf").VRFProof, Value: part("value").Value, Path: part("path").Path,
	}
	name := rapid.SampledFrom(names).Draw(t, "name")
	entry, err := ask(keytrans.Query{Name: name}, u, policy, start)
	if err != nil {
		return false
	}
	for _, m := range all {
		if string(m.head.Checkpoint) != string(u.Head.Checkpoint) {
			continue
		}
		answer := m.answers[name]
		value, there := entry.Value()
		if there != (answer.Value != nil) || there && value != *answer.Value || entry.Head().Size() != m.size {
			t.Fatalf("of %s was accepted what the log does not have", name)
		}
		return true
	}
	t.Fatal("a head was accepted that no log signed")
	return false
}
