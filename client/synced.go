// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/queries"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
)

// ownConversation returns the actor of the conversation of the account's own devices,
// nil if there is none.
func (c *Client) ownConversation() (*actor, error) {
	var (
		id  records.CID
		rec records.Conversation
	)
	err := c.store.View(func(tx *records.Tx) error {
		own, ok, err := records.OwnConversation(tx)
		if err != nil || !ok {
			return err
		}
		id = own
		_, err = tx.Load(records.Key(records.TableConversation, id[:]), &rec)
		return err
	})
	if err != nil || rec.Version == 0 {
		return nil, err
	}
	return c.start(id, &rec), nil
}

// ownFirst is how long other conversations wait at the start for what the other devices
// of the account say: whom they blocked, and what they read and deleted.
const ownFirst = 2 * time.Second

// connectOwn connects the conversation of the account's own devices, if there is one, and
// waits a moment for what it has.
func (c *Client) connectOwn() error {
	a, err := c.ownConversation()
	if err != nil || a == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.ctx, ownFirst)
	defer cancel()
	if err := a.wait(ctx, func(s snapshot) bool { return s.known && (!s.Following || s.CaughtUp) }); err != nil && c.ctx.Err() != nil {
		return err
	}
	return nil
}

// tellOwnDevices has the other devices of the account hear of fields that changed here.
func (c *Client) tellOwnDevices() {
	a, err := c.ownConversation()
	if err != nil {
		c.log.Error("the other devices cannot be told of a change", "error", err)
		return
	}
	if a != nil {
		a.tell(machine.InputUnsent{}, nil)
	}
}

// setFields notes fields that changed in a transaction, for the other devices.
func (c *Client) setField(tx *records.Tx, kind records.FieldKind, subject string, value any) error {
	_, err := records.SetField(tx, c.self.Device, records.Field{Kind: kind, Main: []byte(subject)}, value)
	return err
}

// setContactFields notes what changed of a contact, for the other devices.
func (c *Client) setContactFields(tx *records.Tx, before, now records.Contact) error {
	var failed []error
	set := func(kind records.FieldKind, value any) {
		failed = append(failed, c.setField(tx, kind, now.Address, value))
	}
	if now.Name != before.Name {
		set(records.FieldName, now.Name)
	}
	if now.Blocked != before.Blocked {
		set(records.FieldBlocked, now.Blocked)
	}
	if now.Known != before.Known {
		set(records.FieldKnown, now.Known)
	}
	if string(now.Verified) != string(before.Verified) || now.VerifiedProfile != before.VerifiedProfile {
		set(records.FieldVerified, records.SyncedVerified{Identity: now.Verified, Profile: now.VerifiedProfile})
	}
	return errors.Join(failed...)
}

// applyAllFields carries out all fields that other devices changed.
func (c *Client) applyAllFields() error {
	return c.applyFields(func(tx *records.Tx) ([]records.Synced, error) { return records.Unapplied(tx, nil) })
}

// applyFieldsOf carries out the fields of some subjects that other devices changed.
func (c *Client) applyFieldsOf(subjects [][]byte) {
	err := c.applyFields(func(tx *records.Tx) (all []records.Synced, err error) {
		for _, subject := range subjects {
			fields, err := records.Unapplied(tx, tx.Index(subject))
			if err != nil {
				return nil, err
			}
			all = append(all, fields...)
		}
		return all, nil
	})
	if err != nil {
		c.log.Error("what another device chose could not be carried out", "error", err)
	}
}

