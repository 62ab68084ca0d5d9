// SPDX-License-Identifier: AGPL-3.0-or-later

package rules

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
	"github.com/securecrypt/securecrypt/internal/codec/order"
	"github.com/securecrypt/securecrypt/mls"
)

// ExtensionType is the MLS extension, of the private-use range (RFC
// 9420, Section 17.3), in which all members keep what they agree on.
const ExtensionType mls.ExtensionType = 0xF5C1

// ErrRule means that a member did what the group's rules do not allow.
var ErrRule = errors.New("a member's client broke the rules of the conversation")

// State is what all members agree on: part of the MLS GroupContext.
type State struct {
	Version uint8          `cbor:"1,keyasint"`
	Host    string         `cbor:"2,keyasint"`
	Group   bool           `cbor:"3,keyasint"`
	Title   string         `cbor:"4,keyasint,omitempty"`
	Roles   []records.Role `cbor:"5,keyasint,omitempty"` // by address, sorted
	Timer   uint32         `cbor:"6,keyasint,omitempty"` // seconds
	// Own: the members are devices of one account, who wrote to itself.
	Own bool `cbor:"7,keyasint,omitempty"`
}

// Extension returns the state as it stands in the group context.
func (s State) Extension() (mls.Extension, error) {
	b, err := dcbor.Marshal(s)
	return mls.Extension{Type: ExtensionType, Data: b}, err
}

// ParseState reads the state from the extensions of a group context, which has no
// others.
func ParseState(extensions []mls.Extension) (State, error) {
	i := slices.IndexFunc(extensions, isGroupState)
	if i < 0 {
		return State{}, fmt.Errorf("%w: no group state", ErrRule)
	}
	if len(extensions) != 1 {
		return State{}, fmt.Errorf("%w: a property that no conversation has", ErrRule)
	}
	var s State
	if err := dcbor.Unmarshal(extensions[i].Data, &s); err != nil {
		return State{}, fmt.Errorf("%w: group state: %w", ErrRule, err)
	}
	if s.Version != records.Version || len(s.Title) > chat.MaxTitle || !utf8.ValidString(s.Title) {
		return State{}, fmt.Errorf("%w: group state", ErrRule)
	}
	if s.Own && s.Group {
		return State{}, fmt.Errorf("%w: group state", ErrRule)
	}
	for i, r := range s.Roles {
		a, err := account.ParseAddress(r.Address)
		unsorted := i > 0 && s.Roles[i-1].Address >= r.Address
		if err != nil || a.String() != r.Address || unsorted || r.Role == chat.RoleMember || r.Role > chat.RoleOwner {
			return State{}, fmt.Errorf("%w: roles", ErrRule)
		}
	}
	return s, nil
}

func isGroupState(e mls.Extension) bool { return e.Type == ExtensionType }

// Role returns the role of an address, that of a member if it has no other.
func (s State) Role(address string) chat.Role {
	for _, r := range s.Roles {
		if r.Address == address {
			return r.Role
		}
	}
	return chat.RoleMember
}

// WithRole returns the state with another role for an address.
func (s State) WithRole(address string, role chat.Role) State {
	s.Roles = slices.DeleteFunc(slices.Clone(s.Roles), func(r records.Role) bool { return r.Address == address })
	if role != chat.RoleMember {
		s.Roles = append(s.Roles, records.Role{Address: address, Role: role})
		order.By(s.Roles, func(a, b records.Role) int { return strings.Compare(a.Address, b.Address) })
	}
	return s
}

// WithRoles returns the state with other roles for some addresses.
func (s State) WithRoles(all []records.Role) State {
	for _, r := range all {
		s = s.WithRole(r.Address, r.Role)
	}
	return s
}

// Equal reports whether two states are the same.
func (s State) Equal(o State) bool {
	return s.Version == o.Version && s.Host == o.Host && s.Group == o.Group && s.Own == o.Own && s.Title == o.Title &&
		s.Timer == o.Timer && slices.Equal(s.Roles, o.Roles)
}

// LeafCredential returns who a leaf claims to be.
func LeafCredential(leaf *mls.LeafNode) (account.Credential, error) {
	c := leaf.Credential()
	if c.Type != mls.CredentialBasic {
		return account.Credential{}, fmt.Errorf("%w: credential of an unknown type", ErrRule)
	}
	cred, err := account.ParseCredential(c.Data)
	if err != nil {
		return account.Credential{}, fmt.Errorf("%w: credential: %w", ErrRule, err)
	}
	return cred, nil
}

