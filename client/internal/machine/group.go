// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// Create stores a new conversation and its group, whose only member is
// this device with a leaf of the given lifetime, and the first items of its outbox:
// invitations, and the own name.
func Create(tx *records.Tx, env Environment, id records.CID, conv *records.Conversation, state rules.State, lifetime mls.Lifetime, add []string) error {
	chain, err := records.OwnChain(tx, env.Self.Address)
	if err != nil {
		return err
	}
	group, delta, err := newGroup(env.Self, rules.HeadOf(chain), conv.Channel, state, lifetime)
	if err != nil {
		return err
	}
	if err := ApplyDelta(tx, id, delta); err != nil {
		return err
	}
	if err := EnterEpoch(tx, id, group, conv.Channel); err != nil {
		return err
	}
	if err := tx.Save(records.Key(records.TableConversation, id[:]), conv); err != nil {
		return err
	}
	c, err := Load(tx, env, id)
	if err != nil {
		return err
	}
	c.out = &Outcome{}
	c.planDevices(chain)
	c.rec.OwnChain = uint64(chain.Len())
	if len(add)+len(c.rec.Devices) > 0 {
		change := &records.Change{Add: add, Devices: slices.Clone(c.rec.Devices)}
		if _, err := c.queue(tx, records.OutboxItem{Change: change}); err != nil {
			return err
		}
	}
	if err := c.sendProfile(tx); err != nil {
		return err
	}
	if err := records.NoteRecent(tx, id); err != nil {
		return err
	}
	return tx.Save(records.Key(records.TableConversation, id[:]), &c.rec)
}

// Members returns who is in a conversation, by address.
func Members(tx *records.Tx, id records.CID, unconfirmed []string) (all []chat.Member, err error) {
	var rec records.Conversation
	if _, err := tx.Load(records.Key(records.TableConversation, id[:]), &rec); err != nil || rec.NoGroup {
		return nil, err // who is in it is not known before the conversation is here
	}
	group, err := mls.LoadGroup(NewGroupReader(tx, id), MLSConfig())
	if err != nil {
		return nil, fmt.Errorf("client: loading a conversation: %w", err)
	}
	state, err := rules.ParseState(group.Extensions())
	if err != nil {
		return nil, err
	}
	for _, a := range slices.Sorted(maps.Keys(rules.LeavesByAddress(group))) {
		all = append(all, chat.Member{Address: records.Address(a), Role: state.Role(a), Confirmed: !slices.Contains(unconfirmed, a)})
	}
	return all, nil
}

// WhoMayLetIn returns the addresses whose devices may let another device of an account
// into a conversation.
func WhoMayLetIn(tx *records.Tx, id records.CID, self string) ([]string, error) {
	group, err := mls.LoadGroup(NewGroupReader(tx, id), MLSConfig())
	if err != nil {
		return nil, fmt.Errorf("client: loading a conversation: %w", err)
	}
	state, err := rules.ParseState(group.Extensions())
	if err != nil {
		return nil, err
	}
	return whoMayLetIn(slices.Sorted(maps.Keys(rules.LeavesByAddress(group))), state, self), nil
}

// HasDevice reports whether a device of an account is in a conversation.
func HasDevice(tx *records.Tx, id records.CID, who account.Credential) (bool, error) {
	group, err := mls.LoadGroup(NewGroupReader(tx, id), MLSConfig())
	if err != nil {
		return false, fmt.Errorf("client: loading a conversation: %w", err)
	}
	for _, leaf := range group.Members() {
		if cred, err := rules.LeafCredential(leaf); err == nil && cred == who {
			return true, nil
		}
	}
	return false, nil
}

func newGroup(self Identity, head records.ChainHead, channel protocol.ChannelID, state rules.State, lifetime mls.Lifetime) (*mls.Group, mls.Delta, error) {
	credential, err := account.Credential{Address: self.Address, Device: self.Device}.Encode()
	if err != nil {
		return nil, mls.Delta{}, err
	}
	extension, err := state.Extension()
	if err != nil {
		return nil, mls.Delta{}, err
	}
	leaf, err := rules.ChainExtension(head)
	if err != nil {
		return nil, mls.Delta{}, err
	}
	return mls.CreateGroup(mls.GroupParams{
		Suite: mls.DefaultCipherSuite, GroupID: channel[:], SigningKey: self.Signing,
		Credential: mls.BasicCredential(credential), Capabilities: Capabilities(), LeafExtensions: []mls.Extension{leaf},
		Lifetime: lifetime, Extensions: []mls.Extension{extension},
	}, MLSConfig())
}

