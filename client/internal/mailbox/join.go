// SPDX-License-Identifier: AGPL-3.0-or-later

package mailbox

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/client/letter"
	"github.com/securecrypt/securecrypt/mls"
)

// Join enters a group by a welcome and forgets the letter, in one transaction.
func (m *Mailbox) Join(in letter.Invitation, seq uint64) (joined *records.Conversation, err error) {
	if err := m.config.CheckIdentifier(in.Channel); err != nil {
		return nil, err
	}
	err = m.config.Store.Update(func(tx *records.Tx) error {
		joined, err = m.joinTx(tx, in)
		if err != nil {
			return err
		}
		return tx.Delete(records.Key(records.TableLetter, records.Number(seq)))
	})
	return joined, err
}

func (m *Mailbox) joinTx(tx *records.Tx, in letter.Invitation) (*records.Conversation, error) {
	welcome, err := mls.ParseWelcome(in.Welcome)
	if err != nil {
		return nil, err
	}
	id := records.CID(tx.Index(in.Channel[:]))
	ref, rec, err := m.findKeyPackage(tx, welcome)
	if err != nil {
		return nil, err
	}
	kp, err := mls.ParseKeyPackage(rec.KeyPackage)
	if err != nil {
		return nil, err
	}
	private, err := mls.ParseKeyPackagePrivate(rec.Private)
	if err != nil {
		return nil, err
	}
	staged, err := mls.StageJoin(mls.JoinParams{
		Welcome: welcome, KeyPackage: kp, Private: private, RatchetTree: in.Tree, Now: m.config.Now(),
	}, machine.MLSConfig())
	if err != nil {
		return nil, err
	}
	conv, err := m.admit(tx, in, staged, id)
	if err != nil {
		return nil, err
	}
	if err := tx.DeleteAll(records.Key(records.TableGroup, id[:])); err != nil {
		return nil, err
	}
	group, delta, err := staged.Apply()
	if err != nil {
		return nil, err
	}
	if err := machine.ApplyDelta(tx, id, delta); err != nil {
		return nil, err
	}
	if err := machine.EnterEpoch(tx, id, group, in.Channel); err != nil {
		return nil, err
	}
	if !kp.LastResort() {
		if err := tx.Delete(ref); err != nil {
			return nil, err
		}
	}
	return conv, tx.Save(records.Key(records.TableConversation, id[:]), conv)
}

func (m *Mailbox) findKeyPackage(tx *records.Tx, w *mls.Welcome) (at []byte, rec records.KeyPackage, err error) {
	for _, ref := range w.Recipients() {
		at = records.Key(records.TableKeyPackage, tx.Index(ref))
		ok, err := tx.Load(at, &rec)
		if err != nil || ok {
			return at, rec, err
		}
	}
	return nil, rec, errors.New("client: the invitation is for a key that was used or never existed")
}

// errNotYet: somebody was removed and added again while this device was away.
// First it has to see that, and then the invitation counts.
var errNotYet = errors.New("client: the invitation leads to a conversation that this device is in")

// errChainBehind: the invitation comes from a device of this account that its chain
// does not have yet, as far as it is known here.
var errChainBehind = errors.New("client: the invitation comes from a device of this account that is not known yet")

// errBlocked is not told to anybody: who blocked a person does not want to hear
// of them.
var errBlocked = errors.New("client: the invitation comes from somebody who is blocked")

