// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"testing"

	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// follower has bob and carol join what follows from their group, where a test spoils it.
type follower struct {
	branch bool
	twice  bool            // a second commit of the new group uses the key again
	keys   func([]*queued) // of the new group's first commit
	from   func(*Group)    // what bob knows of the old group
}

var successor = ReInit{GroupID: []byte("successor"), Suite: evilSuite, Extensions: []Extension{{Type: ExtensionApplicationID, Data: []byte("x")}}}

func (f follower) try(t *testing.T) error {
	t.Helper()
	w := newTrio(t)
	usage, id := wire.UsageBranch, []byte("branch")
	if !f.branch {
		usage, id = wire.UsageReInit, successor.GroupID
		w.everyone(t, w.alice, CommitOptions{Now: evilNow, ReInit: &successor})
	}
	alice, bob, carol := newPerson(t, "alice", Capabilities{}), newPerson(t, "bob", Capabilities{}), newPerson(t, "carol", Capabilities{})
	n, _, err := CreateGroup(GroupParams{
		Suite: evilSuite, GroupID: id, SigningKey: alice.key, Credential: BasicCredential([]byte("alice")),
		Lifetime: evilLifetime(), Extensions: successor.Extensions,
	}, evilConfig())
	ok(t, err)
	n.parent = w.alice
	stage := func(kps ...*KeyPackage) *StagedCommit {
		key := PSKID{Type: PSKResumption, Usage: PSKUsage(usage), GroupID: w.alice.GroupID(), Epoch: w.alice.Epoch()}
		p, err := key.proposal(n.state.suite, n.cfg.Rand)
		ok(t, err)
		list := []*queued{newQueued(p, memberSender(0))}
		list[0].origin = true
		if f.keys != nil {
			f.keys(list)
		}
		s, _, err := n.stage(&CommitOptions{Now: evilNow, Add: kps}, list...)
		ok(t, err)
		return s
	}
	s := stage(carol.kp)
	if f.twice {
		_, err = n.Apply(s)
		ok(t, err)
		s = stage(bob.kp)
	} else {
		_, err = n.Discard(s)
		ok(t, err)
		s = stage(bob.kp, carol.kp)
	}
	if f.from != nil {
		f.from(w.bob)
	}
	b, err := s.Welcome(bob.kp)
	ok(t, err)
	welcome, err := ParseWelcome(b)
	ok(t, err)
	_, err = StageJoin(JoinParams{
		Welcome: welcome, KeyPackage: bob.kp, Private: bob.private, RatchetTree: s.RatchetTree(), From: w.bob, Now: evilNow,
	}, evilConfig())
	return err
}

func (f follower) group(spoil func(*Group)) func(*testing.T) error {
	f.from = spoil
	return f.try
}

// stranger gives carol's leaf another credential.
func stranger(g *Group) {
	l := unsealed(g.state.tree.Leaf(2).LeafNode)
	l.Credential.Data = []byte("stranger")
	g.state.tree.Leaf(2).LeafNode = l
}

func TestFollowers(t *testing.T) {
	ok(t, follower{}.try(t))
	ok(t, follower{branch: true}.try(t))
}

var followViolations = map[string]func(*testing.T) error{
	"11.2-epoch": follower{twice: true}.try,
	"11.2-reinit": func(t *testing.T) error {
		_, _, _, err := newTrio(t).alice.Reinitialize(SuccessorParams{})
		return err
	},
	"11.2-version":      follower{}.group(func(g *Group) { g.reinit.Version = 2 }),
	"11.2-cipher-suite": follower{}.group(func(g *Group) { g.reinit.CipherSuite = 3 }),
	"11.2-group-id":     follower{}.group(func(g *Group) { g.reinit.GroupID = []byte("other") }),
	"11.2-extensions":   follower{}.group(func(g *Group) { g.reinit.Extensions = nil }),
	"11.2-members":      follower{}.group(stranger),
	"11.2-key": follower{keys: func(list []*queued) {
		list[0].proposal.PSK.Usage = wire.UsageApplication
	}}.try,
	"11.2-one-key": func(t *testing.T) error {
		j := &joiner{secrets: &wire.GroupSecrets{PSKs: []wire.PSKID{
			{Type: wire.PSKResumption, Usage: wire.UsageReInit}, {Type: wire.PSKResumption, Usage: wire.UsageBranch},
		}}}
		return j.follows()
	},
	"11.3-epoch":        follower{branch: true, twice: true}.try,
	"11.3-cipher-suite": follower{branch: true}.group(func(g *Group) { g.state.context.CipherSuite = 3 }),
	"11.3-members":      follower{branch: true}.group(stranger),
}
