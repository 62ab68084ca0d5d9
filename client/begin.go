// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/mailbox"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// Direct returns the conversation with somebody, which it begins if there is none. With
// the own address it is that of the account's own devices, for notes.
func (c *Client) Direct(ctx context.Context, peer account.Address) (chat.ConversationID, error) {
	id, err := c.directWith(peer)
	if err != nil || id != "" {
		return id, err
	}
	if peer == c.self.Address {
		if err := c.createOwnConversation(); err != nil {
			return "", err
		}
		return c.directWith(peer)
	}
	if _, err := c.ensureAccountsExist(ctx, []account.Address{peer}); err != nil {
		return "", err
	}
	return c.begin(rules.State{}, peer.String(), []string{peer.String()})
}

// directWith finds the conversation with somebody, "" if there is none that
// can go on.
func (c *Client) directWith(peer account.Address) (id chat.ConversationID, err error) {
	err = c.store.View(func(tx *records.Tx) error {
		rec, err := records.OpenDirect(tx, peer.String())
		if err == nil && rec != nil {
			id = chat.IDOf(rec.Channel)
		}
		return err
	})
	return id, err
}

// CreateGroup begins a group with other people in it.
func (c *Client) CreateGroup(ctx context.Context, title string, people []account.Address) (chat.ConversationID, error) {
	if title == "" {
		return "", errors.New("a group needs a title")
	}
	if err := checkLabel(title); err != nil {
		return "", err
	}
	people = slices.DeleteFunc(slices.Clone(people), func(a account.Address) bool { return a == c.self.Address })
	add, err := c.ensureAccountsExist(ctx, people)
	if err != nil {
		return "", err
	}
	id, err := c.begin(rules.State{Group: true, Title: title}, "", add)
	if err != nil {
		return "", err
	}
	return id, c.ConnectConversation(id) // its members are invited now; a direct conversation waits for its first message
}

// ensureAccountsExist checks that accounts exist, as far as their servers can be
// reached, before anything is stored, so that a typing mistake is an error.
func (c *Client) ensureAccountsExist(ctx context.Context, people []account.Address) ([]string, error) {
	var all []string
	for _, a := range people {
		if s := a.String(); !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	for _, found := range c.lookUp(ctx, all) {
		if found.Err != nil && !errors.Is(found.Err, backend.ErrOffline) {
			return nil, found.Err
		}
	}
	return all, nil
}

// begin creates a conversation on this account's server.
func (c *Client) begin(state rules.State, peer string, add []string) (chat.ConversationID, error) {
	state.Version, state.Host = records.Version, c.self.Address.Host
	state = state.WithRole(c.self.Address.String(), chat.RoleOwner)
	settings, err := c.Account().Settings()
	if err != nil {
		return "", err
	}
	if !state.Own { // notes stay
		state.Timer = uint32(settings.Timer / time.Second)
	}
	var channel protocol.ChannelID
	if _, err := rand.Read(channel[:]); err != nil {
		return "", err
	}
	id := records.CID(c.store.Index(channel[:]))
	conv := &records.Conversation{
		Version: records.Version, Channel: channel, Host: state.Host, Status: chat.StatusActive, Peer: peer,
		Activity: records.Millis(c.now()), Group: state.Group, Own: state.Own, Title: state.Title, Timer: state.Timer,
		List: records.List{Members: 1},
	}
	err = c.store.Update(func(tx *records.Tx) error {
		if state.Own {
			_, there, err := records.OwnConversation(tx)
			if err != nil {
				return err
			}
			if there {
				return errOwnBegun
			}
		}
		if err := machine.MayAdd(tx, add); err != nil {
			return err
		}
		for _, a := range add {
			if err := records.EnsureContact(tx, a); err != nil {
				return err
			}
		}
		if peer != "" {
			if err := tx.Put(records.Key(records.TableDirect, tx.Index([]byte(peer))), id[:]); err != nil {
				return err
			}
		}
		if state.Own {
			if err := records.SetOwnConversation(tx, id); err != nil {
				return err
			}
		}
		now := c.serverNow()
		lifetime := mls.Lifetime{NotBefore: now.Add(-time.Hour), NotAfter: now.Add(mailbox.KeyPackageLifetime)}
		return machine.Create(tx, c.environment(), id, conv, state, lifetime, add)
	})
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return chat.IDOf(channel), c.registerID(chat.IDOf(channel), id)
}
