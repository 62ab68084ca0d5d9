// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"iter"
	"time"
)

// GroupParams describes a group to be created.
type GroupParams struct {
	Suite          CipherSuite
	GroupID        []byte // empty: drawn at random
	SigningKey     *SigningKey
	Credential     Credential
	Capabilities   Capabilities // zero: DefaultCapabilities
	Lifetime       Lifetime
	LeafExtensions []Extension
	Extensions     []Extension // of the group context
}

// Group is a member's state of a group.
type Group struct{}

// CreateGroup creates a group with one member (RFC 9420, Section 11).
func CreateGroup(p GroupParams, cfg Config) (*Group, Delta, error) {
	return nil, Delta{}, errNotYet
}

// LoadGroup restores a group from what its deltas persisted. The group keeps r and
// reads from it on demand.
func LoadGroup(r Reader, cfg Config) (*Group, error) { return nil, errNotYet }

// GroupID returns the group's identifier.
func (g *Group) GroupID() []byte { return nil }

// CipherSuite returns the group's suite.
func (g *Group) CipherSuite() CipherSuite { return 0 }

// Epoch returns the present epoch.
func (g *Group) Epoch() uint64 { return 0 }

// Active reports whether this client is still a member.
func (g *Group) Active() bool { return false }

// OwnLeaf returns the index of this client.
func (g *Group) OwnLeaf() LeafIndex { return 0 }

// Member returns the leaf at i, or nil.
func (g *Group) Member(i LeafIndex) *LeafNode { return nil }

// Members iterates over the members from left to right.
func (g *Group) Members() iter.Seq2[LeafIndex, *LeafNode] {
	return func(func(LeafIndex, *LeafNode) bool) {}
}

// GroupContext is what all members of an epoch agree on (RFC 9420, Section 8.1).
type GroupContext struct {
	CipherSuite             CipherSuite
	GroupID                 []byte
	Epoch                   uint64
	TreeHash                []byte
	ConfirmedTranscriptHash []byte
	Extensions              []Extension
}

// Context returns the present group context.
func (g *Group) Context() GroupContext { return GroupContext{} }

// Extensions returns the extensions of the group context.
func (g *Group) Extensions() []Extension { return nil }

// Export derives a secret of n bytes from the epoch (RFC 9420, Section 8.5).
func (g *Group) Export(label string, context []byte, n int) ([]byte, error) {
	return nil, errNotYet
}

// EpochAuthenticator is equal for members that agree on the whole state
// (RFC 9420, Section 8.7).
func (g *Group) EpochAuthenticator() []byte { return nil }

// RatchetTree returns the encoded public tree, for members to join with.
func (g *Group) RatchetTree() []byte { return nil }

// GroupInfoOptions says what a group info carries.
type GroupInfoOptions struct {
	RatchetTree bool // the ratchet_tree extension
	ExternalPub bool // the external_pub extension, for external joins
	Extensions  []Extension
}

// GroupInfo returns a signed description of the epoch (RFC 9420,
// Section 12.4.3) as an MLSMessage.
func (g *Group) GroupInfo(o GroupInfoOptions) ([]byte, error) { return nil, errNotYet }

// PendingProposals returns the proposals of this epoch that wait for a commit.
func (g *Group) PendingProposals() []Proposal { return nil }

// PendingCommit returns the own commit that is neither applied nor discarded, or
// nil. It survives LoadGroup.
func (g *Group) PendingCommit() *StagedCommit { return nil }

// ProtectOptions are the options of Protect.
type ProtectOptions struct {
	// AAD is authenticated and travels in the clear.
	AAD []byte
	// Padding is how many zero bytes are added inside the encryption.
	Padding int
}

// Protect encrypts and signs application data (RFC 9420, Section 15).
func (g *Group) Protect(data []byte, o ProtectOptions) ([]byte, Delta, error) {
	return nil, Delta{}, errNotYet
}

// Process verifies a message of the group: an MLSMessage that holds a
// PrivateMessage or PublicMessage.
func (g *Group) Process(msg []byte, now time.Time) (Received, Delta, error) {
	return nil, Delta{}, errNotYet
}

// CommitOptions says what a commit does.
type CommitOptions struct {
	// Now is the time at which key packages must be valid.
	Now time.Time
	// Add lists the key packages of new members.
	Add []*KeyPackage
	// Remove lists members to remove.
	Remove []LeafIndex
	// Extensions, unless nil, replaces all extensions of the group context.
	Extensions []Extension
	// Pending includes the pending proposals by reference, except those that are
	// invalid or contradict the others.
	Pending bool
	// NoPath leaves out the update path where that is allowed: cheaper, but
	// the committer's keys are not refreshed.
	NoPath bool
	// Leaf changes the own leaf; it forces a path.
	Leaf *LeafUpdate
	// AAD is authenticated and travels in the clear.
	AAD []byte
	// WireFormat of the commit.
	WireFormat WireFormat
	// Padding is how many zero bytes are added inside the encryption.
	Padding int
	// WelcomeInfo says what the welcomes' group info carries. Without the
	// ratchet tree, send StagedCommit.RatchetTree beside the welcome.
	WelcomeInfo GroupInfoOptions
}

// LeafUpdate changes the own leaf beside its encryption key. Nil fields keep
// what is.
type LeafUpdate struct {
	SigningKey   *SigningKey
	Credential   *Credential
	Capabilities *Capabilities
	Extensions   []Extension
}

// Stage builds a commit (RFC 9420, Section 12.4.1). The group stays in its epoch
// until Apply.
func (g *Group) Stage(o CommitOptions) (*StagedCommit, Delta, error) {
	return nil, Delta{}, errNotYet
}

// Apply enters the epoch of a staged commit, own or foreign.
func (g *Group) Apply(s *StagedCommit) (Delta, error) { return Delta{}, errNotYet }

// Discard forgets a staged commit. For a foreign one there is nothing to
// persist.
func (g *Group) Discard(s *StagedCommit) (Delta, error) { return Delta{}, errNotYet }

// ProposalOptions are the options of the Propose methods.
type ProposalOptions struct {
	AAD        []byte
	WireFormat WireFormat
	Padding    int
}

// ProposeAdd proposes to add a client, whose key package must be valid now.
func (g *Group) ProposeAdd(kp *KeyPackage, now time.Time, o ProposalOptions) ([]byte, Delta, error) {
	return nil, Delta{}, errNotYet
}

// ProposeRemove proposes to remove a member.
func (g *Group) ProposeRemove(i LeafIndex, o ProposalOptions) ([]byte, Delta, error) {
	return nil, Delta{}, errNotYet
}

// ProposeUpdate proposes a fresh own leaf.
func (g *Group) ProposeUpdate(u LeafUpdate, o ProposalOptions) ([]byte, Delta, error) {
	return nil, Delta{}, errNotYet
}

// ProposeExtensions proposes to replace all extensions of the group context.
func (g *Group) ProposeExtensions(e []Extension, o ProposalOptions) ([]byte, Delta, error) {
	return nil, Delta{}, errNotYet
}

// ProposeSelfRemove proposes to leave (draft-ietf-mls-extensions). The draft wants
// PublicWire, for external joiners to see it; a group without external joins
// may use PrivateWire, and members accept both.
func (g *Group) ProposeSelfRemove(o ProposalOptions) ([]byte, Delta, error) {
	return nil, Delta{}, errNotYet
}
