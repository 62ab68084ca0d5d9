// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"bytes"
	"context"
	"crypto/hpke"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/accountstate"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/internal/codec/order"
	"github.com/securecrypt/securecrypt/protocol"
)

// When what the server keeps for the recovery is brought up to date: some time after the
// start, and some time after a change.
const (
	firstStateAfter = 30 * time.Second
	stateEvery      = 5 * time.Minute
)

// errStateRolledBack: the server shows an earlier state than it had.
var errStateRolledBack = errors.New("your server shows an older copy of what it keeps for your recovery than this device has stored there: it was put back to a backup, or somebody wants you to miss something. This device stores the present one again")

// noteSealing keeps the public half of a recovery key's sealing key, to which what the
// server keeps for the recovery is sealed.
func (c *Client) noteSealing(secret account.RecoverySecret) error {
	sealing, err := secret.SignedSealingKey()
	if err != nil {
		return err
	}
	err = c.store.Update(func(tx *records.Tx) error {
		return errors.Join(records.UpdateProfile(tx, func(p *records.Profile) { p.Sealing = sealing }), c.setField(tx, records.FieldSealing, "", sealing))
	})
	c.tellOwnDevices()
	return err
}

// keepState keeps what the server has for the recovery up to date.
func (c *Client) keepState() {
	wait := firstStateAfter
	if profile, err := c.home.Profile(); err == nil && len(profile.Restore) > 0 {
		wait = 0 // somebody waits for it
	}
	changed := c.store.Changed()
	for c.pause(wait) {
		select {
		case <-changed: // before what is read now
		default:
		}
		wait = stateEvery
		err := c.bringState(c.ctx)
		if profile, loadErr := c.home.Profile(); loadErr == nil && len(profile.Restore) > 0 {
			wait = firstStateAfter
		}
		if err != nil {
			c.log.Warn("what the server keeps for the recovery could not be brought up to date", "error", err)
			continue
		}
		select {
		case <-changed:
		case <-c.ctx.Done():
		}
	}
}

// bringState restores the account's state if this device came back by the recovery key,
// and has the server keep the present one.
func (c *Client) bringState(ctx context.Context) error {
	profile, err := c.home.Profile()
	if err != nil {
		return err
	}
	if len(profile.Restore) > 0 {
		return c.restoreState(ctx)
	}
	if len(profile.Sealing) == 0 {
		return nil
	}
	state, err := c.accountState()
	if err != nil {
		return err
	}
	encoded, err := accountstate.Encode(state)
	if err != nil {
		return err
	}
	hash := sha256.Sum256(encoded)
	if bytes.Equal(hash[:], profile.StateHash) {
		return nil
	}
	if err := c.home.Sync(ctx); err != nil {
		return err
	}
	chain, err := c.home.Chain()
	if err != nil {
		return err
	}
	to, err := account.ParseSealingKey(chain.RecoveryKey(), profile.Sealing)
	if err != nil {
		return nil // of a recovery key that was replaced: the device that did it has the new one
	}
	counter, there, err := c.keptState(ctx, chain, profile)
	if err != nil {
		return err
	}
	if counter < profile.StateCounter && profile.StateHash != nil {
		c.emit(chat.FailureEvent{Err: errStateRolledBack})
	}
	if !bytes.Equal(there, encoded) {
		counter = max(counter, profile.StateCounter) + 1
		key, err := c.signingKey()
		if err != nil {
			return err
		}
		sealed, err := accountstate.Seal(encoded, counter, chain, to, c.self.Device, key)
		if err != nil {
			return err
		}
		if _, err := c.home.Call(ctx, protocol.OpRecoveryPut, &protocol.RecoveryPut{Counter: counter, Data: sealed}); err != nil {
			return err
		}
	}
	return c.home.Update(func(p *records.Profile) { p.StateCounter, p.StateHash = counter, hash[:] })
}

// keptState returns what the server keeps for the recovery, and its counter; nothing if
// it keeps nothing that this device can open.
func (c *Client) keptState(ctx context.Context, chain *account.Chain, profile records.Profile) (counter uint64, encoded []byte, err error) {
	b, err := c.home.Call(ctx, protocol.OpRecoveryGet, &protocol.Empty{})
	if errors.Is(err, &protocol.Error{Code: protocol.CodeNotFound}) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	kept := b.(*protocol.Recovery)
	key, err := hpke.MLKEM768X25519().NewPrivateKey(profile.MailboxKey)
	if err != nil {
		return 0, nil, err
	}
	encoded, _, err = accountstate.Open(kept.Data, chain, c.self.Device, key)
	if err != nil {
		return kept.Counter, nil, nil // made before this device came
	}
	return kept.Counter, encoded, nil
}

