// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import (
	"fmt"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/names"
)

func contactKey(tx *Tx, address string) []byte {
	return Key(TableContact, tx.Index([]byte(address)))
}

// LoadContact returns what is known of somebody; of a stranger, the address.
func LoadContact(tx *Tx, address string) (Contact, error) {
	rec := Contact{Version: Version, Address: address}
	_, err := tx.Load(contactKey(tx, address), &rec)
	return rec, err
}

// SaveContact keeps what is known of somebody.
func SaveContact(tx *Tx, rec Contact) error {
	return tx.Save(contactKey(tx, rec.Address), &rec)
}

// EnsureContact adds an account to the contacts.
func EnsureContact(tx *Tx, address string) error {
	rec, err := LoadContact(tx, address)
	if err != nil || rec.Known && !rec.Blocked {
		return err
	}
	rec.Known, rec.Blocked = true, false
	return SaveContact(tx, rec)
}

// NoteKnown notes that this account talks to somebody, as another of its devices knows.
func NoteKnown(tx *Tx, address string) error {
	rec, err := LoadContact(tx, address)
	if err != nil || rec.Known {
		return err
	}
	rec.Known = true
	return SaveContact(tx, rec)
}

// PinChain remembers an account's chain. Once it is known, only a chain that
// extends it is accepted.
func PinChain(tx *Tx, chain *account.Chain) error {
	pinned, err := PinnedChain(tx, chain.Address())
	if err != nil {
		return err
	}
	if pinned != nil && !chain.Extends(pinned.Head()) {
		return fmt.Errorf("%w: the server shows another account than before", chat.ErrImpostor)
	}
	if pinned != nil && pinned.Head() == chain.Head() {
		return nil
	}
	b, err := chain.MarshalBinary()
	if err != nil {
		return err
	}
	rec := Chain{Version: Version, Chain: b}
	return tx.Save(Key(tableChain, tx.Index([]byte(chain.Address().String()))), &rec)
}

// PinnedChain returns the chain that is remembered of an account, nil if there
// is none.
func PinnedChain(tx *Tx, a account.Address) (*account.Chain, error) {
	var rec Chain
	ok, err := tx.Load(Key(tableChain, tx.Index([]byte(a.String()))), &rec)
	if err != nil || !ok {
		return nil, err
	}
	if len(rec.Chain) == 0 {
		return account.Verify(a, rec.Statements)
	}
	chain := new(account.Chain)
	if err := chain.UnmarshalBinary(rec.Chain); err != nil {
		return nil, err
	}
	if chain.Address() != a {
		return nil, account.ErrWrongAddress
	}
	return chain, nil
}

// Revoked returns a *chat.RevokedError if a chain says that a device of the account was
// revoked.
func Revoked(chain *account.Chain, id account.DeviceID) error {
	for _, d := range chain.State().History() {
		if d.ID == id && d.Revoked != 0 {
			return &chat.RevokedError{At: d.RevokedAt}
		}
	}
	return nil
}

// DisplayName returns what to call somebody: the private name, or the name that
// they chose, or else the address.
func (r *Contact) DisplayName() string {
	return names.DisplayName(r.Name, r.verifiedProfileName(), r.Address)
}

// verifiedProfileName returns the profile name to show: for a verified contact
// the name at the time of verification, if there was one.
func (r *Contact) verifiedProfileName() string {
	if len(r.Verified) > 0 && names.Visible(r.VerifiedProfile) != "" {
		return r.VerifiedProfile
	}
	return r.Profile
}

// View returns a contact as interfaces see it.
func (r *Contact) View(tx *Tx) (chat.Contact, error) {
	c := chat.Contact{Address: Address(r.Address), Name: r.Name, Profile: names.ShownProfile(r.Profile), Blocked: r.Blocked, Verified: r.isVerified(tx)}
	if len(r.Verified) > 0 {
		c.VerifiedProfile = names.ShownProfile(r.VerifiedProfile)
	}
	conv, err := OpenDirect(tx, r.Address)
	if conv != nil {
		c.Conversation = chat.IDOf(conv.Channel)
	}
	return c, err
}

// isVerified reports whether the account is still the one whose safety number
// was compared. Few are, so the chain is read only for those.
func (r *Contact) isVerified(tx *Tx) bool {
	if len(r.Verified) == 0 {
		return false
	}
	chain, err := PinnedChain(tx, Address(r.Address))
	if err != nil || chain == nil {
		return false
	}
	identity := chain.Identity()
	return string(r.Verified) == string(identity[:])
}

type Contact struct {
	Version uint8  `cbor:"1,keyasint"`
	Address string `cbor:"2,keyasint"`
	Name    string `cbor:"3,keyasint,omitempty"`
	Profile string `cbor:"4,keyasint,omitempty"`
	// Verified is the identity of the chain that was verified, see Chain.Identity: it
	// stays when devices come and go, and changes with a reset.
	Verified []byte `cbor:"5,keyasint,omitempty"`
	Blocked  bool   `cbor:"6,keyasint"`
	Known    bool   `cbor:"7,keyasint"` // this account talked to them or accepted them
	// VerifiedProfile is Profile as it was when the person was verified; they
	// are called by it from then on. ToldProfile is the name that the
	// conversation with them has a notice of.
	VerifiedProfile string `cbor:"8,keyasint,omitempty"`
	ToldProfile     string `cbor:"9,keyasint,omitempty"`
}

// A Chain is an account's chain, as it was verified.
type Chain struct {
	Version uint8 `cbor:"1,keyasint"`
	// Statements is the chain in records of earlier versions, which are verified
	// again.
	Statements [][]byte `cbor:"2,keyasint,omitempty"`
	Chain      []byte   `cbor:"3,keyasint,omitempty"` // an account.Chain in its binary form
}

// OwnChain returns the chain of the profile's own account, as far as its server
// confirmed it, or its first statement.
func OwnChain(tx *Tx, self account.Address) (*account.Chain, error) {
	chain, err := PinnedChain(tx, self)
	if chain != nil || err != nil {
		return chain, err
	}
	var rec Profile
	if _, err := tx.Load([]byte(TableProfile), &rec); err != nil {
		return nil, err
	}
	return account.Verify(self, [][]byte{rec.Statement})
}
