// SPDX-License-Identifier: AGPL-3.0-or-later

// Package rawmember is, for tests, a member of groups who uses package mls as they
// please: the client's rules do not hold them back.
package rawmember

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/mls"
)

// ExtensionOther is one that no conversation has.
const ExtensionOther mls.ExtensionType = 0xF5CF

// A Member of groups; its fields may be changed.
type Member struct {
	Address string
	Key     *mls.SigningKey
	Group   *mls.Group
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// New returns a member with a key of their own, in no group.
func New(t testing.TB, address string) *Member {
	t.Helper()
	key, err := mls.NewSigningKey(mls.DefaultCipherSuite, rand.Reader)
	fatal(t, err)
	return &Member{Address: address, Key: key}
}

// Credential names the member and a device that has the beginning of the key as its
// identifier.
func (p *Member) Credential(t testing.TB) mls.Credential {
	t.Helper()
	a, err := account.ParseAddress(p.Address)
	fatal(t, err)
	b, err := account.Credential{Address: a, Device: account.DeviceID(p.Key.Public())}.Encode()
	fatal(t, err)
	return mls.BasicCredential(b)
}

func config() mls.Config {
	return mls.Config{Rand: rand.Reader, Policy: mls.Policy{PastEpochs: 3, LateDelivery: -1}}
}

// Lifetime is an hour before and after now.
func Lifetime() mls.Lifetime {
	return mls.Lifetime{NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
}

// KeyPackage makes a key package.
func (p *Member) KeyPackage(t testing.TB) (*mls.KeyPackage, *mls.KeyPackagePrivate) {
	t.Helper()
	kp, private, err := mls.NewKeyPackage(mls.KeyPackageParams{
		Suite: mls.DefaultCipherSuite, SigningKey: p.Key, Credential: p.Credential(t), Lifetime: Lifetime(),
		Capabilities: mls.DefaultCapabilities(rules.ExtensionType, ExtensionOther), Rand: rand.Reader,
	})
	fatal(t, err)
	return kp, private
}

// Create begins a group.
func (p *Member) Create(t testing.TB, state rules.State, channel ...byte) {
	t.Helper()
	extension, err := state.Extension()
	fatal(t, err)
	p.Group, _, err = mls.CreateGroup(mls.GroupParams{
		Suite: mls.DefaultCipherSuite, GroupID: channel, SigningKey: p.Key, Credential: p.Credential(t), Lifetime: Lifetime(),
		Capabilities: mls.DefaultCapabilities(rules.ExtensionType, ExtensionOther), Extensions: []mls.Extension{extension},
	}, config())
	fatal(t, err)
}

// Invite commits the addition of whoever has the key packages.
func (p *Member) Invite(t testing.TB, kps ...*mls.KeyPackage) *mls.StagedCommit {
	t.Helper()
	staged, _, err := p.Group.Stage(mls.CommitOptions{Now: time.Now(), Add: kps})
	fatal(t, err)
	_, err = p.Group.Apply(staged)
	fatal(t, err)
	return staged
}

// Add brings others into the group.
func (p *Member) Add(t testing.TB, others ...*Member) {
	t.Helper()
	var kps []*mls.KeyPackage
	var privates []*mls.KeyPackagePrivate
	for _, o := range others {
		kp, private := o.KeyPackage(t)
		kps, privates = append(kps, kp), append(privates, private)
	}
	staged := p.Invite(t, kps...)
	for i, o := range others {
		raw, err := staged.Welcome(kps[i])
		fatal(t, err)
		welcome, err := mls.ParseWelcome(raw)
		fatal(t, err)
		join, err := mls.StageJoin(mls.JoinParams{
			Welcome: welcome, KeyPackage: kps[i], Private: privates[i], RatchetTree: staged.RatchetTree(), Now: time.Now(),
		}, config())
		fatal(t, err)
		o.Group, _, err = join.Apply()
		fatal(t, err)
	}
}

// Process takes a message of the group in.
func (p *Member) Process(t testing.TB, message []byte) mls.Received {
	t.Helper()
	r, _, err := p.Group.Process(message, time.Now())
	fatal(t, err)
	return r
}
