// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/protocol"
)

// A profile that was put back to an older copy, and took over, may lack
// conversations and keys that the newer copy had: what others write there never
// arrives. The device names another generation from then on. Who wrote to a member
// and heard nothing since asks the member's server for it. If it is not the one from
// before, the member is removed and added again in one commit, and what did not
// arrive is sent again.

// checkDelays are how long a device waits for a sign of life before it asks after a
// member, by how often it did.
var checkDelays = [...]time.Duration{10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}

// errSuperseded: the peer has begun another conversation since.
var errSuperseded = errors.New("the other one's profile was put back to an earlier state, and a newer conversation with them has taken the place of this one. Send there again what did not arrive here")

// controlGeneration is the control message that tells a generation.
const controlGeneration = "generation"

// A generationControl has the generation of a device of its sender, which still
// follows the conversation.
type generationControl struct {
	Version    uint8               `cbor:"1,keyasint"`
	Device     account.DeviceID    `cbor:"2,keyasint"`
	Generation protocol.Generation `cbor:"3,keyasint"`
}

// DoCheck asks for the generations of accounts: inputChecked.
type DoCheck struct{ Addresses []string }

func (DoCheck) effect() {}

// InputChecked has answers to doCheck; more: others are still being asked.
type InputChecked struct {
	Found map[string]Lookup
	More  bool
}

// awaitMembers notes that an own message went to the others.
func (c *Conversation) awaitMembers() {
	for who := range c.index() {
		if who == c.self.Address.String() {
			continue
		}
		for _, device := range c.devicesOf(who) {
			c.await(who, device, 0)
		}
	}
}

// await notes that somebody's device was written to or invited, and how often it was
// asked after. In large groups that would be too many.
func (c *Conversation) await(who string, device account.DeviceID, checks uint8) {
	if c.rec.Members > maxTellingMail {
		return
	}
	if slices.ContainsFunc(c.rec.Awaited, func(a records.Awaited) bool { return isAwaited(a, who, device) }) {
		return
	}
	now := c.now().Unix()
	next := now + int64(checkDelays[min(int(checks), len(checkDelays)-1)]/time.Second)
	c.rec.Awaited = append(c.rec.Awaited, records.Awaited{Address: who, Device: device, Since: now, Next: next, Checks: checks})
	c.touch()
}

// isAwaited reports whether a record is about a device. Those of earlier versions are
// about all devices of a person.
func isAwaited(a records.Awaited, who string, device account.DeviceID) bool {
	return a.Address == who && (a.Device == device || a.Device == account.DeviceID{})
}

// heardFrom notes that somebody's device follows the conversation, or is gone.
func (c *Conversation) heardFrom(who string, device account.DeviceID) {
	before := len(c.rec.Awaited)
	c.rec.Awaited = slices.DeleteFunc(c.rec.Awaited, func(a records.Awaited) bool { return isAwaited(a, who, device) })
	if len(c.rec.Awaited) != before {
		c.touch()
	}
}

// checkAwaited asks after those who have not been heard of for long. What is older
// than what is remembered of sent messages is given up.
func (c *Conversation) checkAwaited() {
	if c.checking || len(c.rec.Awaited)+len(c.rejoins) == 0 {
		return
	}
	now := c.now().Unix()
	before := len(c.rec.Awaited)
	c.rec.Awaited = slices.DeleteFunc(c.rec.Awaited, func(a records.Awaited) bool {
		_, there := c.leafOf(a.Address, a.Device)
		there = there || a.Device == account.DeviceID{} && len(c.leavesOf(a.Address)) > 0
		return now-a.Since > int64(sentLogTime/time.Second) || !there
	})
	if len(c.rec.Awaited) != before {
		c.touch()
	}
	var due []string
	for _, a := range c.rec.Awaited {
		if now >= a.Next && !slices.Contains(due, a.Address) {
			due = append(due, a.Address)
		}
	}
	for who := range c.rejoins {
		if address := who.Address.String(); !slices.Contains(due, address) {
			due = append(due, address)
		}
	}
	if len(due) > 0 {
		c.checking = true
		c.out.do(DoCheck{due})
	}
}

