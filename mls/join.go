// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/schedule"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// Welcome is a decoded, still sealed invitation (RFC 9420, Section 12.4.3.1).
type Welcome struct {
	welcome *wire.Welcome
	suite   *suite.Suite
}

// ParseWelcome decodes an MLSMessage that holds a welcome.
func ParseWelcome(b []byte) (*Welcome, error) {
	m, err := wire.ParseMessage(bytes.Clone(b))
	if err != nil {
		return nil, malformed("welcome", err)
	}
	if m.Welcome == nil {
		return nil, fmt.Errorf("%w: no welcome", ErrMalformed)
	}
	s, err := lookup(CipherSuite(m.Welcome.CipherSuite))
	if err != nil {
		return nil, err
	}
	return &Welcome{m.Welcome, s}, nil
}

// CipherSuite is the suite of the welcome.
func (w *Welcome) CipherSuite() CipherSuite { return CipherSuite(w.welcome.CipherSuite) }

// Recipients returns the references of the key packages it is sealed to.
func (w *Welcome) Recipients() [][]byte {
	out := make([][]byte, 0, len(w.welcome.Secrets))
	for _, s := range w.welcome.Secrets {
		out = append(out, bytes.Clone(s.NewMember))
	}
	return out
}

// JoinParams is what joining needs.
type JoinParams struct {
	Welcome    *Welcome
	KeyPackage *KeyPackage
	Private    *KeyPackagePrivate
	// RatchetTree is needed if the welcome carries none.
	RatchetTree []byte
	// From is a group whose resumption keys the welcome may use; nil knows none. A
	// welcome to what follows a ReInit or to a subgroup must come from it.
	From *Group
	// Known reports whether a group of that identifier is being taken part in:
	// it cannot be joined again. Nil knows none.
	Known func(groupID []byte) bool
	Now   time.Time
}

// StagedJoin is a group that this client is about to join: an opened and verified
// welcome, or an external commit that is built, not applied yet.
type StagedJoin struct {
	cfg     Config
	info    *wire.GroupInfo
	inviter Member
	state   *state
	message []byte   // of an external commit
	removed []Member // by it
}

// StageJoin opens a welcome and verifies the group that it describes.
func StageJoin(p JoinParams, cfg Config) (*StagedJoin, error) {
	cfg, err := cfg.check()
	if err != nil {
		return nil, err
	}
	j := &joiner{p: p, cfg: cfg, suite: p.Welcome.suite}
	for _, step := range []func() error{j.openSecrets, j.openInfo, j.openTree, j.verifyTree, j.placeKeys, j.confirm, j.follows} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	signer := LeafIndex(j.info.Signer)
	return &StagedJoin{cfg: cfg, info: j.info, inviter: Member{signer, j.state.member(signer)}, state: j.state}, nil
}

// joiner takes the steps of RFC 9420, Section 12.4.3.1.
type joiner struct {
	p       JoinParams
	cfg     Config
	suite   *suite.Suite
	secrets *wire.GroupSecrets
	member  schedule.Member
	info    *wire.GroupInfo
	state   *state
}

// openSecrets decrypts the group secrets that are sealed to the key package.
func (j *joiner) openSecrets() error {
	kp := j.p.KeyPackage
	if kp.suite != j.suite {
		return rule.Broken("12.4.3.1-welcome-suite", "welcome and key package are of different suites")
	}
	if !j.p.Private.matches(kp) {
		return fmt.Errorf("%w: private part of another key package", ErrNotForUs)
	}
	ref := kp.Ref()
	i := slices.IndexFunc(j.p.Welcome.welcome.Secrets, func(s wire.EncryptedGroupSecrets) bool { return bytes.Equal(s.NewMember, ref) })
	if i < 0 {
		return ErrNotForUs
	}
	key, err := j.suite.PrivateKey(j.p.Private.init)
	if err != nil {
		return err
	}
	sealed := j.p.Welcome.welcome.Secrets[i].Secrets
	plain, err := j.suite.Decrypt(key, welcomeLabel, j.p.Welcome.welcome.EncryptedGroupInfo, sealed.KEMOutput, sealed.Ciphertext)
	if err != nil {
		return fmt.Errorf("%w: welcome", ErrDecrypt)
	}
	if j.secrets, err = wire.ParseGroupSecrets(plain); err != nil {
		return malformed("group secrets", err)
	}
	return nil
}

// openInfo decrypts the group info.
func (j *joiner) openInfo() error {
	for _, id := range j.secrets.PSKs {
		if len(id.Nonce) != j.suite.HashSize() {
			return rule.Broken("12.1.4-nonce", "pre-shared key with a nonce of wrong length")
		}
	}
	psk, err := combine(j.suite, j.secrets.PSKs, j.cfg.pskWith(j.p.From))
	if err != nil {
		return err
	}
	j.member = schedule.NewJoiner(j.suite, j.secrets.JoinerSecret).PSK(psk)
	key, nonce := j.member.WelcomeKey()
	aead, err := j.suite.AEAD(key)
	if err != nil {
		return err
	}
	plain, err := aead.Open(nil, nonce, j.p.Welcome.welcome.EncryptedGroupInfo, nil)
	if err != nil {
		return fmt.Errorf("%w: group info", ErrDecrypt)
	}
	if j.info, err = wire.ParseGroupInfo(plain); err != nil {
		return malformed("group info", err)
	}
	if id := j.info.Context.GroupID; j.p.Known != nil && j.p.Known(bytes.Clone(id)) {
		return rule.Broken("12.4.3.1-group-id", "group is taken part in already")
	}
	return checkInfo(j.suite, j.info)
}

