// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/mls"
)

var (
	modelSeed = flag.Uint64("model.seed", 1, "seed of the model test")
	modelOps  = flag.Int("model.ops", 250, "operations of the model test, unless $MLS_MODEL says how long it runs")
)

// sent is a message on its way, with who still has to get it.
type sent struct {
	msg   []byte
	text  string
	epoch uint64
	from  string
	to    []*client
}

// model is a group of clients behind a delivery service that orders commits, loses,
// spoils and reorders messages, and lets clients crash, fall behind and lose their state.
type model struct {
	t       *testing.T
	rng     *rand.Rand
	suite   mls.CipherSuite
	in      []*client            // those in the present epoch
	behind  map[*client][][]byte // those that have yet to process handshakes
	leaving []leave              // SelfRemoves of the epoch that an outsider can see
	queue   []*sent
	seen    [][]byte // some messages of late
	made    int
	counts  map[string]int
}

type leave struct {
	by  *client
	msg []byte
}

func (m *model) pick() *client { return m.in[m.rng.IntN(len(m.in))] }

func (m *model) others(c *client) []*client {
	return slices.DeleteFunc(slices.Clone(m.in), func(o *client) bool { return o == c })
}

// deliver gives a handshake message to all others. Everyone crashes now and then, between
// Process and Apply too.
func (m *model) deliver(by *client, msg, authenticator []byte) {
	m.see(msg)
	for c := range m.behind {
		m.behind[c] = append(m.behind[c], msg)
	}
	for _, c := range m.others(by) {
		if len(m.in) > 2 && m.rng.IntN(25) == 0 {
			m.counts["behind"]++
			m.behind[c] = [][]byte{msg}
			m.in = m.others(c)
			continue
		}
		if m.rng.IntN(6) == 0 {
			c.reload()
		}
		r := c.process(msg)
		if s, isCommit := r.(*mls.StagedCommit); isCommit {
			if m.rng.IntN(4) == 0 { // crash before Apply: the commit is still there to be processed
				c.reload()
				s = c.process(msg).(*mls.StagedCommit)
			}
			if !bytes.Equal(s.EpochAuthenticator(), authenticator) && !s.RemovesSelf() {
				m.t.Fatalf("%s stages another epoch", c.name)
			}
			c.applyCommit(s)
		}
	}
}

// settle applies a commit at its author, lets the added in and the removed go.
func (m *model) settle(by *client, s *mls.StagedCommit, joining []*client) {
	if m.rng.IntN(3) == 0 { // crash after sending
		by.reload()
		pending := by.PendingCommit()
		if !bytes.Equal(pending.Message(), s.Message()) || !bytes.Equal(pending.RatchetTree(), s.RatchetTree()) ||
			len(pending.Added()) != len(s.Added()) || len(pending.Removed()) != len(s.Removed()) {
			m.t.Fatal("staged commit does not survive a restart")
		}
		s = pending
	}
	m.deliver(by, s.Message(), s.EpochAuthenticator())
	welcomes := make([][]byte, len(joining))
	for i, j := range joining {
		welcomes[i] = must[[]byte](m.t)(s.Welcome(j.kp))
	}
	tree := s.RatchetTree()
	by.applyCommit(s)
	for i, j := range joining {
		j.join(welcomes[i], tree)
	}
	m.settled(joining...)
}

// settled begins a new epoch.
func (m *model) settled(joined ...*client) {
	m.in = append(m.in, joined...)
	m.in = slices.DeleteFunc(m.in, func(c *client) bool { return !c.Active() })
	m.queue = slices.DeleteFunc(m.queue, func(s *sent) bool { return s.epoch+mls.DefaultPastEpochs < m.in[0].Epoch() })
	m.leaving = nil
	agree(m.t, m.in...)
}

func (m *model) newcomer() *client {
	m.made++
	c := newClient(m.t, m.suite, fmt.Sprintf("m%d", m.made))
	component(c)
	share(c)
	return c
}

func (m *model) full() bool { return len(m.in)+len(m.behind) >= 8 }

func (m *model) newcomers() []*client {
	var out []*client
	for range m.rng.IntN(3) {
		if len(m.in)+len(m.behind)+len(out) < 8 {
			out = append(out, m.newcomer())
		}
	}
	return out
}

func (m *model) commit() {
	by := m.pick()
	o := mls.CommitOptions{Pending: true, NoPath: m.rng.IntN(3) == 0}
	if m.rng.IntN(3) == 0 {
		o.WireFormat = mls.PublicWire
	}
	joining := m.newcomers()
	for _, j := range joining {
		o.Add = append(o.Add, j.kp)
	}
	if m.rng.IntN(4) == 0 && len(m.in) > 2 {
		o.Remove = []mls.LeafIndex{m.others(by)[0].OwnLeaf()}
	}
	if m.rng.IntN(5) == 0 {
		o.Extensions = []mls.Extension{{Type: mls.ExtensionApplicationID, Data: []byte{byte(m.rng.Uint32())}}}
	}
	if m.rng.IntN(4) == 0 {
		o.PSKs = []mls.PSKID{mls.ExternalPSK([]byte("one")), mls.ComponentPSK(notes, []byte("x"))}
		if len(joining) == 0 {
			o.PSKs = append(o.PSKs, mls.ResumptionPSK(by.GroupID(), by.Epoch()))
		}
	}
	if m.rng.IntN(4) == 0 {
		o.AppData = []mls.AppDataUpdate{{Component: notes, Data: []byte("x")}}
		o.AppEphemeral = []mls.AppEphemeral{{Component: counter}}
	}
	if m.rng.IntN(5) == 0 {
		credential := mls.BasicCredential([]byte(by.name + "'"))
		o.Leaf = &mls.LeafUpdate{Credential: &credential}
	}
	s := by.stage(o)
	if m.rng.IntN(3) == 0 && len(m.in) > 1 { // a race: another commit is ahead
		m.counts["race"]++
		winner := m.others(by)[m.rng.IntN(len(m.in)-1)]
		won := winner.stage(mls.CommitOptions{Pending: true})
		if m.rng.IntN(2) == 0 {
			by.reload()
		}
		if m.rng.IntN(2) == 0 {
			by.db.apply(must[mls.Delta](m.t)(by.Discard(by.PendingCommit())))
		} // else the foreign commit displaces the own one
		m.settle(winner, won, nil)
		return
	}
	m.settle(by, s, joining)
}

