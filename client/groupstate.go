// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/internal/dcbor"
	"github.com/securecrypt/securecrypt/mls"
)

// extensionGroupState is the MLS extension, of the private-use range (RFC
// 9420, Section 17.3), in which all members keep what they agree on.
const extensionGroupState mls.ExtensionType = 0xF5C1

// MaxTitle bounds a group's title in bytes.
const MaxTitle = 256

// errRule means that a member did what the group's rules do not allow.
var errRule = errors.New("a member's client broke the rules of the conversation")

// groupState is what all members agree on: part of the MLS GroupContext.
type groupState struct {
	Version uint8        `cbor:"1,keyasint"`
	Host    string       `cbor:"2,keyasint"`
	Group   bool         `cbor:"3,keyasint"`
	Title   string       `cbor:"4,keyasint,omitempty"`
	Roles   []roleRecord `cbor:"5,keyasint,omitempty"` // by address, sorted
	Timer   uint32       `cbor:"6,keyasint,omitempty"` // seconds
}

type roleRecord struct {
	Address string `cbor:"1,keyasint"`
	Role    Role   `cbor:"2,keyasint"`
}

func (s groupState) extension() (mls.Extension, error) {
	b, err := dcbor.Marshal(s)
	return mls.Extension{Type: extensionGroupState, Data: b}, err
}

func parseGroupState(extensions []mls.Extension) (groupState, error) {
	i := slices.IndexFunc(extensions, func(e mls.Extension) bool { return e.Type == extensionGroupState })
	if i < 0 {
		return groupState{}, fmt.Errorf("%w: no group state", errRule)
	}
	var s groupState
	if err := dcbor.Unmarshal(extensions[i].Data, &s); err != nil {
		return groupState{}, fmt.Errorf("%w: group state: %w", errRule, err)
	}
	if s.Version != recordVersion || len(s.Title) > MaxTitle || !utf8.ValidString(s.Title) {
		return groupState{}, fmt.Errorf("%w: group state", errRule)
	}
	sorted := slices.IsSortedFunc(s.Roles, func(a, b roleRecord) int { return strings.Compare(a.Address, b.Address) })
	if !sorted {
		return groupState{}, fmt.Errorf("%w: roles", errRule)
	}
	for _, r := range s.Roles {
		if _, err := account.ParseAddress(r.Address); err != nil || r.Role == RoleMember || r.Role > RoleOwner {
			return groupState{}, fmt.Errorf("%w: roles", errRule)
		}
	}
	return s, nil
}

func (s groupState) role(address string) Role {
	for _, r := range s.Roles {
		if r.Address == address {
			return r.Role
		}
	}
	return RoleMember
}

// withRole returns the state with another role for an address.
func (s groupState) withRole(address string, role Role) groupState {
	s.Roles = slices.DeleteFunc(slices.Clone(s.Roles), func(r roleRecord) bool { return r.Address == address })
	if role != RoleMember {
		s.Roles = append(s.Roles, roleRecord{address, role})
		slices.SortFunc(s.Roles, func(a, b roleRecord) int { return strings.Compare(a.Address, b.Address) })
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

// judge says whether a commit does only what the roles of the state before it
// allow. It returns the state after it.
func judge(old groupState, s *mls.StagedCommit) (groupState, error) {
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
	for _, p := range s.Proposals() {
		author := committer
		if p.Ref != nil && !p.External && p.Sender != s.Committer().Index {
			if author, err = senderOf(s, p); err != nil {
				return groupState{}, err
			}
		}
		if err := judgeProposal(old, author.Address.String(), p, s); err != nil {
			return groupState{}, err
		}
	}
	if !next.equal(old) {
		if err := judgeState(old, next, committer.Address.String()); err != nil {
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

func judgeProposal(old groupState, author string, p mls.Proposal, s *mls.StagedCommit) error {
	role := old.role(author)
	switch p.Type {
	case mls.ProposalUpdate, mls.ProposalSelfRemove:
		return nil
	case mls.ProposalGroupContextExtensions:
		return nil // judgeState looks at what changes
	case mls.ProposalAdd:
		if !old.Group && s.Epoch() > 1 {
			return fmt.Errorf("%w: a third person in a conversation of two", errRule)
		}
		if role < RoleAdmin {
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
			if m.Index == p.Remove && removed != author && role <= old.role(removed) {
				return fmt.Errorf("%w: somebody was removed by a member without that right", errRule)
			}
		}
		return nil
	}
	return fmt.Errorf("%w: a change of an unknown kind", errRule)
}

func judgeState(old, next groupState, author string) error {
	role := old.role(author)
	if next.Title != old.Title && (role < RoleAdmin || !old.Group) {
		return fmt.Errorf("%w: renamed by a member without that right", errRule)
	}
	if next.Timer != old.Timer && role < RoleAdmin && old.Group {
		return fmt.Errorf("%w: timer set by a member without that right", errRule)
	}
	if !slices.Equal(next.Roles, old.Roles) && role < RoleOwner {
		return fmt.Errorf("%w: roles changed by a member without that right", errRule)
	}
	return nil
}
