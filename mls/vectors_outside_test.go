// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"slices"
	"time"
)

// outside makes a case with what the other passive clients do not meet: joins from outside,
// with and without a former leaf, pre-shared keys of all kinds, and members who leave.
func (g *vectorMaker) outside() *passiveClient {
	members := g.grown(4)
	p := g.member("p")
	s := g.commit(members[1], CommitOptions{WelcomeInfo: GroupInfoOptions{RatchetTree: true}}, members, p)
	c := &passiveClient{
		CipherSuite: g.s.ID, KeyPackage: p.kp.Bytes(), SignaturePriv: hexBytes(p.signer.key.Bytes()),
		EncryptionPriv: hexBytes(p.private.encryption), InitPriv: hexBytes(p.private.init), Welcome: s.WelcomeAll(),
		InitialEpochAuthenticator: members[1].group.EpochAuthenticator(),
		ExternalPSKs:              []passivePSK{{ID: hexBytes("key"), PSK: g.secret()}},
	}
	o := &outsideMaker{vectorMaker: g, c: c, in: append(members, p)}
	for _, m := range o.in {
		m.group.cfg.PSKs = c
	}
	key := ExternalPSK([]byte("key"))
	o.byMember(CommitOptions{PSKs: []PSKID{key}})
	o.enter(g.member("x"), nil, key)
	resumption := ResumptionPSK(members[0].group.GroupID(), members[0].group.Epoch())
	o.byMember(CommitOptions{NoPath: true, PSKs: []PSKID{key, resumption}}, members[0].group.ProposeSelfRemove)
	o.enter(members[3], func(i LeafIndex, _ *LeafNode) bool { return i == 3 })
	o.byMember(CommitOptions{})
	return c
}

type outsideMaker struct {
	*vectorMaker
	c  *passiveClient
	in []*vectorMember
}

var vectorTime = time.Unix(1e9, 0)

// byMember records an epoch that the second member begins.
func (o *outsideMaker) byMember(options CommitOptions, proposals ...func(ProposalOptions) ([]byte, Delta, error)) {
	e := passiveEpoch{Proposals: []hexBytes{}}
	for _, propose := range proposals {
		msg, _, err := propose(ProposalOptions{WireFormat: PublicWire})
		ok(o.t, err)
		e.Proposals = append(e.Proposals, msg)
		for _, m := range o.in {
			_, _, _ = m.group.Process(msg, vectorTime) // its author refuses it
		}
		options.Pending = true
	}
	by := o.in[1]
	s := o.commit(by, options, o.in)
	o.record(e, s.Message(), by)
}

// enter records an epoch that begins with a join from outside.
func (o *outsideMaker) enter(m *vectorMember, former func(LeafIndex, *LeafNode) bool, keys ...PSKID) {
	info, err := o.in[1].group.GroupInfo(GroupInfoOptions{RatchetTree: true, ExternalPub: true})
	ok(o.t, err)
	parsed, err := ParseGroupInfo(info)
	ok(o.t, err)
	cfg := vectorConfig
	cfg.PSKs = o.c
	j, err := StageExternalJoin(ExternalJoinParams{
		GroupInfo: parsed, SigningKey: m.signer, Credential: m.kp.LeafNode().Credential(), Former: former, PSKs: keys, Now: vectorTime,
	}, cfg)
	ok(o.t, err)
	o.in = slices.DeleteFunc(o.in, func(other *vectorMember) bool { return other == m })
	for _, other := range o.in {
		r, _, err := other.group.Process(j.Message(), vectorTime)
		ok(o.t, err)
		_, err = other.group.Apply(r.(*StagedCommit))
		ok(o.t, err)
	}
	m.group, _, err = j.Apply()
	ok(o.t, err)
	o.in = append(o.in, m)
	o.record(passiveEpoch{Proposals: []hexBytes{}}, j.Message(), m)
}

func (o *outsideMaker) record(e passiveEpoch, commit []byte, by *vectorMember) {
	e.Commit, e.EpochAuthenticator = commit, by.group.EpochAuthenticator()
	o.c.Epochs = append(o.c.Epochs, e)
	o.in = slices.DeleteFunc(o.in, func(m *vectorMember) bool { return !m.group.Active() })
}
