// SPDX-License-Identifier: Apache-2.0

package keytrans_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/logtest"
)

// start is the time at which the logs of these tests begin.
var start = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

const (
	alice = "alice@example.org"
	bob   = "bob@example.org"
	carol = "carol@example.org"
)

// newLog returns a log with alice and bob under its first root.
func newLog() *logtest.Log { return fill(logtest.New("example.org/log")) }

func fill(l *logtest.Log) *logtest.Log {
	l.Mutate(alice, keytrans.KindCreate)
	l.Mutate(bob, keytrans.KindCreate, keytrans.KindAddDevice)
	l.Root(start)
	return l
}

// ask parses what a log answers to a query, and verifies it.
func ask(q keytrans.Query, u *keytrans.UnverifiedProof, p *keytrans.Policy, now time.Time) (*keytrans.Entry, error) {
	parsed, err := q.Parse(u.Marshal())
	if err != nil {
		return nil, err
	}
	return keytrans.Verify(parsed, p, now)
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLookup(t *testing.T) {
	for name, l := range map[string]*logtest.Log{"Ed25519": newLog(), "ML-DSA-44": fill(logtest.NewMLDSA("example.org/log"))} {
		t.Run(name, func(t *testing.T) {
			entry, err := ask(keytrans.Query{Name: alice}, l.Lookup(alice, l.NewestHead(start)), l.Policy, start)
			ok(t, err)
			value, there := entry.Value()
			if !there || value != l.Values[l.Label(alice)] || entry.Label() != l.Label(alice) || entry.Name() != alice {
				t.Error("the entry is not alice's")
			}
			ok(t, entry.CheckOwn(value))
			ok(t, entry.CheckChain(value.Head, 1))

			// The next lookup stands under the head that the client holds.
			held := entry.Head()
			entry, err = ask(keytrans.Query{Name: carol, Held: held}, l.Lookup(carol, nil), l.Policy, start)
			ok(t, err)
			if _, there := entry.Value(); there {
				t.Error("carol has an account")
			}

			// The log grows, and so do alice's entry and the head.
			l.Mutate(alice, keytrans.KindAddDevice)
			l.Root(start.Add(time.Minute))
			later := start.Add(time.Minute)
			size := int64(len(l.Leaves))
			known := entry.Known()
			known.Label, known.Value = l.Label(alice), &value
			u := l.Lookup(alice, l.Head(size, held.Size(), later))
			u.VRFProof = nil
			entry, err = ask(keytrans.Query{Name: alice, Held: held, Known: known}, u, l.Policy, later)
			ok(t, err)
			if v, _ := entry.Value(); v.Counter != 2 || entry.Head().Size() != size || entry.Known().Value.Counter != 2 {
				t.Error("the entry is not the new one")
			}
			if entry.Head().Root().Time != later.Unix() || !entry.Head().Cosigned().Equal(later) {
				t.Error("the head has another time")
			}

			// A stored head is as good as a new one.
			stored, err := keytrans.ParseHead(entry.Head().Marshal())
			ok(t, err)
			again, err := l.Policy.VerifyHead(stored, nil, later)
			ok(t, err)
			if again.Checkpoint() != entry.Head().Checkpoint() {
				t.Error("the head is another after it was stored")
			}
		})
	}
}

func TestAges(t *testing.T) {
	l := newLog()
	cases := []struct {
		age  time.Duration
		old  bool
		want error
	}{
		{0, false, nil},
		{time.Hour, false, nil},
		{time.Hour + time.Second, true, nil},
		{24 * time.Hour, true, nil},
		{24*time.Hour + time.Second, false, keytrans.ErrStale},
		{30 * 24 * time.Hour, false, keytrans.ErrStale},
		{-24 * time.Hour, false, nil}, // the device's clock is behind
		{-26 * time.Hour, false, keytrans.ErrAhead},
	}
	for _, c := range cases {
		t.Run(c.age.String(), func(t *testing.T) {
			entry, err := ask(keytrans.Query{Name: alice}, l.Lookup(alice, l.NewestHead(start)), l.Policy, start.Add(c.age))
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if err == nil && (entry.IsOld() != c.old || entry.Age() != max(c.age, 0)) {
				t.Errorf("an age of %v, old: %v", entry.Age(), entry.IsOld())
			}
			// The same under a head that was verified when it was new.
			head, err := l.Policy.VerifyHead(l.NewestHead(start), nil, start)
			ok(t, err)
			_, err = ask(keytrans.Query{Name: alice, Held: head}, l.Lookup(alice, nil), l.Policy, start.Add(c.age))
			if !errors.Is(err, c.want) {
				t.Errorf("under a held head: got %v, want %v", err, c.want)
			}
		})
	}
}

// TestClocksThatAreFarOff asks at times that lie centuries away, the zero time among them.
func TestClocksThatAreFarOff(t *testing.T) {
	l := newLog()
	head, err := l.Policy.VerifyHead(l.NewestHead(start), nil, start)
	ok(t, err)
	for _, now := range []time.Time{{}, time.Unix(0, 0), start.AddDate(-400, 0, 0), start.AddDate(400, 0, 0), time.Unix(1<<40, 0), time.Unix(-1<<40, 0)} {
		for name, u := range map[string]*keytrans.UnverifiedProof{"new": l.Lookup(alice, l.NewestHead(start)), "held": l.Lookup(alice, nil)} {
			_, err := ask(keytrans.Query{Name: alice, Held: head}, u, l.Policy, now)
			if want := map[bool]error{true: keytrans.ErrAhead, false: keytrans.ErrStale}[now.Before(start)]; !errors.Is(err, want) {
				t.Errorf("at %v, under a %s head: %v", now, name, err)
			}
		}
	}
}

// TestQuorumTime compares the time up to which a quorum reaches with its definition.
func TestQuorumTime(t *testing.T) {
	l := newLog()
	at := func(minutes ...int) (heads *keytrans.UnverifiedHead) {
		// Each cosigner signs at a time of its own; -1 is not at all.
		heads = l.NewestHead(start)
		signed := l.Sign(l.Checkpoint(int64(len(l.Leaves))), start)
		for i, m := range minutes {
			if m < 0 {
				continue
			}
			s, err := l.Policy.OpenCheckpoint(signed)
			ok(t, err)
			signed, err = keytrans.Cosign(s, start.Add(time.Duration(m)*time.Minute), l.Cosigners()[i])
			ok(t, err)
		}
		heads.Checkpoint = signed
		return heads
	}
	cases := []struct {
		name  string
		times []int // of three witnesses, of which two are needed, and of the auditor
		want  int
	}{
		{"all at once", []int{5, 5, 5, 5}, 5},
		{"the second newest witness", []int{9, 5, 1, 9}, 5},
		{"an old auditor", []int{9, 5, 1, 2}, 2},
		{"a witness that is away", []int{9, -1, 1, 9}, 1},
		{"one witness", []int{9, -1, -1, 9}, -1},
		{"no auditor", []int{9, 9, 9, -1}, -1},
		{"auditor alone", []int{-1, -1, -1, 9}, -1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			head, err := l.Policy.VerifyHead(at(c.times...), nil, start)
			if c.want < 0 {
				if keytrans.BrokenRule(err) != "K8-quorum" {
					t.Errorf("accepted: %v", err)
				}
				return
			}
			ok(t, err)
			if want := start.Add(time.Duration(c.want) * time.Minute); !head.Cosigned().Equal(want) {
				t.Errorf("reaches up to %v, want %v", head.Cosigned(), want)
			}
		})
	}
}

