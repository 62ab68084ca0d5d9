// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"errors"
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/mls/internal/framing"
	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/secrettree"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
)

// CipherSuite is a code point of the MLS cipher suite registry (RFC 9420,
// Section 17.1).
type CipherSuite uint16

// The suites that this package implements. It lacks 4 and 6 of RFC 9420: neither the
// standard library nor golang.org/x/crypto has X448 and Ed448.
const (
	// SuiteX25519AES128 is MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519.
	SuiteX25519AES128 CipherSuite = 0x0001
	// SuiteP256AES128 is MLS_128_DHKEMP256_AES128GCM_SHA256_P256.
	SuiteP256AES128 CipherSuite = 0x0002
	// SuiteX25519ChaCha20 is MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519.
	SuiteX25519ChaCha20 CipherSuite = 0x0003
	// SuiteP521AES256 is MLS_256_DHKEMP521_AES256GCM_SHA512_P521.
	SuiteP521AES256 CipherSuite = 0x0005
	// SuiteP384AES256 is MLS_256_DHKEMP384_AES256GCM_SHA384_P384.
	SuiteP384AES256 CipherSuite = 0x0007

	// Those of draft-ietf-mls-pq-ciphersuites with traditional signatures have no code
	// point yet: these are from the private-use range. AliasSuite gives them others.

	// SuiteXWingAES128 is MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519.
	SuiteXWingAES128 CipherSuite = 0xF001
	// SuiteXWingAES256 is MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519.
	SuiteXWingAES256 CipherSuite = 0xF002
	// SuiteMLKEM768P256AES128 is MLS_128_MLKEM768P256_AES128GCM_SHA256_P256.
	SuiteMLKEM768P256AES128 CipherSuite = 0xF003
	// SuiteMLKEM768P256AES256 is MLS_128_MLKEM768P256_AES256GCM_SHA384_P256.
	SuiteMLKEM768P256AES256 CipherSuite = 0xF004
	// SuiteMLKEM1024P384AES256 is MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384.
	SuiteMLKEM1024P384AES256 CipherSuite = 0xF005
	// SuiteMLKEM768Ed25519 is MLS_128_MLKEM768_AES256GCM_SHA384_Ed25519.
	SuiteMLKEM768Ed25519 CipherSuite = 0xF006
	// SuiteMLKEM768P256 is MLS_128_MLKEM768_AES256GCM_SHA384_P256.
	SuiteMLKEM768P256 CipherSuite = 0xF007
	// SuiteMLKEM1024P384 is MLS_192_MLKEM1024_AES256GCM_SHA384_P384.
	SuiteMLKEM1024P384 CipherSuite = 0xF008

	// Other implementations chose for themselves, and derive the keys of X-Wing as its
	// own draft does (draft-connolly-cfrg-xwing-kem). DefaultCapabilities lists
	// neither.

	// SuiteXWingAES256OpenMLS otherwise has the parts of SuiteXWingAES256.
	SuiteXWingAES256OpenMLS CipherSuite = 0x004E
	// SuiteXWingAES256TSMLS is MLS_256_XWING_AES256GCM_SHA512_Ed25519 of ts-mls.
	SuiteXWingAES256TSMLS CipherSuite = 0x0053
)

// AliasSuite lets the parts of an implemented suite be used under another code point: one
// that peers have agreed on, or that has been assigned since. It holds for the whole
// program and belongs into its initialization; DefaultCapabilities does not list it.
func AliasSuite(alias, parts CipherSuite) error {
	if isGREASE(uint16(alias)) {
		return fmt.Errorf("mls: cipher suite %#04x: %w", uint16(alias), suite.ErrTaken)
	}
	if err := suite.Alias(uint16(alias), uint16(parts)); err != nil {
		return fmt.Errorf("mls: cipher suite %#04x: %w", uint16(alias), err)
	}
	return nil
}

// DefaultCipherSuite keeps recorded traffic closed to quantum computers.
const DefaultCipherSuite = SuiteXWingAES256

// LeafIndex numbers the members of a group from the left of its tree. The index of
// a removed member is given to a later one.
type LeafIndex uint32

// ExtensionType is a code point of the MLS extension registry (RFC 9420,
// Section 17.3).
type ExtensionType uint16

// Extension types of RFC 9420 and of draft-ietf-mls-extensions.
const (
	ExtensionApplicationID        ExtensionType = 0x0001
	ExtensionRatchetTree          ExtensionType = 0x0002
	ExtensionRequiredCapabilities ExtensionType = 0x0003
	ExtensionExternalPub          ExtensionType = 0x0004
	ExtensionExternalSenders      ExtensionType = 0x0005
	ExtensionAppDataDictionary    ExtensionType = 0x0006
)

// Extension is one extension of a key package, leaf, group or group info.
type Extension struct {
	Type ExtensionType
	Data []byte
}

// ProposalType is a code point of the MLS proposal registry (RFC 9420,
// Section 17.4).
type ProposalType uint16

// Proposal types of RFC 9420 and of draft-ietf-mls-extensions.
const (
	ProposalAdd                    ProposalType = 0x0001
	ProposalUpdate                 ProposalType = 0x0002
	ProposalRemove                 ProposalType = 0x0003
	ProposalPSK                    ProposalType = 0x0004
	ProposalReInit                 ProposalType = 0x0005
	ProposalExternalInit           ProposalType = 0x0006
	ProposalGroupContextExtensions ProposalType = 0x0007
	ProposalAppDataUpdate          ProposalType = 0x0008
	ProposalAppEphemeral           ProposalType = 0x0009
	ProposalSelfRemove             ProposalType = 0x000a
)

