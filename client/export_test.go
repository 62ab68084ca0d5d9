// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/client/internal/attachments"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// groupOf loads the group of a conversation, which reads the store by tx.
func groupOf(tx *records.Tx, k records.CID) (*mls.Group, error) {
	return mls.LoadGroup(machine.NewGroupReader(tx, k), machine.MLSConfig())
}

// Epoch returns the epoch that a conversation is in.
func (c *Client) Epoch(id chat.ConversationID) (epoch uint64, err error) {
	err = c.viewConversation(id, func(tx *records.Tx, k records.CID, _ *records.Conversation) error {
		group, err := groupOf(tx, k)
		if err == nil {
			epoch = group.Epoch()
		}
		return err
	})
	return epoch, err
}

// Idle returns nil if nothing of a conversation waits to be done.
func (c *Client) Idle(id chat.ConversationID) error {
	a, err := c.actor(id)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.snapshot
	if len(a.served.inputs)+len(a.local) > 0 || !s.known || s.Outbox+s.Deliver > 0 || s.Following && (!s.CaughtUp || s.Checking) {
		return fmt.Errorf("%d served, %d local, %+v", len(a.served.inputs), len(a.local), s)
	}
	return nil
}

// Forge lets a member say in their group whatever package mls lets them. It
// returns what to put into the channel, with the next epoch's access key if
// it is a commit. The member's own client learns nothing of it.
func (c *Client) Forge(id chat.ConversationID, act func(*mls.Group) ([]byte, *mls.StagedCommit, error)) (entry protocol.Entry, next *protocol.AccessKey, err error) {
	err = c.viewConversation(id, func(tx *records.Tx, k records.CID, rec *records.Conversation) error {
		group, err := groupOf(tx, k)
		if err != nil {
			return err
		}
		message, staged, err := act(group)
		if err != nil {
			return err
		}
		entry = protocol.Entry{Epoch: group.Epoch(), Kind: protocol.KindMessage}
		if staged != nil {
			entry.Kind = protocol.KindCommit
			message = staged.Message()
			key, err := machine.AccessKey(staged, rec.Channel)
			if err != nil {
				return err
			}
			next = (*protocol.AccessKey)(key.Public().(ed25519.PublicKey))
		}
		sealer, _, err := machine.EnvelopeKey(tx, k, entry.Epoch)
		if err != nil {
			return err
		}
		at := envelope.Place{Channel: rec.Channel, Epoch: entry.Epoch, Kind: entry.Kind}
		entry.Ciphertext, err = envelope.Seal(sealer, at, envelope.Payload{Message: message})
		return err
	})
	return entry, next, err
}

// Enclose seals a payload as a member can.
func (c *Client) Enclose(id chat.ConversationID, kind protocol.EntryKind, payload envelope.Payload) (entry protocol.Entry, err error) {
	err = c.viewConversation(id, func(tx *records.Tx, k records.CID, rec *records.Conversation) error {
		group, err := groupOf(tx, k)
		if err != nil {
			return err
		}
		entry = protocol.Entry{Epoch: group.Epoch(), Kind: kind}
		sealer, _, err := machine.EnvelopeKey(tx, k, entry.Epoch)
		if err != nil {
			return err
		}
		entry.Ciphertext, err = envelope.Seal(sealer, envelope.Place{Channel: rec.Channel, Epoch: entry.Epoch, Kind: kind}, payload)
		return err
	})
	return entry, err
}

// Waiting returns how many bytes of events wait for conversations.
func (c *Client) Waiting() (n int64) {
	c.queued.Range(func(_, at any) bool {
		n += at.(*atomic.Int64).Load()
		return true
	})
	return n
}

// SendContent sends whatever content there is.
func (c *Client) SendContent(ctx context.Context, id chat.ConversationID, m content.Message) error {
	_, err := c.send(ctx, id, machine.CommandSend{Message: m})
	return err
}