func TestRecords(t *testing.T) {
	l := newLog()
	requested := l.Mutate(alice, keytrans.KindResetRequest)
	first := l.Root(start.Add(time.Hour))
	committed := l.Mutate(alice, keytrans.KindResetCommit)
	release := l.Append(keytrans.Release{Version: "1.2.3"})
	second := l.Root(start.Add(time.Hour + keytrans.ResetWait))
	now := start.Add(80 * time.Hour)
	verify := func(index, root int64) *keytrans.Record {
		t.Helper()
		u, err := keytrans.ParseRecord(l.Record(index, root, now).Marshal())
		ok(t, err)
		r, err := keytrans.VerifyRecord(u, l.Policy, nil, now)
		ok(t, err)
		return r
	}
	r := verify(release, second)
	if r.Leaf().(keytrans.Release).Version != "1.2.3" || !r.Time().Equal(start.Add(73*time.Hour)) || r.Index() != release {
		t.Error("the record is another")
	}
	ok(t, keytrans.CheckWait(verify(requested, first), verify(committed, second), keytrans.ResetWait))
	if verify(second, second).Time() != r.Time() {
		t.Error("a root does not date itself")
	}
}

func TestTlogProofs(t *testing.T) {
	l := newLog()
	size := int64(len(l.Leaves))
	checkpoint := l.NewestHead(start).Checkpoint
	text := keytrans.FormatTlogProof(1, l.Inclusion(size, 1), checkpoint)
	index, inclusion, note, err := keytrans.ParseTlogProof(text)
	ok(t, err)
	if index != 1 || !slices.Equal(inclusion, l.Inclusion(size, 1)) || string(note) != string(checkpoint) {
		t.Error("the proof is another after it was formatted")
	}
}