// applyFields carries out the fields that read finds.
func (c *Client) applyFields(read func(*records.Tx) ([]records.Synced, error)) error {
	c.applying.Lock()
	defer c.applying.Unlock()
	var fields []records.Synced
	err := c.store.View(func(tx *records.Tx) (err error) {
		fields, err = read(tx)
		return err
	})
	if err != nil {
		return err
	}
	told := map[string]bool{}
	var failed []error
	for _, f := range fields {
		if !f.Field.IsOfConversation() {
			failed = append(failed, c.applyField(f))
			continue
		}
		if told[string(f.Field.Main)] {
			continue
		}
		told[string(f.Field.Main)] = true
		id := records.CID(c.store.Index(f.Field.Main))
		if rec, err := c.conversationRecord(id); err == nil { // or else it is applied when the conversation comes
			c.start(id, rec).tell(machine.InputUnapplied{}, nil)
		}
	}
	return errors.Join(failed...)
}

// applyField carries out a field of the account, of a device or of a contact.
func (c *Client) applyField(f records.Synced) error {
	change := func(*records.Tx) error { return nil }
	switch f.Field.Kind {
	case records.FieldSetting:
		change = func(tx *records.Tx) error { return applySetting(tx, f) }
	case records.FieldSealing:
		change = func(tx *records.Tx) error { return c.applySealing(tx, f) }
	case records.FieldProfile:
		change = func(tx *records.Tx) error { return applyProfile(tx, f) }
	case records.FieldDeviceName, records.FieldDeviceUse:
		defer c.emit(chat.DevicesEvent{})
	default:
		if who := records.Address(string(f.Field.Main)); !who.IsZero() {
			return c.applyContactField(who, f)
		}
	}
	return c.store.Update(func(tx *records.Tx) error { return errors.Join(change(tx), records.Applied(tx, f.Field)) })
}

func applySetting(tx *records.Tx, f records.Synced) error {
	var value string
	if records.Decode(f.Value, &value) != nil {
		return nil
	}
	return records.SetSetting(tx, string(f.Field.Main), value)
}

// applySealing takes over the key to which the account's state is sealed, if the recovery
// key signed it.
func (c *Client) applySealing(tx *records.Tx, f records.Synced) error {
	chain, err := records.OwnChain(tx, c.self.Address)
	if err != nil {
		return err
	}
	var sealing []byte
	if records.Decode(f.Value, &sealing) != nil {
		return nil
	}
	if _, err := account.ParseSealingKey(chain.RecoveryKey(), sealing); err != nil {
		return nil
	}
	return records.UpdateProfile(tx, func(p *records.Profile) { p.Sealing = sealing })
}

func applyProfile(tx *records.Tx, f records.Synced) error {
	var name string
	if records.Decode(f.Value, &name) != nil || checkLabel(name) != nil {
		return nil
	}
	return records.UpdateProfile(tx, func(p *records.Profile) { p.Name = name })
}

func (c *Client) applyContactField(who account.Address, f records.Synced) error {
	var blocked bool
	if f.Field.Kind == records.FieldBlocked && records.Decode(f.Value, &blocked) == nil && blocked {
		if err := c.block(c.ctx, who); err != nil {
			return err
		}
	}
	return c.changeContact(who, func(tx *records.Tx, rec *records.Contact) error {
		switch f.Field.Kind {
		case records.FieldName:
			var name string
			if records.Decode(f.Value, &name) == nil && checkLabel(name) == nil {
				rec.Name = name
			}
		case records.FieldKnown:
			_ = records.Decode(f.Value, &rec.Known)
		case records.FieldBlocked:
			_ = records.Decode(f.Value, &rec.Blocked)
		case records.FieldVerified:
			var v records.SyncedVerified
			if records.Decode(f.Value, &v) == nil {
				rec.Verified, rec.VerifiedProfile, rec.ToldProfile = v.Identity, v.Profile, v.Profile
			}
		}
		return records.Applied(tx, f.Field)
	})
}

// createOwnAfter is how long a device waits for the one that was added before it to
// begin the conversation of the own devices.
const createOwnAfter = time.Minute