// Rules is what a commit is judged by: what all members agreed on before it.
type Rules struct {
	State  State
	Leaves map[string][]mls.LeafIndex // by address
	Idle   records.IdleCommits
}

// Judge says whether a commit does only what the roles of the state before it
// allow. It returns the state after it. The group context has no extension but
// the state, so that nothing else changes unnoticed.
func (r Rules) Judge(s *mls.StagedCommit) (State, error) {
	old := r.State
	next, err := old, error(nil)
	if !s.RemovesSelf() { // who is removed does not see the next state
		next, err = ParseState(s.Context().Extensions)
	}
	if err != nil {
		return State{}, err
	}
	if next.Host != old.Host || next.Group != old.Group || next.Own != old.Own {
		return State{}, fmt.Errorf("%w: the conversation's place or kind changed", ErrRule)
	}
	committer, err := LeafCredential(s.Committer().Leaf)
	if err != nil {
		return State{}, err
	}
	claims, err := claimsOf(s)
	if err != nil {
		return State{}, err
	}
	added, after := r.effect(s)
	for address := range added {
		if after[address] > account.MaxDevices {
			return State{}, fmt.Errorf("%w: more devices of a member than an account can have", ErrRule)
		}
	}
	why := reasons{addedAgain(s), leavers(s), claims}
	for _, p := range s.Proposals() {
		author := committer
		if p.External {
			return State{}, fmt.Errorf("%w: a proposal from outside", ErrRule)
		}
		if p.Ref != nil && p.Sender != s.Committer().Index {
			if author, err = senderOf(s, p); err != nil {
				return State{}, err
			}
		}
		if err := r.judgeProposal(author.Address.String(), p, s, why); err != nil {
			return State{}, err
		}
	}
	if !s.RemovesSelf() {
		if err := r.judgeState(next, committer.Address.String(), s); err != nil {
			return State{}, err
		}
	}
	for _, u := range s.Updated() {
		was, err := LeafCredential(u.Old)
		if err != nil {
			return State{}, err
		}
		is, err := LeafCredential(u.New)
		if err != nil || is != was || string(u.New.SignatureKey()) != string(u.Old.SignatureKey()) {
			return State{}, fmt.Errorf("%w: a member changed identity", ErrRule)
		}
	}
	return next, nil
}

// senderOf finds the author of a proposal that was sent by itself. Authors who
// leave by the very commit are among the removed.
func senderOf(s *mls.StagedCommit, p mls.Proposal) (account.Credential, error) {
	for _, m := range s.Removed() {
		if m.Index == p.Sender {
			return LeafCredential(m.Leaf)
		}
	}
	for _, u := range s.Updated() {
		if u.Index == p.Sender {
			return LeafCredential(u.Old)
		}
	}
	return account.Credential{}, fmt.Errorf("%w: a proposal of nobody", ErrRule)
}

// reasons are what lets a commit remove devices besides the role of its author.
type reasons struct {
	again   map[account.Credential]bool  // devices that it adds, too
	leavers map[string]bool              // people who asked for it
	claims  map[string]records.ChainHead // people whose chain is said to revoke devices
}

// addedAgain returns the devices that a commit removes and adds: they lost the
// conversation.
func addedAgain(s *mls.StagedCommit) map[account.Credential]bool {
	removed, again := map[account.Credential]bool{}, map[account.Credential]bool{}
	for _, m := range s.Removed() {
		if cred, err := LeafCredential(m.Leaf); err == nil {
			removed[cred] = true
		}
	}
	for _, p := range s.Proposals() {
		if p.Type != mls.ProposalAdd {
			continue
		}
		if cred, err := LeafCredential(p.Add.LeafNode()); err == nil && removed[cred] {
			again[cred] = true
		}
	}
	return again
}

func (r Rules) judgeProposal(author string, p mls.Proposal, s *mls.StagedCommit, why reasons) error {
	switch p.Type {
	case mls.ProposalUpdate, mls.ProposalSelfRemove:
		return nil
	case mls.ProposalGroupContextExtensions:
		return nil // judgeState looks at what changes
	case mls.ProposalAdd:
		return r.judgeAdd(author, p, s)
	case mls.ProposalRemove:
		return r.judgeRemove(author, p, s, why)
	}
	return fmt.Errorf("%w: a change of an unknown kind", ErrRule)
}

