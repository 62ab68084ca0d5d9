// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"github.com/securecrypt/securecrypt/mls/internal/schedule"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

const welcomeLabel = "Welcome"

// welcomeParts is what welcomes are put together from.
type welcomeParts struct {
	info    []byte // encrypted group info
	secrets []wire.EncryptedGroupSecrets
	index   map[string]int // by key package reference, made on demand
}

// find returns the position of a key package, or -1.
func (p *welcomeParts) find(ref []byte) int {
	if p.index == nil {
		p.index = make(map[string]int, len(p.secrets))
		for i, s := range p.secrets {
			p.index[string(s.NewMember)] = i
		}
	}
	if i, ok := p.index[string(ref)]; ok {
		return i
	}
	return -1
}

// welcome seals the secrets of the next epoch to each new member (RFC 9420,
// Section 12.4.3.1).
func (b *builder) welcome(next *state, member schedule.Member, joiner schedule.Joiner, o GroupInfoOptions) (*welcomeParts, error) {
	info, err := next.groupInfo(o)
	if err != nil {
		return nil, err
	}
	parts := &welcomeParts{secrets: make([]wire.EncryptedGroupSecrets, len(b.p.adds))}
	if parts.info, err = sealInfo(next.suite, member, info.Bytes()); err != nil {
		return nil, err
	}
	paths := make(map[treemath.Node]suite.Secret)
	if b.keys != nil {
		for i, step := range b.keys.Steps {
			paths[step.Node] = b.keys.Secrets[i]
		}
	}
	err = tree.Parallel(len(b.p.adds), func(i int) error {
		kp := b.p.adds[i].proposal.Add
		secrets := &wire.GroupSecrets{
			JoinerSecret: joiner.Secret(),
			PathSecret:   paths[treemath.CommonAncestor(next.own, b.p.added[i])],
			PSKs:         b.p.psks,
		}
		key, err := next.suite.PublicKey(kp.InitKey)
		if err != nil {
			return err
		}
		out := &parts.secrets[i]
		out.NewMember = next.suite.RefHash(keyPackageRefLabel, kp.Bytes())
		plain := secrets.Bytes()
		defer clear(plain)
		out.Secrets.KEMOutput, out.Secrets.Ciphertext, err = next.suite.Encrypt(key, welcomeLabel, parts.info, plain)
		return err
	})
	return parts, err
}

func sealInfo(s *suite.Suite, member schedule.Member, info []byte) ([]byte, error) {
	key, nonce := member.WelcomeKey()
	aead, err := s.AEAD(key)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nonce, info, nil), nil
}

func (p *welcomeParts) message(cs uint16, secrets []wire.EncryptedGroupSecrets) []byte {
	return (&wire.Message{Welcome: &wire.Welcome{
		CipherSuite: cs, Secrets: secrets, EncryptedGroupInfo: p.info,
	}}).Bytes()
}

// Welcome returns the welcome for one of the added members alone, as an MLSMessage.
// It must not be delivered before the commit is accepted, and is to be stored in the
// transaction that persists the delta of Apply: a restart after that loses it.
func (s *StagedCommit) Welcome(kp *KeyPackage) ([]byte, error) {
	if s.welcome == nil {
		return nil, ErrNotForUs
	}
	i := s.welcome.find(kp.Ref())
	if i < 0 {
		return nil, ErrNotForUs
	}
	return s.welcome.message(s.base.suite.ID, s.welcome.secrets[i:i+1]), nil
}

// WelcomeAll returns one welcome for all added members, or nil if there are none.
func (s *StagedCommit) WelcomeAll() []byte {
	if s.welcome == nil {
		return nil
	}
	return s.welcome.message(s.base.suite.ID, s.welcome.secrets)
}