// External returns what leads to the first attachment of a message.
func (c *Client) External(m chat.Message) (content.External, error) {
	ext, _, err := c.attachment(m.Conversation, m.ID, m.Attachments[0].Index)
	if err != nil {
		return content.External{}, err
	}
	return *ext, nil
}

// UnnoteUses has the profile forget which messages have its files.
func (c *Client) UnnoteUses() error {
	return c.store.Update(func(tx *records.Tx) error {
		all, err := attachments.KeptFiles(tx)
		for _, one := range all {
			one.Rec.Uses = nil
			err = errors.Join(err, attachments.SaveFile(tx, one.K, &one.Rec))
		}
		return err
	})
}

// AsSignal puts the MLS message of an entry into the envelope of a signal.
func (c *Client) AsSignal(id chat.ConversationID, entry protocol.Entry) (signal protocol.Signal, err error) {
	err = c.viewConversation(id, func(tx *records.Tx, k records.CID, rec *records.Conversation) error {
		sealer, _, err := machine.EnvelopeKey(tx, k, entry.Epoch)
		if err != nil {
			return err
		}
		at := envelope.Place{Channel: rec.Channel, Epoch: entry.Epoch, Kind: entry.Kind}
		payload, err := envelope.Open(sealer, at, entry.Ciphertext)
		if err != nil {
			return err
		}
		signal = protocol.Signal{Channel: rec.Channel, Epoch: entry.Epoch}
		signal.Ciphertext, err = envelope.Seal(sealer, machine.SignalPlace(rec.Channel, entry.Epoch), payload)
		return err
	})
	return signal, err
}

// SignalData is the authenticated data of signals.
var SignalData = machine.SignalData

// Retitled returns the extensions of a group with another title.
func Retitled(g *mls.Group, title string) ([]mls.Extension, error) {
	s, err := rules.ParseState(g.Extensions())
	if err != nil {
		return nil, err
	}
	s.Title = title
	e, err := s.Extension()
	return []mls.Extension{e}, err
}

// Ghost returns a key package that claims an address, and states of its chain, with a
// key that is not the account's.
func Ghost(a account.Address, now time.Time, claims ...records.ChainHead) (*mls.KeyPackage, error) {
	key, err := mls.NewSigningKey(mls.DefaultCipherSuite, rand.Reader)
	if err != nil {
		return nil, err
	}
	cred, err := account.Credential{Address: a, Device: account.SignatureKey(key.Public()).ID()}.Encode()
	if err != nil {
		return nil, err
	}
	var extensions []mls.Extension
	for _, head := range claims {
		e, err := rules.ChainExtension(head)
		if err != nil {
			return nil, err
		}
		extensions = append(extensions, e)
	}
	kp, _, err := mls.NewKeyPackage(mls.KeyPackageParams{
		Suite: mls.DefaultCipherSuite, SigningKey: key, Credential: mls.BasicCredential(cred),
		Capabilities: machine.Capabilities(), LeafExtensions: extensions,
		Lifetime: mls.Lifetime{NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}, Rand: rand.Reader,
	})
	return kp, err
}

// ForgeAll makes a commit that the member's own client, which must not be
// running, enters.
func (c *Client) ForgeAll(id chat.ConversationID, o mls.CommitOptions) (entry protocol.Entry, next *protocol.AccessKey, err error) {
	var staged mls.Delta
	entry, next, err = c.Forge(id, func(g *mls.Group) ([]byte, *mls.StagedCommit, error) {
		s, delta, err := g.Stage(o)
		staged = delta
		return nil, s, err
	})
	if err != nil {
		return entry, next, err
	}
	return entry, next, c.store.Update(func(tx *records.Tx) error {
		if err := machine.ApplyDelta(tx, c.place(id), staged); err != nil {
			return err
		}
		group, err := groupOf(tx, c.place(id))
		if err != nil {
			return err
		}
		delta, err := group.Apply(group.PendingCommit())
		if err != nil {
			return err
		}
		if err := machine.ApplyDelta(tx, c.place(id), delta); err != nil {
			return err
		}
		var rec records.Conversation
		k := c.place(id)
		if _, err := tx.Load(records.Key(records.TableConversation, k[:]), &rec); err != nil {
			return err
		}
		return machine.EnterEpoch(tx, k, group, rec.Channel)
	})
}

