// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/names"
)

func contactKey(tx *sealedTx, address string) []byte {
	return key(tableContact, tx.index([]byte(address)))
}

func loadContact(tx *sealedTx, address string) (contactRecord, error) {
	rec := contactRecord{Version: recordVersion, Address: address}
	_, err := tx.load(contactKey(tx, address), &rec)
	return rec, err
}

func saveContact(tx *sealedTx, rec contactRecord) error {
	return tx.save(contactKey(tx, rec.Address), &rec)
}

// mayAdd refuses people who are blocked: whoever wants them back says so.
func mayAdd(tx *sealedTx, addresses []string) error {
	for _, a := range addresses {
		rec, err := loadContact(tx, a)
		if err != nil {
			return err
		}
		if rec.Blocked {
			return refusal{chat.Worded{Kind: chat.ErrBlocked, Text: fmt.Sprintf("you blocked %s; unblock them first", a)}}
		}
	}
	return nil
}

// ensureContact adds an account to the contacts.
func ensureContact(tx *sealedTx, address string) error {
	rec, err := loadContact(tx, address)
	if err != nil || rec.Known && !rec.Blocked {
		return err
	}
	rec.Known, rec.Blocked = true, false
	return saveContact(tx, rec)
}

// pinChain remembers an account's chain. Once it is known, only a chain that
// extends it is accepted.
func pinChain(tx *sealedTx, chain *account.Chain) error {
	pinned, err := pinnedChain(tx, chain.Address())
	if err != nil {
		return err
	}
	if pinned != nil && !chain.Extends(pinned.Head()) {
		return fmt.Errorf("%w: the server shows another account than before", chat.ErrImpostor)
	}
	if pinned != nil && pinned.Head() == chain.Head() {
		return nil
	}
	rec := chainRecord{Version: recordVersion, Statements: chain.Statements()}
	return tx.save(key(tableChain, tx.index([]byte(chain.Address().String()))), &rec)
}

// pinnedChain returns the chain that is remembered of an account, nil if there
// is none.
func pinnedChain(tx *sealedTx, a account.Address) (*account.Chain, error) {
	var rec chainRecord
	ok, err := tx.load(key(tableChain, tx.index([]byte(a.String()))), &rec)
	if err != nil || !ok {
		return nil, err
	}
	return account.Verify(a, rec.Statements)
}

// Contacts returns all contacts, by address.
func (c *Client) Contacts() ([]chat.Contact, error) {
	var all []chat.Contact
	err := c.store.view(func(tx *sealedTx) error {
		return tx.scan([]byte(tableContact), false, func(_, v []byte) (bool, error) {
			var rec contactRecord
			if err := decodeRecord(v, &rec); err != nil {
				return false, err
			}
			if rec.Known || rec.Blocked || rec.Name != "" {
				contact, err := rec.contact(tx)
				all = append(all, contact)
				return true, err
			}
			return true, nil
		})
	})
	slices.SortFunc(all, func(a, b chat.Contact) int { return strings.Compare(a.Address.String(), b.Address.String()) })
	return all, err
}

// Contact returns what is known of somebody.
func (c *Client) Contact(a account.Address) (contact chat.Contact, err error) {
	err = c.store.view(func(tx *sealedTx) error {
		rec, err := loadContact(tx, a.String())
		if err == nil {
			contact, err = rec.contact(tx)
		}
		return err
	})
	return contact, err
}

// NameOf returns what to call somebody: the private name, or the name that they
// chose, or else the address.
func (c *Client) NameOf(a account.Address) (name string, err error) {
	err = c.store.view(func(tx *sealedTx) error {
		rec, err := loadContact(tx, a.String())
		name = rec.shown()
		return err
	})
	return name, err
}

func (r *contactRecord) shown() string {
	return names.DisplayName(r.Name, r.verifiedProfileName(), r.Address)
}

// verifiedProfileName returns the profile name to show: for a verified contact
// the name at the time of verification, if there was one.
func (r *contactRecord) verifiedProfileName() string {
	if len(r.Verified) > 0 && names.Visible(r.VerifiedProfile) != "" {
		return r.VerifiedProfile
	}
	return r.Profile
}

func (r *contactRecord) contact(tx *sealedTx) (chat.Contact, error) {
	c := chat.Contact{Address: address(r.Address), Name: r.Name, Profile: names.ShownProfile(r.Profile), Blocked: r.Blocked, Verified: r.verified(tx)}
	if len(r.Verified) > 0 {
		c.VerifiedProfile = names.ShownProfile(r.VerifiedProfile)
	}
	conv, err := openDirect(tx, r.Address)
	if conv != nil {
		c.Conversation = chat.IDOf(conv.Channel)
	}
	return c, err
}

// SetContactName gives somebody a name that only this account sees.
func (c *Client) SetContactName(a account.Address, name string) error {
	if err := checkLabel(name); err != nil {
		return err
	}
	return c.noteContact(a, func(_ *sealedTx, rec *contactRecord) error {
		rec.Name = name
		return nil
	})
}

// noteContact changes what is known of somebody, and tells interfaces, since the
// conversation with them shows it.
func (c *Client) noteContact(a account.Address, change func(*sealedTx, *contactRecord) error) error {
	var with *convRecord
	var rec contactRecord
	err := c.store.update(func(tx *sealedTx) (err error) {
		if rec, err = loadContact(tx, a.String()); err != nil {
			return err
		}
		if err := change(tx, &rec); err != nil {
			return err
		}
		if err := saveContact(tx, rec); err != nil {
			return err
		}
		with, err = openDirect(tx, a.String())
		return err
	})
	if err != nil {
		return err
	}
	c.emit(chat.NameEvent{Address: a, Name: rec.shown()})
	if with == nil {
		return nil
	}
	return c.tell(c.ctx, chat.IDOf(with.Channel), commandChoose{func(*listRecord) {}})
}

// checkLabel bounds what people call each other and their groups.
func checkLabel(s string) error {
	if len(s) > chat.MaxTitle {
		return chat.Worded{Kind: chat.ErrTooLong, Text: fmt.Sprintf("a name may have at most %d bytes", chat.MaxTitle)}
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("a name may not contain control characters; leave them out")
	}
	if s != "" && names.Visible(s) == "" {
		return fmt.Errorf("nothing of this name can be seen; choose one with letters, digits or signs")
	}
	if strings.ContainsFunc(s, names.IsBidiControl) {
		return fmt.Errorf("a name may not contain characters that turn the text around it; leave them out")
	}
	return nil
}
