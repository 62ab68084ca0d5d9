// SPDX-License-Identifier: Apache-2.0

package mls

// Received is an *ApplicationMessage, a *ReceivedProposal or a *StagedCommit.
type Received interface{ received() }

// ApplicationMessage is a verified and decrypted message. Its key is erased by
// the delta that came with it.
type ApplicationMessage struct {
	Sender     LeafIndex
	Leaf       *LeafNode // the sender's leaf in the message's epoch
	Epoch      uint64
	Generation uint32
	AAD        []byte
	Data       []byte
}

// ReceivedProposal is a verified proposal, which waits for a commit.
type ReceivedProposal struct {
	Proposal Proposal
	AAD      []byte
}

// Proposal is a proposed change of the group (RFC 9420, Section 12.1).
type Proposal struct {
	Type ProposalType
	// Sender is the proposing member, if External is false.
	Sender   LeafIndex
	External bool
	// Ref identifies a proposal that was sent by itself; nil if it came by
	// value within a commit.
	Ref []byte
	// One of these is set, according to Type.
	Add        *KeyPackage
	Update     *LeafNode
	Remove     LeafIndex
	Extensions []Extension
}

// Member is a leaf with its index.
type Member struct {
	Index LeafIndex
	Leaf  *LeafNode
}

// MemberUpdate is a leaf that is replaced.
type MemberUpdate struct {
	Index    LeafIndex
	Old, New *LeafNode
}

// StagedCommit is a commit that has been built or verified, but not applied.
type StagedCommit struct{}

// Own reports whether this client made the commit.
func (s *StagedCommit) Own() bool { return false }

// Message returns the own commit as an MLSMessage, to be sent to the group.
func (s *StagedCommit) Message() []byte { return nil }

// Welcome returns the welcome for one of the added members, as an MLSMessage.
func (s *StagedCommit) Welcome(kp *KeyPackage) ([]byte, error) { return nil, errNotYet }

// RatchetTree returns the encoded public tree of the next epoch.
func (s *StagedCommit) RatchetTree() []byte { return nil }

// Context returns the group context of the next epoch.
func (s *StagedCommit) Context() GroupContext { return GroupContext{} }

// OldContext returns the group context of the epoch that the commit ends.
func (s *StagedCommit) OldContext() GroupContext { return GroupContext{} }

// Epoch returns the epoch that the commit begins.
func (s *StagedCommit) Epoch() uint64 { return 0 }

// Export derives a secret of the next epoch (RFC 9420, Section 8.5).
func (s *StagedCommit) Export(label string, context []byte, n int) ([]byte, error) {
	return nil, errNotYet
}

// EpochAuthenticator is that of the next epoch.
func (s *StagedCommit) EpochAuthenticator() []byte { return nil }

// AAD returns the authenticated data that came with the commit.
func (s *StagedCommit) AAD() []byte { return nil }

// Committer returns the committing member with its leaf before the commit.
func (s *StagedCommit) Committer() Member { return Member{} }

// Proposals returns what is committed, in the commit's order.
func (s *StagedCommit) Proposals() []Proposal { return nil }

// Added returns the new members.
func (s *StagedCommit) Added() []Member { return nil }

// Removed returns the members that leave, with their last leaves.
func (s *StagedCommit) Removed() []Member { return nil }

// Updated returns the leaves that are replaced, the committer's included if the
// commit has a path.
func (s *StagedCommit) Updated() []MemberUpdate { return nil }

// RemovesSelf reports whether this client leaves the group by the commit.
func (s *StagedCommit) RemovesSelf() bool { return false }

func (*ApplicationMessage) received() {}
func (*ReceivedProposal) received()   {}
func (*StagedCommit) received()       {}