// Stored counts the message records of a conversation that are no notices.
func (c *Client) Stored(id chat.ConversationID) (n int, err error) {
	err = c.viewConversation(id, func(tx *records.Tx, k records.CID, _ *records.Conversation) error {
		return tx.Scan(records.Key(records.TableMessage, k[:]), false, func(_, v []byte) (bool, error) {
			var rec records.Message
			err := records.Decode(v, &rec)
			if !rec.Notice {
				n++
			}
			return true, err
		})
	})
	return n, err
}

// Kept counts the files that the profile keeps, and complains of pieces
// without a file.
func (c *Client) Kept(t testing.TB) (n int) {
	t.Helper()
	fatal(t, c.store.View(func(tx *records.Tx) error {
		known := map[string]int64{}
		err := tx.Scan([]byte(records.TableFile), false, func(k, v []byte) (bool, error) {
			var rec records.File
			err := records.Decode(v, &rec)
			known[string(k[1:])] = rec.Have
			n++
			return true, err
		})
		if err != nil {
			return err
		}
		return tx.Scan([]byte(records.TablePiece), false, func(k, v []byte) (bool, error) {
			file := string(k[1 : len(k)-8])
			known[file] -= int64(len(v))
			if known[file] < 0 {
				t.Errorf("a piece of no file: %x", k)
			}
			return true, nil
		})
	}))
	return n
}

// KeepAtMost bounds the files that the profile keeps.
func (c *Client) KeepAtMost(n int64) { c.transfers.Cache.Room = n }

// ForgetFiles drops what is kept of a message's files.
func (c *Client) ForgetFiles(m chat.Message) error {
	rec, err := c.messageRecord(m.Conversation, m.ID)
	if err != nil {
		return err
	}
	by, err := c.attachmentUse(m.Conversation, m.ID)
	if err != nil {
		return err
	}
	return c.store.Update(func(tx *records.Tx) error { return attachments.ForgetFiles(tx, by, &rec) })
}

// Letters counts the letters that are kept.
func (c *Client) Letters() (n int) {
	_ = c.store.View(func(tx *records.Tx) error {
		return tx.Scan([]byte(records.TableLetter), false, func(_, _ []byte) (bool, error) {
			n++
			return true, nil
		})
	})
	return n
}

// Alike has the client know a conversation whose identifier begins like
// another's.
func (c *Client) Alike(id chat.ConversationID) {
	other := []byte(id)
	other[16] ^= 1
	c.Claim(chat.ConversationID(other))
}

// Rival has a channel claim the identifier of a conversation.
func (c *Client) Rival(id chat.ConversationID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.registerID(id, records.CID{1})
}

// Claim has the client know another conversation by an identifier.
func (c *Client) Claim(id chat.ConversationID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids[id] = records.CID{1}
}

// BeginOwn begins the conversation of the own devices, as if none had been seen.
func (c *Client) BeginOwn() error { return c.createOwnConversation() }

// Actors counts the conversations that are at work.
func (c *Client) Actors() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.actors)
}

// NameOfChannel is the identifier of a channel's conversation.
var NameOfChannel = chat.IDOf

// SetProfileAs and RenameAs are SetProfile and Rename of a program that takes
// every name.
func (c *Client) SetProfileAs(ctx context.Context, name string) error { return c.setProfile(ctx, name) }

func (c *Client) RenameAs(ctx context.Context, id chat.ConversationID, title string) error {
	return c.rename(ctx, id, title)
}
