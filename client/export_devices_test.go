// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/attachments"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

// AddDevice makes the profile of a new device of the account in the store of cfg, and
// has this device add it to the chain.
func (c *Client) AddDevice(ctx context.Context, cfg Config) error {
	chain, err := c.home.SyncChain(ctx)
	if err != nil {
		return err
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	letterKey, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		return err
	}
	device := account.Device{SignatureKey: account.SignatureKey(key.Public().(ed25519.PublicKey))}
	if device.MailboxKey, err = account.NewMailboxKey(letterKey.PublicKey().Bytes()); err != nil {
		return err
	}
	own, err := c.home.Profile()
	if err != nil {
		return err
	}
	chain, err = c.extendChain(ctx, chain, account.AddDevice{Device: device}, ed25519.NewKeyFromSeed(own.SigningKey), key)
	if err != nil {
		return err
	}
	letterBytes, err := letterKey.Bytes()
	if err != nil {
		return err
	}
	store, err := records.NewStore(cfg.Store, cfg.Key)
	if err != nil {
		return err
	}
	return store.Update(func(tx *records.Tx) error {
		rec := records.Profile{
			Version: records.Version, Address: own.Address, Statement: own.Statement, SigningKey: key.Seed(), MailboxKey: letterBytes,
			Registered: true, Name: own.Name,
		}
		return errors.Join(tx.Save([]byte(records.TableProfile), &rec), records.PinChain(tx, chain))
	})
}

// RevokeDevice revokes a device of the account.
func (c *Client) RevokeDevice(ctx context.Context, id account.DeviceID) error {
	chain, err := c.home.SyncChain(ctx)
	if err != nil {
		return err
	}
	own, err := c.home.Profile()
	if err != nil {
		return err
	}
	_, err = c.extendChain(ctx, chain, account.RevokeDevice{Device: id}, ed25519.NewKeyFromSeed(own.SigningKey))
	return err
}

// Device returns the identifier of this device.
func (c *Client) Device() account.DeviceID { return c.self.Device }

func (c *Client) extendChain(ctx context.Context, chain *account.Chain, content account.Content, signers ...ed25519.PrivateKey) (*account.Chain, error) {
	draft, err := chain.State().Draft(c.serverNow(), content)
	if err != nil {
		return nil, err
	}
	var signatures []account.Signature
	for _, key := range signers {
		s, err := draft.SignDevice(key)
		if err != nil {
			return nil, err
		}
		signatures = append(signatures, s)
	}
	statement, err := draft.Statement(signatures...)
	if err != nil {
		return nil, err
	}
	if chain, err = chain.Append(statement, c.serverNow()); err != nil {
		return nil, err
	}
	if err := c.home.KeepUnsent(statement); err != nil {
		return nil, err
	}
	if _, err = c.home.SyncChain(ctx); err != nil {
		return nil, err
	}
	return chain, c.ownChainChanged()
}

// SyncOwnChain brings the own chain up to date, and has the conversations follow it.
func (c *Client) SyncOwnChain(ctx context.Context) error {
	if _, err := c.home.SyncChain(ctx); err != nil {
		return err
	}
	return c.ownChainChanged()
}

// Leaves returns how many devices of everybody are in a group, by the names of their
// accounts.
func (c *Client) Leaves(id chat.ConversationID) (map[string]int, error) {
	all := map[string]int{}
	err := c.viewConversation(id, func(tx *records.Tx, k records.CID, _ *records.Conversation) error {
		group, err := groupOf(tx, k)
		if err != nil {
			return err
		}
		for address, leaves := range rules.LeavesByAddress(group) {
			all[records.Address(address).Name] = len(leaves)
		}
		return nil
	})
	return all, err
}

// GiveHistory gives the history to the device whose profile is in the store of cfg.
func (c *Client) GiveHistory(ctx context.Context, cfg Config) error {
	rec, err := cfg.profile()
	if err != nil {
		return err
	}
	device := account.SignatureKey(ed25519.NewKeyFromSeed(rec.SigningKey).Public().(ed25519.PublicKey)).ID()
	return errors.Join(ctx.Err(), c.giveHistory(device))
}

// AnnounceUselessPart tells a device of a part of a history that is none.
func (c *Client) AnnounceUselessPart(device account.DeviceID) error {
	stash, err := attachments.NewStash([]byte("no part"))
	if err != nil {
		return err
	}
	if err := c.transfers.UploadStash(c.ctx, c.self.Address.Host, stash.Token, stash.Box); err != nil {
		return err
	}
	return c.sayToOwn(machine.ControlHistory, records.HistoryPart{
		Version: records.Version, Device: device, Number: 1, Host: c.self.Address.Host, Stash: stash.Ref,
	})
}

// AnswerPart has this device hear that another one took in a part of its history, and
// returns how many it took in.
func (c *Client) AnswerPart(device account.DeviceID, number uint64) (taken uint64, err error) {
	var t records.Transfer
	load := func() error {
		return c.store.View(func(tx *records.Tx) (err error) {
			t, _, err = records.LoadTransfer(tx, device)
			return err
		})
	}
	if err := load(); err != nil {
		return 0, err
	}
	err = c.partTaken(records.HistoryTaken{Version: records.Version, Device: device, Transfer: t.ID, Number: number})
	err = errors.Join(err, load())
	return t.Taken, err
}

// AskToRejoin asks devices of accounts to add this one to a conversation.
func (c *Client) AskToRejoin(ctx context.Context, host string, channel protocol.ChannelID, people []account.Address) error {
	var all []string
	for _, a := range people {
		all = append(all, a.String())
	}
	return c.askToRejoin(ctx, host, channel, all)
}

// archiveChannel is the channel of one of the conversations of FillArchive.
func archiveChannel(n int) (id protocol.ChannelID) {
	id[0], id[1], id[2] = 7, byte(n>>8), byte(n)
	return id
}

// ArchiveChat names one of the conversations of FillArchive.
func ArchiveChat(n int) chat.ConversationID { return chat.IDOf(archiveChannel(n)) }

// FillArchive enters conversations that were left into the store, with messages each.
func (c *Client) FillArchive(chats, each int) error {
	now := c.now()
	for n := range chats {
		one := records.ArchivedChat{Channel: archiveChannel(n), Host: c.self.Address.Host, Whole: true, Meta: &records.ArchivedMeta{
			Status: chat.StatusLeft, Group: true, Title: fmt.Sprintf("Group %d", n), Activity: records.Millis(now) - int64(n), Members: 2,
		}}
		for i := range each {
			message, err := content.Text(fmt.Sprintf("message %d of %d, which is about as long as most are", i, n)).Salted(rand.Reader)
			if err != nil {
				return err
			}
			raw, err := message.Encode()
			if err != nil {
				return err
			}
			id, err := content.ID(c.self.Address.URI(), "mimi://"+one.Host+"/r/x", raw)
			if err != nil {
				return err
			}
			one.Messages = append(one.Messages, records.ArchivedMessage{
				ID: id, From: "bob@" + one.Host, Sent: records.Millis(now), Received: records.Millis(now), State: chat.StateReceived, Content: raw, Text: message.View().Text,
			})
		}
		if err := c.takeChats([]records.ArchivedChat{one}); err != nil {
			return err
		}
	}
	return nil
}
