// SPDX-License-Identifier: AGPL-3.0-or-later

package chat

import (
	"cmp"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/internal/names"
)

// DisplayName returns the name to show for a contact, as NameOf does for an address.
func (c Contact) DisplayName() string {
	return names.DisplayName(c.Name, cmp.Or(c.VerifiedProfile, c.Profile), c.Address.String())
}

// MaxTitle bounds a group's title in bytes.
const MaxTitle = 256

// MaxReporting is how many members a group has at most in which devices say
// what arrived, what was read and who is typing: in larger ones that would be
// most of what is said.
const MaxReporting = 100

// A Role says what a member of a group may do.
type Role uint8

// The roles. Whoever creates a group owns it.
const (
	RoleMember Role = iota
	RoleAdmin
	RoleOwner
)

// String returns the role as it stands in JSON.
func (r Role) String() string {
	switch r {
	case RoleOwner:
		return "owner"
	case RoleAdmin:
		return "admin"
	}
	return "member"
}

// A Member is one account in a conversation.
type Member struct {
	Address account.Address
	Role    Role
	// Confirmed means that the account's own server vouched for the member's
	// keys.
	Confirmed bool
}

// A Contact is somebody this account talks to.
type Contact struct {
	Address account.Address
	// Name is the name that this account gave them; nobody else sees it.
	Name string
	// Profile is the name that they gave themselves, if it can be seen and does
	// not look like an address.
	Profile string
	// VerifiedProfile is Profile as it was when the person was verified: they are
	// called by it until they are verified again, whatever they call themselves.
	VerifiedProfile string
	// Verified means that the safety numbers were compared.
	Verified bool
	Blocked  bool
	// Conversation is the one between the two, empty if there is none.
	Conversation ConversationID
}
