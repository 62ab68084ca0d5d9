// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/mls"
)

// extensionGroupState is the MLS extension, of the private-use range (RFC
// 9420, Section 17.3), in which all members keep what they agree on.
const extensionGroupState mls.ExtensionType = 0xF5C1

// errRule means that a member did what the group's rules do not allow.
var errRule = errors.New("a member's client broke the rules of the conversation")

// groupState is what all members agree on: part of the MLS GroupContext.
type groupState struct {
	Version uint8          `cbor:"1,keyasint"`
	Host    string         `cbor:"2,keyasint"`
	Group   bool           `cbor:"3,keyasint"`
	Title   string         `cbor:"4,keyasint,omitempty"`
	Roles   []records.Role `cbor:"5,keyasint,omitempty"` // by address, sorted
	Timer   uint32         `cbor:"6,keyasint,omitempty"` // seconds
}

func (s groupState) extension() (mls.Extension, error) {
	b, err := dcbor.Marshal(s)
	return mls.Extension{Type: extensionGroupState, Data: b}, err
}

func parseGroupState(extensions []mls.Extension) (groupState, error) {
	i := slices.IndexFunc(extensions, isGroupState)
	if i < 0 {
		return groupState{}, fmt.Errorf("%w: no group state", errRule)
	}
	if len(extensions) != 1 {
		return groupState{}, fmt.Errorf("%w: a property that no conversation has", errRule)
	}
	var s groupState
	if err := dcbor.Unmarshal(extensions[i].Data, &s); err != nil {
		return groupState{}, fmt.Errorf("%w: group state: %w", errRule, err)
	}
	if s.Version != records.Version || len(s.Title) > chat.MaxTitle || !utf8.ValidString(s.Title) {
		return groupState{}, fmt.Errorf("%w: group state", errRule)
	}
	for i, r := range s.Roles {
		a, err := account.ParseAddress(r.Address)
		unsorted := i > 0 && s.Roles[i-1].Address >= r.Address
		if err != nil || a.String() != r.Address || unsorted || r.Role == chat.RoleMember || r.Role > chat.RoleOwner {
			return groupState{}, fmt.Errorf("%w: roles", errRule)
		}
	}
	return s, nil
}

func isGroupState(e mls.Extension) bool { return e.Type == extensionGroupState }

func (s groupState) role(address string) chat.Role {
	for _, r := range s.Roles {
		if r.Address == address {
			return r.Role
		}
	}
	return chat.RoleMember
}

// withRole returns the state with another role for an address.
func (s groupState) withRole(address string, role chat.Role) groupState {
	s.Roles = slices.DeleteFunc(slices.Clone(s.Roles), func(r records.Role) bool { return r.Address == address })
	if role != chat.RoleMember {
		s.Roles = append(s.Roles, records.Role{Address: address, Role: role})
		slices.SortFunc(s.Roles, func(a, b records.Role) int { return strings.Compare(a.Address, b.Address) })
	}
	return s
}

// withRoles returns the state with other roles for some addresses.
func (s groupState) withRoles(all []records.Role) groupState {
	for _, r := range all {
		s = s.withRole(r.Address, r.Role)
	}
	return s
}

func (s groupState) equal(o groupState) bool {
	return s.Version == o.Version && s.Host == o.Host && s.Group == o.Group && s.Title == o.Title &&
		s.Timer == o.Timer && slices.Equal(s.Roles, o.Roles)
}

// leafCredential returns who a leaf claims to be.
func leafCredential(leaf *mls.LeafNode) (account.Credential, error) {
	c := leaf.Credential()
	if c.Type != mls.CredentialBasic {
		return account.Credential{}, fmt.Errorf("%w: credential of an unknown type", errRule)
	}
	cred, err := account.ParseCredential(c.Data)
	if err != nil {
		return account.Credential{}, fmt.Errorf("%w: credential: %w", errRule, err)
	}
	return cred, nil
}

// rules is what a commit is judged by: what all members agreed on before it.
type rules struct {
	state  groupState
	leaves map[string][]mls.LeafIndex // by address
	idle   records.IdleCommits
}

func (c *conversation) rules() rules { return rules{c.state, c.index(), c.rec.Idle} }

// judge says whether a commit does only what the roles of the state before it
// allow. It returns the state after it. The group context has no extension but
// the state, so that nothing else changes unnoticed.
func (r rules) judge(s *mls.StagedCommit) (groupState, error) {
	old := r.state
	next, err := old, error(nil)
	if !s.RemovesSelf() { // who is removed does not see the next state
		next, err = parseGroupState(s.Context().Extensions)
	}
	if err != nil {
		return groupState{}, err
	}
	if next.Host != old.Host || next.Group != old.Group {
		return groupState{}, fmt.Errorf("%w: the conversation's place or kind changed", errRule)
	}
	committer, err := leafCredential(s.Committer().Leaf)
	if err != nil {
		return groupState{}, err
	}
	again := addedAgain(s)
	for _, p := range s.Proposals() {
		author := committer
		if p.External {
			return groupState{}, fmt.Errorf("%w: a proposal from outside", errRule)
		}
		if p.Ref != nil && p.Sender != s.Committer().Index {
			if author, err = senderOf(s, p); err != nil {
				return groupState{}, err
			}
		}
		if err := r.judgeProposal(author.Address.String(), p, s, again); err != nil {
			return groupState{}, err
		}
	}
	if !s.RemovesSelf() {
		if err := r.judgeState(next, committer.Address.String(), s); err != nil {
			return groupState{}, err
		}
	}
	for _, u := range s.Updated() {
		was, err := leafCredential(u.Old)
		if err != nil {
			return groupState{}, err
		}
		is, err := leafCredential(u.New)
		if err != nil || is != was || string(u.New.SignatureKey()) != string(u.Old.SignatureKey()) {
			return groupState{}, fmt.Errorf("%w: a member changed identity", errRule)
		}
	}
	return next, nil
}