// CredentialType is a code point of the MLS credential registry (RFC 9420,
// Section 17.5).
type CredentialType uint16

// Credential types of RFC 9420.
const (
	CredentialBasic CredentialType = 0x0001
	CredentialX509  CredentialType = 0x0002
)

// Credential binds an identity to a signature key (RFC 9420, Section 5.3). Whether
// the binding is genuine is for the application to say.
type Credential struct {
	Type CredentialType
	// Data is the identity of a basic credential, or the encoded list of
	// certificates of an X.509 one.
	Data []byte
}

// BasicCredential returns a credential that asserts identity.
func BasicCredential(identity []byte) Credential {
	return Credential{Type: CredentialBasic, Data: identity}
}

// Capabilities tells what a client supports (RFC 9420, Section 7.2). Types that the
// RFC calls default are not listed.
type Capabilities struct {
	Versions     []uint16
	CipherSuites []CipherSuite
	Extensions   []ExtensionType
	Proposals    []ProposalType
	Credentials  []CredentialType
}

// Lifetime is the time during which a leaf from a key package is valid
// (RFC 9420, Section 7.2), to the second.
type Lifetime struct {
	NotBefore, NotAfter time.Time
}

// SenderType says in which role the sender of a message speaks (RFC 9420, Section 6).
type SenderType uint8

// The roles of senders.
const (
	SenderMember            SenderType = 1
	SenderExternal          SenderType = 2 // one of the external_senders extension
	SenderNewMemberProposal SenderType = 3 // a client that proposes to add itself
	SenderNewMemberCommit   SenderType = 4 // a client that joins by its commit
)

// WireFormat says how a handshake message travels (RFC 9420, Section 6).
type WireFormat uint8

const (
	// PrivateWire encrypts the message, so that the delivery service sees only
	// group and epoch. It is the default.
	PrivateWire WireFormat = iota
	// PublicWire signs and authenticates the message without encryption.
	PublicWire
)

// Record is one entry of a group's persistent state.
type Record struct {
	Key   string
	Value []byte
}

// Delta is a change of a group's persistent state, to be persisted whole, in
// the order in which deltas were returned. Values hold secrets: they belong in
// a store that is sealed at rest and that really erases what is deleted or
// overwritten. No key is both put and deleted.
type Delta struct {
	Put    []Record
	Delete []string
}

// Reader reads what deltas have persisted for one group.
type Reader interface {
	// Get returns the value of key, or nil and no error where there is none.
	// The value stays the reader's: it is copied before it is kept.
	Get(key string) ([]byte, error)
}

// PSKs finds external pre-shared keys (RFC 9420, Section 8.4).
type PSKs interface {
	// ExternalPSK returns the key that id names. Any error makes the commit
	// or welcome that needs the key fail with ErrUnknownPSK.
	ExternalPSK(id []byte) ([]byte, error)
}

// Errors that callers tell apart with errors.Is.
var (
	// ErrMalformed: the bytes are no encoding of what they should be.
	ErrMalformed = errors.New("mls: malformed")
	// ErrInvalid: a rule of the protocol is broken. BrokenRule names it.
	ErrInvalid = rule.ErrInvalid
	// ErrUnsupported: a suite, version or feature that this package lacks.
	ErrUnsupported = errors.New("mls: unsupported")
	// ErrOtherGroup: the message is for another group.
	ErrOtherGroup = errors.New("mls: message of another group")
	// ErrEpochTooOld: the message is from an epoch whose keys are gone.
	ErrEpochTooOld = errors.New("mls: epoch is too old")
	// ErrEpochAhead: the message is from an epoch that is not reached yet.
	ErrEpochAhead = errors.New("mls: epoch is ahead")
	// ErrOwnMessage: the message was sent by this very member.
	ErrOwnMessage = errors.New("mls: own message")
	// ErrKeyUsed: the message's key was used already (a replay) or erased.
	ErrKeyUsed = secrettree.ErrUsed
	// ErrTooFarAhead: the message skips more generations than are followed.
	ErrTooFarAhead = secrettree.ErrTooFar
	// ErrDecrypt: the message does not decrypt.
	ErrDecrypt = framing.ErrDecrypt
	// ErrNotMember: this client has been removed from the group.
	ErrNotMember = errors.New("mls: not a member")
	// ErrReInit: the group has ended by a ReInit; its successor takes over.
	ErrReInit = errors.New("mls: group is reinitialized")
	// ErrPendingProposals: proposals wait for a commit, which must come before
	// application data (RFC 9420, Section 12.4).
	ErrPendingProposals = errors.New("mls: proposals wait for a commit")
	// ErrPendingCommit: an own commit is staged; apply or discard it first.
	ErrPendingCommit = errors.New("mls: own commit is pending")
	// ErrStale: the staged commit does not belong to the group's present state.
	ErrStale = errors.New("mls: staged commit is stale")
	// ErrUnknownProposal: a commit refers to a proposal that was not seen.
	ErrUnknownProposal = errors.New("mls: unknown proposal")
	// ErrUnknownPSK: a pre-shared key is not available.
	ErrUnknownPSK = errors.New("mls: unknown pre-shared key")
	// ErrNotForUs: a welcome is not addressed to this key package.
	ErrNotForUs = errors.New("mls: welcome for another key package")
	// ErrNoTree: a welcome carries no ratchet tree and none was given.
	ErrNoTree = errors.New("mls: ratchet tree is missing")
	// ErrNoState: the reader holds no group.
	ErrNoState = errors.New("mls: no state")
)
