// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"fmt"
	"slices"

	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// StagedCommit is a commit that has been built or verified, but not applied.
type StagedCommit struct {
	base      *state // the epoch that it ends
	next      *state // the epoch that it begins; nil if it removes this client
	tree      *tree.Tree
	committer treemath.Leaf
	aad       []byte
	path      bool
	effects   *provisional

	own     bool
	message []byte
	welcome *welcomeParts
}

// Own reports whether this client made the commit.
func (s *StagedCommit) Own() bool { return s.own }

// Message returns the own commit as an MLSMessage, to be sent to the group.
func (s *StagedCommit) Message() []byte { return slices.Clone(s.message) }

// GroupInfo returns a signed description of the next epoch, as Group.GroupInfo does after
// Apply: for the server to take along with an own commit.
func (s *StagedCommit) GroupInfo(o GroupInfoOptions) ([]byte, error) {
	if s.next == nil {
		return nil, ErrNotMember
	}
	info, err := s.next.groupInfo(o)
	if err != nil {
		return nil, err
	}
	return (&wire.Message{GroupInfo: info}).Bytes(), nil
}

// RatchetTree returns the encoded public tree of the next epoch.
func (s *StagedCommit) RatchetTree() []byte { return s.tree.Bytes() }

// Context returns the group context of the next epoch. If the commit removes this
// client, it is not known and the zero value.
func (s *StagedCommit) Context() GroupContext {
	if s.next == nil {
		return GroupContext{}
	}
	return contextFromWire(&s.next.context)
}

// OldContext returns the group context of the epoch that the commit ends.
func (s *StagedCommit) OldContext() GroupContext { return contextFromWire(&s.base.context) }

// Extensions returns the extensions of the group context after the commit.
func (s *StagedCommit) Extensions() []Extension { return extensionsFromWire(s.effects.extensions) }

// Epoch returns the epoch that the commit begins.
func (s *StagedCommit) Epoch() uint64 { return s.base.context.Epoch + 1 }

// Export derives a secret of the next epoch (RFC 9420, Section 8.5).
func (s *StagedCommit) Export(label string, context []byte, n int) ([]byte, error) {
	if s.next == nil {
		return nil, ErrNotMember
	}
	return s.next.export(label, context, n)
}

// EpochAuthenticator is that of the next epoch, nil if the commit removes this
// client.
func (s *StagedCommit) EpochAuthenticator() []byte {
	if s.next == nil {
		return nil
	}
	return slices.Clone(s.next.secrets.Authenticator)
}

// AAD returns the authenticated data that came with the commit.
func (s *StagedCommit) AAD() []byte { return slices.Clone(s.aad) }

// Committer returns the committing member with its leaf before the commit, or the
// Joiner.
func (s *StagedCommit) Committer() Member {
	if m, ok := s.Joiner(); ok {
		return m
	}
	return Member{LeafIndex(s.committer), s.base.member(LeafIndex(s.committer))}
}

// Proposals returns what is committed, in the commit's order.
func (s *StagedCommit) Proposals() []Proposal {
	out := make([]Proposal, 0, len(s.effects.proposals))
	for _, q := range s.effects.proposals {
		out = append(out, q.export(s.base.suite))
	}
	return out
}

// Joiner returns the member that joins by this very commit, from outside and without
// having been added (RFC 9420, Section 12.4.3.2), and whether there is one.
func (s *StagedCommit) Joiner() (Member, bool) {
	if !s.effects.outside {
		return Member{}, false
	}
	return Member{LeafIndex(s.committer), s.leafAfter(s.committer)}, true
}

// Rejoins reports whether the Joiner says that it was a member before, and as which:
// one of those Removed.
func (s *StagedCommit) Rejoins() (former Member, ok bool) {
	for _, q := range s.effects.proposals {
		if s.effects.outside && q.proposal.Type == wire.Remove {
			i := LeafIndex(q.proposal.Remove)
			return Member{i, s.base.member(i)}, true
		}
	}
	return Member{}, false
}

// ReInit returns what the group is to be succeeded by, if the commit ends it.
func (s *StagedCommit) ReInit() (r ReInit, ok bool) {
	if s.effects.reinit == nil {
		return ReInit{}, false
	}
	return *reInitFromWire(s.effects.reinit), true
}

// Added returns the new members, the Joiner included.
func (s *StagedCommit) Added() []Member {
	out := make([]Member, 0, len(s.effects.added)+1)
	for _, i := range s.effects.added {
		out = append(out, Member{LeafIndex(i), s.leafAfter(i)})
	}
	if m, ok := s.Joiner(); ok {
		out = append(out, m)
	}
	return out
}

// Removed returns the members that leave, with their last leaves.
func (s *StagedCommit) Removed() []Member {
	out := make([]Member, 0, len(s.effects.removed))
	for _, i := range s.effects.removed {
		out = append(out, Member{LeafIndex(i), s.base.member(LeafIndex(i))})
	}
	return out
}

// Updated returns the leaves that are replaced, that of a committing member included
// if the commit has a path.
func (s *StagedCommit) Updated() []MemberUpdate {
	list := slices.Clone(s.effects.updated)
	if s.path && !s.effects.outside {
		list = append(list, s.committer)
	}
	out := make([]MemberUpdate, 0, len(list))
	for _, i := range list {
		out = append(out, MemberUpdate{LeafIndex(i), s.base.member(LeafIndex(i)), s.leafAfter(i)})
	}
	return out
}

func (s *StagedCommit) leafAfter(i treemath.Leaf) *LeafNode {
	if l := s.tree.Leaf(i); l != nil {
		return &LeafNode{l.LeafNode}
	}
	return nil
}

// RemovesSelf reports whether this client leaves the group by the commit.
func (s *StagedCommit) RemovesSelf() bool { return s.next == nil }

// String tells nothing secret.
func (s *StagedCommit) String() string {
	return fmt.Sprintf("mls.StagedCommit{epoch %d, own %t}", s.Epoch(), s.own)
}

// GoString is String, so that no secret is printed.
func (s *StagedCommit) GoString() string { return s.String() }
