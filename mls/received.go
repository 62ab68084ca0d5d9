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
	// Sender is the proposing member, or the place of a SenderExternal in the
	// external_senders extension.
	Sender     LeafIndex
	SenderType SenderType
	// External reports whether the sender is no member.
	External bool
	// Ref identifies a proposal that was sent by itself; nil if it came by
	// value within a commit.
	Ref []byte
	// One of these is set, according to Type.
	Add        *KeyPackage
	Update     *LeafNode
	Remove     LeafIndex
	Extensions []Extension
	PSK        *PSKID
	ReInit     *ReInit
	AppData    *AppDataUpdate
	Ephemeral  *AppEphemeral
	Data       []byte // of a CustomProposal
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

func (*ApplicationMessage) received() {}
func (*ReceivedProposal) received()   {}
func (*StagedCommit) received()       {}
