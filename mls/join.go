// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"iter"
	"time"
)

// Welcome is a decoded, still sealed invitation (RFC 9420, Section 12.4.3.1).
type Welcome struct{}

// ParseWelcome decodes an MLSMessage that holds a welcome.
func ParseWelcome(b []byte) (*Welcome, error) { return nil, errNotYet }

// CipherSuite is the suite of the welcome.
func (w *Welcome) CipherSuite() CipherSuite { return 0 }

// Recipients returns the references of the key packages it is sealed to.
func (w *Welcome) Recipients() [][]byte { return nil }

// JoinParams is what joining needs.
type JoinParams struct {
	Welcome    *Welcome
	KeyPackage *KeyPackage
	Private    *KeyPackagePrivate
	// RatchetTree is needed if the welcome carries none.
	RatchetTree []byte
	// Known reports whether a group of that identifier is being taken part in:
	// it cannot be joined again. Nil knows none.
	Known func(groupID []byte) bool
	Now   time.Time
}

// StagedJoin is an opened and verified welcome that is not applied yet.
type StagedJoin struct{}

// StageJoin opens a welcome and verifies the group that it describes.
func StageJoin(p JoinParams, cfg Config) (*StagedJoin, error) { return nil, errNotYet }

// Context returns the group context.
func (j *StagedJoin) Context() GroupContext { return GroupContext{} }

// Inviter is the member that made the welcome.
func (j *StagedJoin) Inviter() Member { return Member{} }

// OwnLeaf is the index of the joining client.
func (j *StagedJoin) OwnLeaf() LeafIndex { return 0 }

// Members iterates over the members from left to right.
func (j *StagedJoin) Members() iter.Seq2[LeafIndex, *LeafNode] {
	return func(func(LeafIndex, *LeafNode) bool) {}
}

// GroupInfoExtensions returns the extensions of the group info.
func (j *StagedJoin) GroupInfoExtensions() []Extension { return nil }

// Apply joins: the group, and the records to persist. Delete the private part of the
// key package in the same transaction, unless it is a last resort.
func (j *StagedJoin) Apply() (*Group, Delta, error) { return nil, Delta{}, errNotYet }