// admit decides what a welcome leads to: a conversation, a request, or
// nothing.
func (m *Mailbox) admit(tx *records.Tx, in letter.Invitation, staged *mls.StagedJoin, id records.CID) (*records.Conversation, error) {
	state, err := rules.ParseState(staged.Context().Extensions)
	if err != nil {
		return nil, err
	}
	if string(staged.Context().GroupID) != string(in.Channel[:]) || state.Host != in.Host {
		return nil, fmt.Errorf("%w: the invitation leads elsewhere", rules.ErrRule)
	}
	inviter, err := rules.LeafCredential(staged.Inviter().Leaf)
	if err != nil {
		return nil, err
	}
	from := inviter.Address.String()
	if state.Group && !rules.MayAdminister(state.Role(from)) && !m.isIn(staged) {
		return nil, fmt.Errorf("%w: the invitation comes from a member without that right", rules.ErrRule)
	}
	contact, err := records.LoadContact(tx, from)
	if err != nil {
		return nil, err
	}
	if contact.Blocked {
		return nil, errBlocked
	}
	conv := &records.Conversation{
		Version: records.Version, Channel: in.Channel, Host: in.Host, Status: chat.StatusRequest,
		Inviter: from, Created: true, Activity: records.Millis(m.config.Now()),
	}
	old, err := tx.Load(records.Key(records.TableConversation, id[:]), conv)
	if err != nil {
		return nil, err
	}
	if err := m.config.Net.CheckHost(in.Host); err != nil {
		return nil, err
	}
	if old && conv.Host != in.Host {
		return nil, fmt.Errorf("%w: the conversation lies elsewhere", rules.ErrRule)
	}
	epoch := staged.Context().Epoch
	if err := leadsOn(tx, id, conv, old, epoch); err != nil {
		return nil, err
	}
	pending := conv.Status == chat.StatusPending || conv.Rejoin != nil // this device asked for it
	if old {
		if err := enterAgain(tx, id, conv, from); err != nil {
			return nil, err
		}
	}
	conv.Epoch = epoch
	conv.Newcomers = true // nobody in it was told the own name, which accepting a request does
	if inviter.Address == m.config.Self.Address {
		if err := m.takeOver(tx, conv, old, staged.Inviter().Leaf); err != nil {
			return nil, err
		}
	} else if old && pending {
		conv.Status, conv.Inviter, conv.Answered = chat.StatusActive, "", true
	} else if err := trustInviter(tx, conv, contact.Known, inviter, staged.Inviter().Leaf); err != nil {
		return nil, err
	}
	if err := records.NoteRecent(tx, id); err != nil {
		return nil, err
	}
	return conv, m.introduce(tx, conv, state, staged, id)
}

// joinOwn makes the conversation that another device of this account began the one of the
// own devices. Of two that began at the same time the one with the lower channel counts.
func (m *Mailbox) joinOwn(tx *records.Tx, conv *records.Conversation, id records.CID) error {
	before, ok, err := records.OwnConversation(tx)
	if err != nil {
		return err
	}
	var rec records.Conversation
	if ok {
		if ok, err = tx.Load(records.Key(records.TableConversation, before[:]), &rec); err != nil {
			return err
		}
	}
	if ok && bytes.Compare(rec.Channel[:], conv.Channel[:]) <= 0 {
		return nil
	}
	self := m.config.Self.Address.String()
	return errors.Join(records.SetOwnConversation(tx, id), tx.Put(records.Key(records.TableDirect, tx.Index([]byte(self))), id[:]))
}

// isIn reports whether another device of this account is in the group: then every member
// may add this one.
func (m *Mailbox) isIn(staged *mls.StagedJoin) bool {
	for _, leaf := range staged.Members() {
		cred, err := rules.LeafCredential(leaf)
		if err == nil && cred.Address == m.config.Self.Address && cred.Device != m.config.Self.Device {
			return true
		}
	}
	return false
}

// takeOver enters a conversation that this account is in already, by an invitation of
// another of its devices.
func (m *Mailbox) takeOver(tx *records.Tx, conv *records.Conversation, old bool, leaf *mls.LeafNode) error {
	revoked, err := m.config.Self.VouchOwn(tx, leaf)
	switch {
	case errors.Is(err, rules.ErrChainOlder):
		return errChainBehind
	case err != nil:
		return err
	case revoked:
		return fmt.Errorf("%w: the invitation comes from a device of this account that was revoked", rules.ErrRule)
	}
	conv.Status, conv.Inviter, conv.Answered = chat.StatusActive, "", true
	if !old {
		conv.NextOrder, conv.Partial = records.HistoryRoom, true
		conv.Reported = &records.Reported{Delivered: records.HistoryRoom, Read: records.HistoryRoom, ReadSent: records.HistoryRoom}
	}
	return nil
}

// trustInviter activates a conversation whose inviter is a contact with pinned keys.
// The invitation of another contact at the conversation's own server is expected to be
// confirmed there.
func trustInviter(tx *records.Tx, r *records.Conversation, isContact bool, inviter account.Credential, leaf *mls.LeafNode) error {
	if isContact && pinnedLeaf(tx, inviter, leaf) {
		r.Status = chat.StatusActive
		return nil
	}
	if !isContact || inviter.Address.Host != r.Host {
		return nil
	}
	pinned, err := records.PinnedChain(tx, inviter.Address)
	r.Expected = err == nil && pinned == nil
	return err
}