// senderOf finds the author of a proposal that was sent by itself. Authors who
// leave by the very commit are among the removed.
func senderOf(s *mls.StagedCommit, p mls.Proposal) (account.Credential, error) {
	for _, m := range s.Removed() {
		if m.Index == p.Sender {
			return leafCredential(m.Leaf)
		}
	}
	for _, u := range s.Updated() {
		if u.Index == p.Sender {
			return leafCredential(u.Old)
		}
	}
	return account.Credential{}, fmt.Errorf("%w: a proposal of nobody", errRule)
}

// addedAgain returns the addresses of those whom a commit removes and adds: their
// devices lost the conversation.
func addedAgain(s *mls.StagedCommit) map[string]bool {
	removed, again := map[string]bool{}, map[string]bool{}
	for _, m := range s.Removed() {
		if cred, err := leafCredential(m.Leaf); err == nil {
			removed[cred.Address.String()] = true
		}
	}
	for _, p := range s.Proposals() {
		if p.Type != mls.ProposalAdd {
			continue
		}
		if cred, err := leafCredential(p.Add.LeafNode()); err == nil && removed[cred.Address.String()] {
			again[cred.Address.String()] = true
		}
	}
	return again
}

func (r rules) judgeProposal(author string, p mls.Proposal, s *mls.StagedCommit, again map[string]bool) error {
	old := r.state
	role := old.role(author)
	switch p.Type {
	case mls.ProposalUpdate, mls.ProposalSelfRemove:
		return nil
	case mls.ProposalGroupContextExtensions:
		return nil // judgeState looks at what changes
	case mls.ProposalAdd:
		cred, err := leafCredential(p.Add.LeafNode())
		if err != nil {
			return err
		}
		if !old.Group && again[cred.Address.String()] && cred.Address.String() != author {
			return nil
		}
		if !old.Group && s.Epoch() > 1 {
			return fmt.Errorf("%w: a third person in a conversation of two", errRule)
		}
		if role < chat.RoleAdmin {
			return fmt.Errorf("%w: a member who is no administrator added somebody", errRule)
		}
		return nil
	case mls.ProposalRemove:
		for _, m := range s.Removed() {
			cred, err := leafCredential(m.Leaf)
			if err != nil {
				return err
			}
			removed := cred.Address.String()
			if !old.Group && again[removed] {
				continue
			}
			if m.Index == p.Remove && removed != author && role <= old.role(removed) && !r.mayEject(removed) {
				return fmt.Errorf("%w: somebody was removed by a member without that right", errRule)
			}
		}
		return nil
	}
	return fmt.Errorf("%w: a change of an unknown kind", errRule)
}

func (r rules) judgeState(next groupState, author string, s *mls.StagedCommit) error {
	old := r.state
	role := old.role(author)
	if next.Title != old.Title && (role < chat.RoleAdmin || !old.Group) {
		return fmt.Errorf("%w: renamed by a member without that right", errRule)
	}
	if next.Timer != old.Timer && role < chat.RoleAdmin && old.Group {
		return fmt.Errorf("%w: timer set by a member without that right", errRule)
	}
	return r.judgeRoles(next, role == chat.RoleOwner, s)
}

// judgeRoles lets owners alone give roles and take them, and has a role go with
// its member: who is added has none but what an owner gives, whatever the state
// still says of an earlier time.
func (r rules) judgeRoles(next groupState, owner bool, s *mls.StagedCommit) error {
	added, after := r.effect(s)
	for _, one := range next.Roles {
		given := one.Role != r.state.role(one.Address) || added[one.Address]
		if given && !(owner && after[one.Address] > 0) {
			return fmt.Errorf("%w: a role was given by a member without that right, or to nobody", errRule)
		}
	}
	for _, one := range r.state.Roles {
		taken := next.role(one.Address) == chat.RoleMember
		if taken && !owner && after[one.Address] > 0 && !added[one.Address] {
			return fmt.Errorf("%w: a role was taken by a member without that right", errRule)
		}
	}
	return nil
}

// effect returns who is new by a commit, and how many leaves everybody has
// after it.
func (r rules) effect(s *mls.StagedCommit) (added map[string]bool, after map[string]int) {
	added, after = map[string]bool{}, map[string]int{}
	for address, leaves := range r.leaves {
		after[address] = len(leaves)
	}
	for _, m := range s.Removed() {
		if cred, err := leafCredential(m.Leaf); err == nil {
			after[cred.Address.String()]--
		}
	}
	for _, m := range s.Added() {
		if cred, err := leafCredential(m.Leaf); err == nil {
			address := cred.Address.String()
			after[address]++
			added[address] = len(r.leaves[address]) == 0
		}
	}
	return added, after
}