func TestPolicyChanges(t *testing.T) {
	l := newLog()
	extra := logtest.Key("own.example", keytrans.CosignatureEd25519)
	params := l.Policy.Params()
	params.Own = []byte("witness mine " + extra.Verifier().String() + "\nquorum mine\n")
	old, err := keytrans.NewPolicy(params)
	ok(t, err)
	l.Witnesses = append(l.Witnesses, extra) // cosigns, without being in the log's policy
	text := l.Policy.Params().Text
	text = append(slices.Clone(text), "# from now on\n"...)
	index := l.Append(keytrans.PolicyChange{Number: 2, Text: text})
	root := l.Root(start.Add(time.Minute))
	now := start.Add(time.Minute)
	r, err := keytrans.VerifyRecord(l.Record(index, root, now), old, nil, now)
	ok(t, err)
	next, err := old.ChangePolicy(r)
	ok(t, err)
	if next.Config() != l.Policy.Config().WithPolicy(r.Leaf().(keytrans.PolicyChange)) {
		t.Error("the configuration is another")
	}
	l.Config = next.Config().Hash()
	l.Root(start.Add(2 * time.Minute))
	if _, err := next.VerifyHead(l.NewestHead(now), nil, now); err != nil {
		t.Error(err)
	}
	if _, err := old.VerifyHead(l.NewestHead(now), nil, now); keytrans.BrokenRule(err) != "K3-config" {
		t.Errorf("the old policy: %v", err)
	}
	// What the person added for herself stays.
	l.Witnesses = l.Witnesses[:3]
	if _, err := next.VerifyHead(l.NewestHead(now), nil, now); keytrans.BrokenRule(err) != "K8-own" {
		t.Errorf("without the own witness: %v", err)
	}

	successor := logtest.New("example.org/log2")
	index = l.Append(keytrans.Succession{Text: []byte(successor.PolicyText()), VRFKey: [32]byte(successor.VRF.Public().Bytes())})
	l.Witnesses = append(l.Witnesses, extra)
	root = l.Root(start.Add(3 * time.Minute))
	r, err = keytrans.VerifyRecord(l.Record(index, root, now), next, nil, now)
	ok(t, err)
	succeeded, err := next.Succeed(r)
	ok(t, err)
	if succeeded.Config() != successor.Policy.Config() || succeeded.Params().Own == nil {
		t.Error("the policy is not that of the log that follows")
	}
}

// TestLabelsOfAnotherLogAreNotKnown lets a client remember a label that another VRF key gave.
func TestLabelsOfAnotherLogAreNotKnown(t *testing.T) {
	l, old := newLog(), fill(logtest.New("old.example/log"))
	entry, err := ask(keytrans.Query{Name: alice}, old.Lookup(alice, old.NewestHead(start)), old.Policy, start)
	ok(t, err)
	q := keytrans.Query{Name: alice, Known: entry.Known()}
	u := l.Lookup(alice, l.NewestHead(start))
	if _, err := ask(q, u, l.Policy, start); err != nil {
		t.Errorf("with the new label: %v", err)
	}
	u.VRFProof = nil
	if _, err := ask(q, u, l.Policy, start); keytrans.BrokenRule(err) != "K5-missing" {
		t.Errorf("with the old label: %v", err)
	}
}