// leadsOn reports, by its error, whether an invitation to an epoch leads beyond
// what this device had of a conversation. Known says that conv is stored.
func leadsOn(tx *records.Tx, id records.CID, conv *records.Conversation, known bool, epoch uint64) error {
	gone, err := records.GoneIn(tx, id)
	switch {
	case err != nil:
		return err
	case known && conv.Status == chat.StatusActive && epoch > conv.Epoch:
		return errNotYet
	case gone > 0 && epoch <= gone, known && (conv.Status == chat.StatusActive || epoch <= conv.Epoch):
		return errors.New("client: the invitation is an old one, or to a conversation that this device is in")
	}
	return nil
}

// enterAgain makes a request of a conversation that this device was in, and
// forgets what belongs to the membership before.
func enterAgain(tx *records.Tx, id records.CID, conv *records.Conversation, inviter string) error {
	conv.Status, conv.Reason, conv.Cause, conv.Gone, conv.Inviter, conv.Cursor = chat.StatusRequest, "", 0, false, inviter, 0
	conv.Hidden, conv.Tokens, conv.Mail, conv.Idle, conv.Refused, conv.Expected = false, nil, nil, nil, 0, false
	conv.Mark, conv.Rewind, conv.Awaited, conv.Generations = nil, nil, nil, nil
	conv.NoGroup, conv.Devices, conv.OwnChain, conv.Rejoin = false, nil, 0, nil
	conv.LeaveRoom()
	for _, table := range []string{records.TableOutbox, records.TableSent, records.TableReplay} {
		if err := tx.DeleteAll(records.Key(table, id[:])); err != nil {
			return err
		}
	}
	return nil
}

// pinnedLeaf reports whether a leaf is that of a device that its account is
// known to have: somebody who writes in the name of a contact is a stranger.
func pinnedLeaf(tx *records.Tx, who account.Credential, leaf *mls.LeafNode) bool {
	chain, err := records.PinnedChain(tx, who.Address)
	if err != nil || chain == nil {
		return false
	}
	revoked, err := rules.VouchLeaf(chain, leaf)
	return err == nil && !revoked
}

// introduce notes who is in the conversation: all to be confirmed.
func (m *Mailbox) introduce(tx *records.Tx, conv *records.Conversation, state rules.State, staged *mls.StagedJoin, id records.CID) error {
	self := m.config.Self.Address.String()
	seen := map[string]bool{self: true}
	conv.Unconfirmed, conv.Departed, conv.Peer = nil, nil, ""
	conv.Group, conv.Own, conv.Title, conv.Timer = state.Group, state.Own, state.Title, state.Timer
	for _, leaf := range staged.Members() {
		cred, err := rules.LeafCredential(leaf)
		if err != nil {
			return err
		}
		if cred.Address == m.config.Self.Address {
			_, err := m.config.Self.VouchOwn(tx, leaf)
			if err != nil && !errors.Is(err, rules.ErrChainOlder) {
				return err
			}
			if err != nil && !slices.Contains(conv.Unconfirmed, self) {
				conv.Unconfirmed = append(conv.Unconfirmed, self)
			}
			continue
		}
		if a := cred.Address.String(); !seen[a] {
			seen[a] = true
			conv.Unconfirmed = append(conv.Unconfirmed, a)
		}
	}
	conv.Members = uint64(len(seen))
	if state.Group {
		return nil
	}
	delete(seen, self)
	for a := range seen {
		conv.Peer = a
	}
	ours := conv.Inviter == "" // another device of this account is in it
	switch {
	case state.Own && len(seen) == 0 && ours:
		conv.Peer = self
	case state.Own || len(seen) != 1 || conv.Inviter != conv.Peer && !ours:
		return fmt.Errorf("%w: more than two in a conversation of two", rules.ErrRule)
	}
	if state.Own {
		return m.joinOwn(tx, conv, id)
	}
	if ours {
		if err := records.NoteKnown(tx, conv.Peer); err != nil {
			return err
		}
	}
	if open, err := records.OpenDirect(tx, conv.Peer); err != nil || open != nil && !ours {
		return err // the new one takes its place once the peer is confirmed
	}
	return tx.Put(records.Key(records.TableDirect, tx.Index([]byte(conv.Peer))), id[:])
}