func (m *model) propose() {
	by := m.pick()
	var (
		msg []byte
		d   mls.Delta
		err error
	)
	o := mls.ProposalOptions{Padding: m.rng.IntN(50)}
	if m.rng.IntN(2) == 0 {
		o.WireFormat = mls.PublicWire
	}
	switch m.rng.IntN(6) {
	case 0:
		msg, d, err = by.ProposeUpdate(mls.LeafUpdate{}, o)
	case 1:
		msg, d, err = by.ProposeRemove(m.pick().OwnLeaf(), o)
	case 2:
		if len(m.in) < 4 {
			return
		}
		msg, d, err = by.ProposeSelfRemove(o)
		if mls.BrokenRule(err) == "ext-self-remove-once" {
			return
		}
		if o.WireFormat == mls.PublicWire {
			m.leaving = append(m.leaving, leave{by, msg})
		}
	case 3:
		msg, d, err = by.ProposePSK(mls.ExternalPSK([]byte("two")), o)
	case 4:
		msg, d, err = by.ProposeAppData(mls.AppDataUpdate{Component: counter, Data: []byte("p")}, o)
	default:
		msg, d, err = by.ProposeExtensions([]mls.Extension{{Type: mls.ExtensionApplicationID, Data: []byte("p")}}, o)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	by.db.apply(d)
	m.deliver(by, msg, nil)
}

func (m *model) send() {
	by := m.pick()
	text := fmt.Sprintf("%s %d", by.name, m.rng.Uint32())
	msg, d, err := by.Protect([]byte(text), mls.ProtectOptions{})
	if errors.Is(err, mls.ErrPendingProposals) {
		return
	}
	if err != nil {
		m.t.Fatal(err)
	}
	by.db.apply(d)
	m.see(msg)
	m.queue = append(m.queue, &sent{msg, text, by.Epoch(), by.name, m.others(by)})
}

// receive delivers some messages, in any order, some twice and some never.
func (m *model) receive() {
	m.rng.Shuffle(len(m.queue), func(i, j int) { m.queue[i], m.queue[j] = m.queue[j], m.queue[i] })
	for range min(len(m.queue), 4) {
		s := m.queue[0]
		m.queue = m.queue[1:]
		if m.rng.IntN(8) == 0 {
			continue // lost
		}
		for _, c := range s.to {
			if m.behind[c] != nil || !c.Active() {
				continue
			}
			if m.rng.IntN(5) == 0 {
				c.reload()
			}
			got, isMessage := c.process(s.msg).(*mls.ApplicationMessage)
			if !isMessage || string(got.Data) != s.text || string(got.Leaf.Credential().Data[:len(s.from)]) != s.from {
				m.t.Fatalf("%s got %+v instead of %q", c.name, got, s.text)
			}
			if _, _, err := c.Process(s.msg, testNow); !errors.Is(err, mls.ErrKeyUsed) {
				m.t.Fatalf("replay: %v", err)
			}
			m.counts["received"]++
		}
	}
}

func newModel(t *testing.T, suite mls.CipherSuite, seed uint64) *model {
	m := &model{
		t: t, rng: rand.New(rand.NewPCG(seed, uint64(suite))), suite: suite,
		behind: make(map[*client][][]byte), counts: make(map[string]int), made: -1,
	}
	first := m.newcomer()
	first.create()
	m.in = []*client{first}
	return m
}

// step does one thing at random.
func (m *model) step() {
	actions := []struct {
		name string
		do   func()
		odds int
	}{
		{"commit", m.commit, 30}, {"propose", m.propose, 16}, {"send", m.send, 32}, {"receive", m.receive, 16},
		{"join", m.joinOutside, 8}, {"resync", m.resync, 6}, {"catch up", m.catchUp, 12}, {"spoil", m.spoil, 12}, {"betray", m.betray, 6},
		{"reinit", m.reinit, 1}, {"branch", m.branch, 1},
	}
	total := 0
	for _, a := range actions {
		total += a.odds
	}
	n := m.rng.IntN(total)
	for _, a := range actions {
		if n -= a.odds; n < 0 {
			m.counts["operations"]++
			m.counts[a.name]++
			a.do()
			return
		}
	}
}

// TestModel runs for a number of operations, or for as long as $MLS_MODEL says, such as 30m:
// then with one seed after the other.
func TestModel(t *testing.T) {
	var until time.Time
	if d, err := time.ParseDuration(os.Getenv("MLS_MODEL")); err == nil {
		until = time.Now().Add(d)
	}
	counts := make(map[string]int)
	for seed := *modelSeed; ; seed++ {
		for _, suite := range []mls.CipherSuite{mls.SuiteX25519AES128, mls.DefaultCipherSuite} {
			m := newModel(t, suite, seed)
			for range *modelOps {
				m.step()
			}
			for name, n := range m.counts {
				counts[name] += n
			}
		}
		if !time.Now().Before(until) {
			t.Logf("%d operations, seeds %d to %d: %v", counts["operations"], *modelSeed, seed, counts)
			return
		}
	}
}