// checkTimes are when somebody is asked after.
func (c *Conversation) checkTimes() (all []time.Time) {
	for _, a := range c.rec.Awaited {
		all = append(all, time.Unix(a.Next, 0))
	}
	return all
}

func (in InputChecked) step(c *Conversation, tx *records.Tx) error {
	c.checking = in.More
	for address, found := range in.Found {
		if err := c.letRejoin(tx, address, found); err != nil {
			return err
		}
	}
	for i := range c.rec.Awaited {
		a := &c.rec.Awaited[i]
		found, ok := in.Found[a.Address]
		if !ok {
			continue
		}
		a.Next = c.now().Add(checkDelays[min(int(a.Checks)+1, len(checkDelays)-1)]).Unix()
		a.Checks = min(a.Checks+1, uint8(len(checkDelays)))
		c.touch()
		if found.Err != nil {
			continue
		}
		if changed := c.changedGenerations(a.Address, found); len(changed) > 0 {
			return c.addAgain(tx, a.Address, changed[0]) // the others' time comes
		}
	}
	return nil
}

// changedGenerations returns the devices of a member that are of another generation
// than the ones that follow the conversation. What is not known yet is noted.
func (c *Conversation) changedGenerations(who string, found Lookup) (changed []account.DeviceID) {
	for _, is := range found.Generations {
		i := c.generationOf(who, is.Device)
		if i < 0 {
			c.setGeneration(who, is)
			continue
		}
		_, there := c.leafOf(who, account.DeviceID(is.Device))
		if there && c.rec.Generations[i].Generation != is.Generation {
			changed = append(changed, account.DeviceID(is.Device))
		}
	}
	return changed
}

func (c *Conversation) generationOf(who string, device protocol.DeviceID) int {
	return slices.IndexFunc(c.rec.Generations, func(g records.MemberGeneration) bool { return g.Address == who && g.Device == device })
}

// setGeneration notes with which generation a member's device follows the
// conversation.
func (c *Conversation) setGeneration(who string, is protocol.DeviceGeneration) {
	if i := c.generationOf(who, is.Device); i >= 0 {
		c.rec.Generations[i].Generation = is.Generation
	} else if c.rec.Members <= maxTellingMail {
		c.rec.Generations = append(c.rec.Generations, records.MemberGeneration{Address: who, Device: is.Device, Generation: is.Generation})
	}
	c.touch()
}

// forgetGeneration has the generation of a member's device be noted again.
func (c *Conversation) forgetGeneration(who string, device account.DeviceID) {
	c.rec.Generations = slices.DeleteFunc(c.rec.Generations, func(g records.MemberGeneration) bool {
		return g.Address == who && g.Device == protocol.DeviceID(device)
	})
	c.touch()
}

// addAgain has a device removed and added again that may have lost the conversation,
// if this account may do that. A conversation of two that another one took the place
// of ends instead.
func (c *Conversation) addAgain(tx *records.Tx, who string, device account.DeviceID) error {
	if !c.state.Group {
		preferred, err := tx.Get(records.Key(records.TableDirect, tx.Index([]byte(who))))
		if err != nil {
			return err
		}
		if string(preferred) != string(c.id[:]) {
			return c.endSuperseded(tx)
		}
	} else if self := c.self.Address.String(); who != self && (!rules.MayAdminister(c.state.Role(self)) || !c.rules().MayRemove(self, who)) {
		return nil
	}
	if c.addsAgain() {
		return nil // one after the other
	}
	d := records.DeviceChange{Address: who, Device: device}
	_, err := c.queueFirst(tx, records.OutboxItem{Change: &records.Change{Devices: []records.DeviceChange{d}, Again: c.leafMark(d)}})
	return err
}

// addsAgain reports whether a member is about to be added again.
func (c *Conversation) addsAgain() bool {
	return slices.ContainsFunc(c.outbox, func(o *outItem) bool { return o.Change != nil && o.Change.Again != nil })
}

// leafMark tells the present leaf of a device from others.
func (c *Conversation) leafMark(d records.DeviceChange) []byte {
	h := sha256.New()
	if i, ok := c.leafOf(d.Address, d.Device); ok {
		h.Write(c.group.Member(i).EncryptionKey())
	}
	return h.Sum(nil)
}