// Capabilities are what the leaves of this version support.
func Capabilities() mls.Capabilities {
	return mls.DefaultCapabilities(rules.ExtensionType, rules.ChainExtensionType)
}

// GroupReader lets package mls read its records: within the transaction of
// the present step.
type GroupReader struct {
	tx *records.Tx
	id records.CID
}

// NewGroupReader returns a reader within tx.
func NewGroupReader(tx *records.Tx, id records.CID) *GroupReader { return &GroupReader{tx: tx, id: id} }

// Get returns a record of the group.
func (r *GroupReader) Get(name string) ([]byte, error) {
	if r.tx == nil {
		return nil, errors.New("client: the group was read outside of a transaction")
	}
	return r.tx.Get(records.Key(records.TableGroup, r.id[:], []byte(name)))
}

// MLSConfig has the lifetimes of new leaves checked by those who add them. Those
// who follow the commit go by no clock: a wrong one would end the conversation
// for them alone.
func MLSConfig() mls.Config {
	return mls.Config{Rand: rand.Reader, Policy: mls.Policy{PastEpochs: pastEnvelopes, LateDelivery: -1}}
}

// apply persists a delta of the group.
func (c *Conversation) apply(tx *records.Tx, d mls.Delta) error { return ApplyDelta(tx, c.id, d) }

// ApplyDelta stores what changed in a group.
func ApplyDelta(tx *records.Tx, id records.CID, d mls.Delta) error {
	for _, name := range d.Delete {
		if err := tx.Delete(records.Key(records.TableGroup, id[:], []byte(name))); err != nil {
			return err
		}
	}
	for _, r := range d.Put {
		if err := tx.Put(records.Key(records.TableGroup, id[:], []byte(r.Key)), r.Value); err != nil {
			return err
		}
	}
	return nil
}

// exporter is what a group and a staged commit have in common.
type exporter interface {
	Export(label string, context []byte, n int) ([]byte, error)
}

// AccessKey derives the key pair that opens the channel in an epoch.
func AccessKey(e exporter, channel protocol.ChannelID) (ed25519.PrivateKey, error) {
	seed, err := e.Export("securecrypt access", channel[:], ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func accessPublic(e exporter, channel protocol.ChannelID) (protocol.AccessKey, error) {
	k, err := AccessKey(e, channel)
	if err != nil {
		return protocol.AccessKey{}, err
	}
	return protocol.AccessKey(k.Public().(ed25519.PublicKey)), nil
}

// EnterEpoch keeps the envelope key of the group's present epoch and forgets
// the oldest.
func EnterEpoch(tx *records.Tx, id records.CID, g *mls.Group, channel protocol.ChannelID) error {
	k, err := g.Export("securecrypt envelope", channel[:], envelope.KeySize)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	if err := tx.Put(records.Key(records.TableEnvelope, id[:], records.Number(g.Epoch())), k); err != nil {
		return err
	}
	if g.Epoch() < pastEnvelopes {
		return nil
	}
	return tx.Delete(records.Key(records.TableEnvelope, id[:], records.Number(g.Epoch()-pastEnvelopes)))
}

func (c *Conversation) envelopeKey(tx *records.Tx, epoch uint64) (k envelope.Key, ok bool, err error) {
	return EnvelopeKey(tx, c.id, epoch)
}

// EnvelopeKey returns the envelope key of an epoch, if it is still kept.
func EnvelopeKey(tx *records.Tx, id records.CID, epoch uint64) (k envelope.Key, ok bool, err error) {
	b, err := tx.Get(records.Key(records.TableEnvelope, id[:], records.Number(epoch)))
	if err != nil || len(b) != len(k) {
		return k, false, err
	}
	return envelope.Key(b), true, nil
}

// applied makes a commit's epoch the present one.
func (c *Conversation) applied(tx *records.Tx, commit *mls.StagedCommit) error {
	delta, err := c.group.Apply(commit)
	if err != nil {
		return fmt.Errorf("client: applying a commit: %w", err)
	}
	c.leaves = nil
	return c.apply(tx, delta)
}