// accountState returns what is to come back with the recovery key.
func (c *Client) accountState() (s accountstate.State, err error) {
	if err := c.forEachConversation(func(stored records.Stored) error {
		rec := &stored.Rec
		if rec.Hidden || rec.Own || rec.Status != chat.StatusActive && rec.Status != chat.StatusPending {
			return nil
		}
		ask := rec.Ask
		if ask == nil && !rec.NoGroup {
			if err := c.store.View(func(tx *records.Tx) (err error) {
				ask, err = machine.WhoMayLetIn(tx, stored.K, c.self.Address.String())
				return err
			}); err != nil {
				return err
			}
		}
		s.Chats = append(s.Chats, accountstate.Chat{
			Channel: rec.Channel, Host: rec.Host, Group: rec.Group, Title: rec.Title, Peer: rec.Peer, Timer: rec.Timer,
			Activity: rec.Activity / 1000 / 86400 * 86400, Ask: ask, Pinned: rec.Pinned, Archived: rec.Archived,
		})
		return nil
	}); err != nil {
		return s, err
	}
	order.By(s.Chats, func(a, b accountstate.Chat) int {
		if a.Activity != b.Activity {
			return int(b.Activity - a.Activity)
		}
		return bytes.Compare(a.Channel[:], b.Channel[:])
	})
	err = c.store.View(func(tx *records.Tx) error {
		var profile records.Profile
		if _, err := tx.Load([]byte(records.TableProfile), &profile); err != nil {
			return err
		}
		s.Profile = profile.Name
		settings, err := records.LoadSettings(tx)
		if err != nil {
			return err
		}
		s.Settings = records.SettingTexts(settings)
		return tx.Scan([]byte(records.TableContact), false, func(_, v []byte) (bool, error) {
			var rec records.Contact
			if err := records.Decode(v, &rec); err != nil {
				return false, err
			}
			if rec.Known || rec.Blocked || rec.Name != "" || len(rec.Verified) > 0 {
				s.Contacts = append(s.Contacts, accountstate.ContactOf(rec))
			}
			return true, nil
		})
	})
	order.By(s.Contacts, func(a, b accountstate.Contact) int { return bytes.Compare([]byte(a.Address), []byte(b.Address)) })
	return s, err
}

// restoreState brings back what the server kept for the recovery: contacts and settings,
// and the conversations, whose members are asked to let this device in.
func (c *Client) restoreState(ctx context.Context) error {
	if err := c.home.Sync(ctx); err != nil {
		return err
	}
	profile, err := c.home.Profile()
	if err != nil {
		return err
	}
	chain, err := c.home.Chain()
	if err != nil {
		return err
	}
	done := func(p *records.Profile) { clear(p.Restore); p.Restore = nil }
	b, err := c.home.Call(ctx, protocol.OpRecoveryGet, &protocol.Empty{})
	if errors.Is(err, &protocol.Error{Code: protocol.CodeNotFound}) {
		return c.home.Update(done)
	}
	if err != nil {
		return err
	}
	key, err := hpke.MLKEM768X25519().NewPrivateKey(profile.Restore)
	if err != nil {
		return err
	}
	encoded, counter, err := accountstate.Open(b.(*protocol.Recovery).Data, chain, account.DeviceID{}, key)
	var state accountstate.State
	if err == nil {
		state, err = accountstate.Decode(encoded)
	}
	if err != nil {
		return errors.Join(err, c.home.Update(done))
	}
	if err := c.takeState(state); err != nil {
		return err
	}
	if err := c.home.Update(func(p *records.Profile) { done(p); p.StateCounter = counter }); err != nil {
		return err
	}
	return c.ConnectAll()
}

func (c *Client) takeState(s accountstate.State) error {
	err := c.store.Update(func(tx *records.Tx) error {
		if err := records.UpdateProfile(tx, func(p *records.Profile) {
			if p.Name == "" && checkLabel(s.Profile) == nil {
				p.Name = s.Profile
			}
		}); err != nil {
			return err
		}
		for name, value := range s.Settings {
			if err := records.SetSetting(tx, name, value); err != nil {
				return err
			}
		}
		for _, one := range s.Contacts {
			if records.Address(one.Address).IsZero() || checkLabel(one.Name) != nil {
				continue
			}
			rec, err := records.LoadContact(tx, one.Address)
			if err != nil {
				return err
			}
			rec.Name, rec.Profile, rec.Known, rec.Blocked = one.Name, one.Profile, one.Known, one.Blocked
			rec.Verified, rec.VerifiedProfile, rec.ToldProfile = one.Verified, one.VerifiedProfile, one.VerifiedProfile
			if err := records.SaveContact(tx, rec); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, one := range s.Chats {
		status := records.ArchivedMeta{Status: chat.StatusActive, Group: one.Group, Title: one.Title, Timer: one.Timer, Peer: one.Peer, Activity: one.Activity * 1000}
		id := records.CID(c.store.Index(one.Channel[:]))
		err := c.store.Update(func(tx *records.Tx) error {
			if _, err := c.ensureArchived(tx, records.ArchivedChat{Channel: one.Channel, Host: one.Host, Meta: &status}); err != nil {
				return err
			}
			var rec records.Conversation
			k := records.Key(records.TableConversation, id[:])
			ok, err := tx.Load(k, &rec)
			if err != nil || !ok || !rec.NoGroup {
				return err
			}
			rec.Pinned, rec.Archived = one.Pinned, one.Archived
			rec.Rejoin = &records.Rejoin{Since: c.now().Unix(), Ask: one.Ask}
			return errors.Join(tx.Save(k, &rec), records.NotePinned(tx, id, rec.Pinned))
		})
		if err != nil {
			return err
		}
		if conv, err := c.Conversation(chat.IDOf(one.Channel)); err == nil {
			c.emit(chat.ConversationEvent{Conversation: conv})
		}
	}
	return nil
}