// ensureOwnConversation begins the conversation of the account's own devices when there
// is a second one. The device that is the longest in the account does it, or the next
// one if that does not.
func (c *Client) ensureOwnConversation() error {
	rank := 0
	var several, there bool
	err := c.store.View(func(tx *records.Tx) error {
		chain, err := records.OwnChain(tx, c.self.Address)
		if err != nil {
			return err
		}
		devices := chain.Devices()
		several = len(devices) > 1
		for i, d := range devices {
			if d.ID() == c.self.Device {
				rank = i
			}
		}
		_, there, err = records.OwnConversation(tx)
		return err
	})
	if err != nil || there || !several {
		return err
	}
	if rank > 0 {
		c.after(time.Duration(rank)*createOwnAfter, func() {
			if a, err := c.ownConversation(); err == nil && a == nil {
				if err := c.createOwnConversation(); err != nil {
					c.log.Error("the devices of this account cannot be kept in step", "error", err)
				}
			}
		})
		return nil
	}
	return c.createOwnConversation()
}

// after calls fn after a time, unless the client is closed before.
func (c *Client) after(d time.Duration, fn func()) {
	c.spawn(func() {
		if c.pause(d) {
			fn()
		}
	})
}

// pause waits for a time. It returns false when the client is closed.
func (c *Client) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return c.ctx.Err() == nil
	case <-c.ctx.Done():
		return false
	}
}

// errOwnBegun: somebody else began the conversation of the own devices meanwhile.
var errOwnBegun = errors.New("client: the account's devices have their conversation")

// createOwnConversation begins the conversation of the own devices, unless it was begun
// meanwhile, and has it know all that this device has.
func (c *Client) createOwnConversation() error {
	id, err := c.begin(rules.State{Own: true}, c.self.Address.String(), nil)
	if errors.Is(err, errOwnBegun) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := errors.Join(c.collectFields(), c.noteUse()); err != nil {
		return err
	}
	return c.ConnectConversation(id)
}

// collectFields makes fields of what this device has that differs from a new one.
func (c *Client) collectFields() error {
	if err := c.forEachConversation(func(s records.Stored) error {
		return c.store.Update(func(tx *records.Tx) error { return machine.CollectFields(tx, c.self.Device, s) })
	}); err != nil {
		return err
	}
	var contacts []records.Contact
	err := c.store.View(func(tx *records.Tx) error {
		return tx.Scan([]byte(records.TableContact), false, func(_, v []byte) (bool, error) {
			var rec records.Contact
			err := records.Decode(v, &rec)
			contacts = append(contacts, rec)
			return true, err
		})
	})
	if err != nil {
		return err
	}
	for some := range slices.Chunk(contacts, queries.Batch) {
		if err := c.store.Update(func(tx *records.Tx) error {
			for _, rec := range some {
				if err := c.setContactFields(tx, records.Contact{Address: rec.Address}, rec); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return c.store.Update(func(tx *records.Tx) error {
		settings, err := records.LoadSettings(tx)
		if err != nil {
			return err
		}
		var profile records.Profile
		if _, err := tx.Load([]byte(records.TableProfile), &profile); err != nil {
			return err
		}
		return errors.Join(c.setSettingFields(tx, chat.Settings{}, settings), c.setField(tx, records.FieldProfile, "", profile.Name), c.setSealingField(tx, profile.Sealing))
	})
}

func (c *Client) setSealingField(tx *records.Tx, sealing []byte) error {
	if len(sealing) == 0 {
		return nil
	}
	return c.setField(tx, records.FieldSealing, "", sealing)
}

// setSettingFields notes the settings that changed, for the other devices.
func (c *Client) setSettingFields(tx *records.Tx, before, now chat.Settings) error {
	old := records.SettingTexts(before)
	var failed []error
	for name, value := range records.SettingTexts(now) {
		if was, ok := old[name]; !ok || was != value {
			failed = append(failed, c.setField(tx, records.FieldSetting, name, value))
		}
		delete(old, name)
	}
	for name := range old { // of an interface, which has forgotten it
		failed = append(failed, c.setField(tx, records.FieldSetting, name, ""))
	}
	return errors.Join(failed...)
}