// judgeAdd lets every member add devices of those who are in the group, and
// administrators add people.
func (r Rules) judgeAdd(author string, p mls.Proposal, s *mls.StagedCommit) error {
	cred, err := LeafCredential(p.Add.LeafNode())
	if err != nil {
		return err
	}
	address := cred.Address.String()
	switch {
	case len(r.Leaves[address]) > 0:
		return nil
	case r.State.Own || !r.State.Group && s.Epoch() > 1:
		return fmt.Errorf("%w: a third person in a conversation of two", ErrRule)
	case !MayAdminister(r.State.Role(author)):
		return fmt.Errorf("%w: a member who is no administrator added somebody", ErrRule)
	}
	return nil
}

// judgeRemove lets members remove those of lower roles, those who leave, and devices
// that are said to be revoked, and add a device again that lost the conversation: their
// own, and in a conversation of two each other's. Whether they are is found out later:
// see Revocations.
func (r Rules) judgeRemove(author string, p mls.Proposal, s *mls.StagedCommit, why reasons) error {
	for _, m := range s.Removed() {
		if m.Index != p.Remove {
			continue
		}
		cred, err := LeafCredential(m.Leaf)
		if err != nil {
			return err
		}
		removed := cred.Address.String()
		_, claimed := why.claims[removed]
		again := why.again[cred] && (removed == author || !r.State.Group)
		if !claimed && !again && !why.leavers[removed] && !r.MayRemove(author, removed) {
			return fmt.Errorf("%w: somebody was removed by a member without that right", ErrRule)
		}
	}
	return nil
}

func (r Rules) judgeState(next State, author string, s *mls.StagedCommit) error {
	old := r.State
	role := old.Role(author)
	if next.Title != old.Title && !(old.Group && MayAdminister(role)) {
		return fmt.Errorf("%w: renamed by a member without that right", ErrRule)
	}
	if next.Timer != old.Timer && !MaySetTimer(old.Group, role) {
		return fmt.Errorf("%w: timer set by a member without that right", ErrRule)
	}
	return r.judgeRoles(next, MayGiveRoles(role), s)
}

// judgeRoles lets owners alone give roles and take them, and has a role go with
// its member: who is added has none but what an owner gives, whatever the state
// still says of an earlier time.
func (r Rules) judgeRoles(next State, owner bool, s *mls.StagedCommit) error {
	added, after := r.effect(s)
	for _, one := range next.Roles {
		given := one.Role != r.State.Role(one.Address) || added[one.Address]
		if given && !(owner && after[one.Address] > 0) {
			return fmt.Errorf("%w: a role was given by a member without that right, or to nobody", ErrRule)
		}
	}
	for _, one := range r.State.Roles {
		taken := next.Role(one.Address) == chat.RoleMember
		if taken && !owner && after[one.Address] > 0 && !added[one.Address] {
			return fmt.Errorf("%w: a role was taken by a member without that right", ErrRule)
		}
	}
	return nil
}

// effect returns who is new by a commit, and how many leaves everybody has
// after it.
func (r Rules) effect(s *mls.StagedCommit) (added map[string]bool, after map[string]int) {
	added, after = map[string]bool{}, map[string]int{}
	for address, leaves := range r.Leaves {
		after[address] = len(leaves)
	}
	for _, m := range s.Removed() {
		if cred, err := LeafCredential(m.Leaf); err == nil {
			after[cred.Address.String()]--
		}
	}
	for _, m := range s.Added() {
		if cred, err := LeafCredential(m.Leaf); err == nil {
			address := cred.Address.String()
			after[address]++
			added[address] = len(r.Leaves[address]) == 0
		}
	}
	return added, after
}

// LeavesByAddress returns the leaves of a group by the addresses in their
// credentials.
func LeavesByAddress(g *mls.Group) map[string][]mls.LeafIndex {
	all := map[string][]mls.LeafIndex{}
	for i, leaf := range g.Members() {
		if cred, err := LeafCredential(leaf); err == nil {
			a := cred.Address.String()
			all[a] = append(all[a], i)
		}
	}
	return all
}