// TestAgesOfPolicies sets some of the ages of a policy.
func TestAgesOfPolicies(t *testing.T) {
	params := newLog().Policy.Params()
	for _, c := range []struct{ warn, max, ahead, wantWarn time.Duration }{
		{0, 0, 0, time.Hour}, {0, time.Minute, 0, time.Minute}, {2 * time.Hour, 0, 0, 2 * time.Hour}, {-1, 0, 0, -1}, {0, -1, 0, -1}, {0, 0, -1, -1}, {2, 1, 0, -1},
	} {
		params.WarnAge, params.MaxAge, params.MaxAhead = c.warn, c.max, c.ahead
		p, err := keytrans.NewPolicy(params)
		if (err != nil) != (c.wantWarn < 0) || err == nil && p.Params().WarnAge != c.wantWarn {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestPoliciesDoNotChange changes what a policy was made of, and what it returns.
func TestPoliciesDoNotChange(t *testing.T) {
	params := newLog().Policy.Params()
	p, err := keytrans.NewPolicy(params)
	ok(t, err)
	config := p.Config()
	params.Text[0], params.VRFKey[0] = 'x', params.VRFKey[0]+1
	p.Params().Text[0] = 'y'
	again, err := keytrans.NewPolicy(p.Params())
	ok(t, err)
	if p.Config() != config || again.Config() != config {
		t.Error("the policy changed")
	}
}

// TestMutationsOfChains compares mutations with chains that are too short or have other heads.
func TestMutationsOfChains(t *testing.T) {
	old := keytrans.Value{Head: keytrans.Hash{1}, Statements: 1, Counter: 1, State: keytrans.Active}
	m, err := keytrans.NextMutation(keytrans.Label{1}, &old, keytrans.Hash{3}, keytrans.KindAddDevice, keytrans.KindRevokeDevice)
	ok(t, err)
	kinds := []keytrans.Kind{keytrans.KindCreate, keytrans.KindAddDevice, keytrans.KindRevokeDevice, keytrans.KindClose}
	heads := []keytrans.Hash{{1}, {2}, {3}, {4}}
	ok(t, m.CheckChain(kinds, heads))
	for name, err := range map[string]error{
		"too short":          m.CheckChain(kinds[:2], heads),
		"with few heads":     m.CheckChain(kinds, heads[:2]),
		"with another head":  m.CheckChain(kinds, []keytrans.Hash{{1}, {2}, {4}}),
		"with another order": m.CheckChain([]keytrans.Kind{1, 3, 2}, heads),
		"empty":              m.CheckChain(nil, nil),
		"with a wrong count": keytrans.Mutation{Kinds: m.Kinds, New: keytrans.Value{Statements: 1}}.CheckChain(kinds, heads),
	} {
		if keytrans.BrokenRule(err) != "K10-chain" {
			t.Errorf("a chain %s: %v", name, err)
		}
	}
}

// TestTrustedValuesDoNotChange changes what a trusted value was made of, and what it returned.
func TestTrustedValuesDoNotChange(t *testing.T) {
	l := newLog()
	u, err := keytrans.Query{Name: alice}.Parse(l.Lookup(alice, l.NewestHead(start)).Marshal())
	ok(t, err)
	entry, err := keytrans.Verify(u, l.Policy, start)
	ok(t, err)
	want, _ := entry.Value()
	stored := entry.Head().Marshal()
	u.Value.Counter++
	entry.Known().Value.Counter++
	clear(u.Head.Checkpoint)
	clear(u.Head.Root)
	clear(u.Head.Inclusion)
	clear(entry.Head().Signed().Note())
	if got, _ := entry.Value(); got != want || !slices.Equal(entry.Head().Marshal(), stored) {
		t.Error("a trusted value changed")
	}
}

// TestConfigurationsAreBound has a log show a victim heads under another VRF key, policy, number or
// name than its clients pin, everything signed and cosigned.
func TestConfigurationsAreBound(t *testing.T) {
	for name, change := range map[string]func(*keytrans.Config){
		"VRF key": func(c *keytrans.Config) { c.VRFKey[0]++ },
		"policy":  func(c *keytrans.Config) { c.Policy[0]++ },
		"number":  func(c *keytrans.Config) { c.Number++ },
		"origin":  func(c *keytrans.Config) { c.Origin += "2" },
	} {
		l := newLog()
		config := l.Policy.Config()
		change(&config)
		l.Config = config.Hash()
		l.Root(start)
		_, err := ask(keytrans.Query{Name: alice}, l.Lookup(alice, l.NewestHead(start)), l.Policy, start)
		if keytrans.BrokenRule(err) != "K3-config" {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

// TestEveryKeyOfTheLogSigns leaves out each of the two signatures of a log that has two keys.
func TestEveryKeyOfTheLogSigns(t *testing.T) {
	for i := range 2 {
		l := fill(logtest.NewMLDSA("example.org/log"))
		l.Keys = l.Keys[i : i+1]
		_, err := l.Policy.VerifyHead(l.NewestHead(start), nil, start)
		if keytrans.BrokenRule(err) != "K12-log" {
			t.Errorf("without one key: %v", err)
		}
	}
}

// TestOwnWitnessesMayRepeat lets a person add a witness that the log's policy has too.
func TestOwnWitnessesMayRepeat(t *testing.T) {
	l := newLog()
	params := l.Policy.Params()
	params.Own = []byte("witness w1 " + l.Witnesses[0].Verifier().String() + "\nquorum w1\n")
	own, err := keytrans.NewPolicy(params)
	ok(t, err)
	if own.Config() != l.Policy.Config() {
		t.Error("one's own witnesses change the configuration")
	}
	_, err = own.VerifyHead(l.NewestHead(start), nil, start)
	ok(t, err)
	u := l.NewestHead(start)
	u.Checkpoint = l.Sign(l.Checkpoint(3), start, l.Witnesses[1], l.Witnesses[2], l.Auditor)
	if _, err := own.VerifyHead(u, nil, start); keytrans.BrokenRule(err) != "K8-own" {
		t.Errorf("without the own witness: %v", err)
	}
	ok(t, func() error { _, err := l.Policy.VerifyHead(u, nil, start); return err }())
}

// TestOneHeadOfManyProofs verifies proofs under a head that the client has verified, and under
// heads that differ from it in one part.
func TestOneHeadOfManyProofs(t *testing.T) {
	l := newLog()
	carried := l.NewestHead(start)
	held, err := l.Policy.VerifyHead(carried, nil, start)
	ok(t, err)
	for _, name := range []string{alice, bob, carol} {
		entry, err := ask(keytrans.Query{Name: name, Held: held}, l.Lookup(name, carried), l.Policy, start)
		ok(t, err)
		if entry.Head() != held {
			t.Error("the head was verified again")
		}
	}
	// The age is still that of the time of the query.
	if _, err := ask(keytrans.Query{Name: alice, Held: held}, l.Lookup(alice, carried), l.Policy, start.Add(25*time.Hour)); !errors.Is(err, keytrans.ErrStale) {
		t.Errorf("an old head: %v", err)
	}
	for what, damage := range map[string]func(*keytrans.UnverifiedHead){
		"checkpoint": func(u *keytrans.UnverifiedHead) { u.Checkpoint[len(u.Checkpoint)-20] ^= 1 },
		"root":       func(u *keytrans.UnverifiedHead) { u.Root[10] ^= 1 },
		"inclusion":  func(u *keytrans.UnverifiedHead) { u.Inclusion[0][0] ^= 1 },
		"growth":     func(u *keytrans.UnverifiedHead) { u.Growth = u.Inclusion },
	} {
		u := l.NewestHead(start)
		damage(u)
		if _, err := ask(keytrans.Query{Name: alice, Held: held}, l.Lookup(alice, u), l.Policy, start); err == nil {
			t.Errorf("a head with another %s is accepted", what)
		}
	}
	// Another policy verifies the head itself.
	params := l.Policy.Params()
	params.MaxAge = 2 * time.Hour
	other, err := keytrans.NewPolicy(params)
	ok(t, err)
	entry, err := ask(keytrans.Query{Name: alice, Held: held}, l.Lookup(alice, carried), other, start)
	ok(t, err)
	if entry.Head() == held {
		t.Error("a head of another policy was taken")
	}
}

// TestSmallLogs looks a name up in logs of one and two leaves, before anybody has an account.
func TestSmallLogs(t *testing.T) {
	l := logtest.New("example.org/log")
	for range 2 {
		l.Root(start)
		entry, err := ask(keytrans.Query{Name: alice}, l.Lookup(alice, l.NewestHead(start)), l.Policy, start)
		ok(t, err)
		if _, there := entry.Value(); there || entry.Known().Value != nil || entry.Head().Size() != int64(len(l.Leaves)) {
			t.Error("an empty map has an entry")
		}
	}
	// Nobody's absence is the first thing that is known, and an account may follow it.
	absent, err := ask(keytrans.Query{Name: alice}, l.Lookup(alice, l.NewestHead(start)), l.Policy, start)
	ok(t, err)
	if absent.CheckOwn(keytrans.Value{}) == nil || absent.CheckChain(keytrans.Hash{}, 0) == nil {
		t.Error("an absent entry is somebody's")
	}
	l.Mutate(alice, keytrans.KindCreate)
	l.Root(start)
	_, err = ask(keytrans.Query{Name: alice, Known: absent.Known()}, l.Lookup(alice, l.NewestHead(start)), l.Policy, start)
	ok(t, err)
}