// openTree verifies the group's tree.
func (j *joiner) openTree() (err error) {
	j.state, err = openGroup(j.suite, j.info, j.p.RatchetTree)
	return err
}

// verifyTree verifies the integrity of the tree and every leaf.
func (j *joiner) verifyTree() error {
	if err := j.state.verifyTree(&j.cfg, j.p.Now); err != nil {
		return err
	}
	return j.cfg.authenticateTree(j.state, j.p.KeyPackage.kp.Leaf.SignatureKey, j.p.Now)
}

// placeKeys finds the own leaf and derives the private keys above it.
func (j *joiner) placeKeys() error {
	st, own := j.state, j.p.KeyPackage.kp.Leaf.Bytes()
	found := false
	for i, l := range st.tree.Members() {
		if bytes.Equal(l.Bytes(), own) {
			st.own, found = i, true
			break
		}
	}
	if !found {
		return rule.Broken("12.4.3.1-own-leaf", "ratchet tree lacks the leaf of the key package")
	}
	st.signer = j.p.Private.signer
	st.private = map[treemath.Node]*privateKey{st.own.Node(): {raw: bytes.Clone(j.p.Private.encryption)}}
	if j.secrets.PathSecret == nil {
		return nil
	}
	signer := treemath.Leaf(j.info.Signer)
	if signer == st.own || len(j.secrets.PathSecret) != j.suite.HashSize() {
		return rule.Broken("12.4.3.1-path-secret", "welcome has an impossible path secret")
	}
	common := treemath.CommonAncestor(st.own, signer)
	steps := st.tree.FilteredPath(signer)
	at := slices.IndexFunc(steps, func(s tree.Step) bool { return s.Node == common })
	if at < 0 {
		return rule.Broken("12.4.3.1-path-secret", "welcome has a path secret for no node")
	}
	keys, err := st.tree.Follow(steps[at:], j.secrets.PathSecret)
	if err != nil {
		return err
	}
	fresh, err := pathPrivate(keys)
	if err != nil {
		return err
	}
	for n, key := range fresh {
		st.private[n] = key
	}
	return nil
}

// confirm derives the epoch and verifies the confirmation tag.
func (j *joiner) confirm() error {
	st := j.state
	st.secrets = j.member.Epoch(&st.context)
	if !st.secrets.Confirms(st.context.ConfirmedTranscriptHash, j.info.ConfirmationTag) {
		return rule.Broken("12.4.3.1-confirmation-tag", "group info has a wrong confirmation tag")
	}
	st.confirm(j.info.ConfirmationTag)
	return nil
}

// Message returns the external commit as an MLSMessage, to be sent to the group. It is
// nil for a welcome.
func (j *StagedJoin) Message() []byte { return slices.Clone(j.message) }

// Removed returns the members that the external commit removes: the former leaf of
// this client and those who asked to leave. It is nil for a welcome.
func (j *StagedJoin) Removed() []Member { return slices.Clone(j.removed) }

// Context returns the context of the epoch that is joined.
func (j *StagedJoin) Context() GroupContext { return contextFromWire(&j.state.context) }

// Inviter is the member that made the welcome, or the group info of an external commit.
func (j *StagedJoin) Inviter() Member { return j.inviter }

// OwnLeaf is the index of the joining client.
func (j *StagedJoin) OwnLeaf() LeafIndex { return LeafIndex(j.state.own) }

// Members iterates over the members from left to right.
func (j *StagedJoin) Members() iter.Seq2[LeafIndex, *LeafNode] { return j.state.members() }

// GroupInfoExtensions returns the extensions of the group info.
func (j *StagedJoin) GroupInfoExtensions() []Extension { return extensionsFromWire(j.info.Extensions) }

// Export derives a secret of the epoch that is joined (RFC 9420, Section 8.5).
func (j *StagedJoin) Export(label string, context []byte, n int) ([]byte, error) {
	return j.state.export(label, context, n)
}

// Apply joins: the group, and the records to persist. Delete the private part of the
// key package in the same transaction, unless it is a last resort. An external commit
// is sent after these records are persisted: if it is refused, since another commit
// won the race, drop the group and join anew. Apply once.
func (j *StagedJoin) Apply() (*Group, Delta, error) {
	if j.state.secrets.Encryption == nil {
		return nil, Delta{}, ErrStale
	}
	g := &Group{cfg: j.cfg, store: newStore(nil), state: j.state}
	return g, g.found(), nil
}

// String names the epoch that is joined, no more.
func (j *StagedJoin) String() string {
	return fmt.Sprintf("mls.StagedJoin{suite %#04x, epoch %d}", j.state.suite.ID, j.state.context.Epoch)
}

// GoString is String, so that no secret is printed.
func (j *StagedJoin) GoString() string { return j.String() }