// addedAgain deals with what a member who was added again did not receive.
func (c *Conversation) addedAgain(tx *records.Tx, ch *records.Change) error {
	who, device := ch.Devices[0].Address, ch.Devices[0].Device
	ch.Devices, ch.Again = nil, nil
	c.heardFrom(who, device)
	c.await(who, device, uint8(len(checkDelays))) // not again before a day has passed
	lost := map[uint64]records.Sent{}
	var numbers, letters []uint64
	err := records.ScanSent(tx, c.id, func(n uint64, rec *records.Sent) bool {
		switch {
		case rec.Letter == nil:
			lost[n], numbers = *rec, append(numbers, n)
		case rec.Letter.To == who && account.DeviceID(rec.Letter.Device) == device:
			letters = append(letters, n)
		}
		return true
	})
	for _, n := range numbers {
		arrived := false
		if err == nil && lost[n].Order != 0 {
			arrived, err = c.arrivedAt(tx, lost[n].Order, who)
		}
		if err == nil && !arrived {
			_, err = c.requeue(tx, n, lost[n])
			letters = append(letters, n)
		}
	}
	return c.dropSent(tx, letters, err)
}

// arrivedAt reports whether an own message is known to have reached somebody, or does
// not exist any more.
func (c *Conversation) arrivedAt(tx *records.Tx, order uint64, who string) (bool, error) {
	var rec records.Message
	ok, err := tx.Load(records.Key(records.TableMessage, c.id[:], records.Number(order)), &rec)
	if err != nil || !ok {
		return true, err
	}
	return slices.ContainsFunc(rec.Recipients, func(r records.Recipient) bool {
		return r.Address == who && (r.Status == content.StatusDelivered || r.Status == content.StatusRead)
	}), nil
}

// endSuperseded ends a conversation of two, and says of which messages it is not known
// that they arrived.
func (c *Conversation) endSuperseded(tx *records.Tx) error {
	var orders []uint64
	err := records.ScanSent(tx, c.id, func(_ uint64, rec *records.Sent) bool {
		if rec.Order != 0 {
			orders = append(orders, rec.Order)
		}
		return true
	})
	for _, order := range orders {
		if err != nil {
			return err
		}
		var rec records.Message
		ok, e := tx.Load(records.Key(records.TableMessage, c.id[:], records.Number(order)), &rec)
		if err = e; err != nil || !ok || rec.Deleted || rec.State != chat.StateSent {
			continue
		}
		rec.State, rec.Reason, rec.Cause = chat.StateFailed, errSuperseded.Error(), records.CauseOf(errSuperseded)
		err = c.saveMessage(tx, order, &rec, false)
	}
	if err != nil {
		return err
	}
	c.rec.Awaited = nil
	return c.stop(tx, chat.StatusLost, errSuperseded)
}

// tellGeneration tells the others that this device follows the conversation with its
// present generation, after it took over from another copy of the profile.
func (c *Conversation) tellGeneration(tx *records.Tx) error {
	if c.rec.Status != chat.StatusActive || c.rec.Members < 2 || c.rec.Members > maxTellingMail {
		return nil
	}
	var profile records.Profile
	if _, err := tx.Load([]byte(records.TableProfile), &profile); err != nil {
		return err
	}
	body, err := dcbor.Marshal(generationControl{records.Version, c.self.Device, profile.Generation})
	if err != nil {
		return err
	}
	return c.queueQuietly(tx, content.Control(controlGeneration, body))
}

// takeGeneration takes in the generation that a member tells.
func (c *Conversation) takeGeneration(from string, body []byte) error {
	var told generationControl
	if dcbor.Unmarshal(body, &told) != nil {
		return nil
	}
	known := func(g records.MemberGeneration) bool {
		return g.Address == from && g.Device == protocol.DeviceID(told.Device)
	}
	if slices.ContainsFunc(c.rec.Generations, known) {
		c.setGeneration(from, protocol.DeviceGeneration{Device: protocol.DeviceID(told.Device), Generation: told.Generation})
	}
	return nil
}
