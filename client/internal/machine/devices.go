// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/mls"
)

// People have devices that come and go by statements of their accounts' chains. The
// conversation follows: a device that a chain has and the group does not is added, one
// that the chain revokes is removed. Any member may do it. The account's own devices
// do it first, the others when these did not.

// When devices of others are added and removed, after those of the account itself had
// the time to do it.
const (
	addOthersAfter    = time.Minute
	removeOthersAfter = 30 * time.Second
)

// A device for which its server has no key package is tried again after
// firstKeyPackageWait, and twice as long each time, up to lastKeyPackageWait. In the
// conversation of the own devices that is every second at first: once a new device is
// there, it is added everywhere.
const (
	firstKeyPackageWait = 2 * time.Second
	lastKeyPackageWait  = time.Hour
	ownFirstTries       = 20
	ownFirstWait        = time.Second
	othersWait          = 10 * time.Second
)

// DoAddDevice has a new device of this account added to all conversations: it has key
// packages.
type DoAddDevice struct{ Device account.DeviceID }

// InputDevice: a new device of this account has key packages.
type InputDevice struct{ Device account.DeviceID }

func (DoAddDevice) effect() {}

func (in InputDevice) step(c *Conversation, _ *records.Tx) error {
	self := c.self.Address.String()
	for i := range c.rec.Devices {
		if d := &c.rec.Devices[i]; d.Address == self && d.Device == in.Device && !d.Remove {
			d.At, d.Tries = records.Millis(c.deviceTurn(*d)), 0
			c.touch()
		}
	}
	return nil
}

// InputAccount: the chain of this account is longer than before.
type InputAccount struct{}

func (InputAccount) step(c *Conversation, tx *records.Tx) error { return c.planOwnDevices(tx) }

// planOwnDevices compares the own devices in the group with the own chain.
func (c *Conversation) planOwnDevices(tx *records.Tx) error {
	chain, err := records.OwnChain(tx, c.self.Address)
	if err != nil {
		return err
	}
	if c.rec.OwnChain != uint64(chain.Len()) {
		c.rec.OwnChain = uint64(chain.Len())
		c.touch()
	}
	c.planDevices(chain)
	return nil
}

// planDevices compares the devices of a member in the group with those of the verified
// chain, and plans to add and to remove what differs.
func (c *Conversation) planDevices(chain *account.Chain) {
	address := chain.Address().String()
	before := slices.Clone(c.rec.Devices)
	c.rec.Devices = slices.DeleteFunc(c.rec.Devices, func(d records.DeviceChange) bool { return d.Address == address })
	if c.rec.Status == chat.StatusActive && len(c.leavesOf(address)) > 0 {
		there := c.devicesOf(address)
		for _, was := range chain.State().History() {
			if was.Revoked != 0 && slices.Contains(there, was.ID) {
				c.planDevice(before, records.DeviceChange{Address: address, Device: was.ID, Remove: true})
			}
		}
		for _, d := range chain.Devices() {
			if !slices.Contains(there, d.ID()) {
				c.planDevice(before, records.DeviceChange{Address: address, Device: d.ID()})
			}
		}
	}
	if !slices.Equal(before, c.rec.Devices) {
		c.touch()
	}
}

// planDevice plans a change, unless it was planned before: then it keeps its time.
func (c *Conversation) planDevice(before []records.DeviceChange, d records.DeviceChange) {
	i := slices.IndexFunc(before, func(b records.DeviceChange) bool {
		return b.Address == d.Address && b.Device == d.Device && b.Remove == d.Remove
	})
	if i >= 0 {
		d = before[i]
	} else {
		turn := c.deviceTurn(d)
		if d.Address == c.self.Address.String() && !d.Remove && !c.state.Own {
			turn = turn.Add(othersWait) // see DoAddDevice
		}
		d.At = records.Millis(turn)
	}
	c.rec.Devices = append(c.rec.Devices, d)
}

// deviceTurn is when this device makes a change, unless another one did: first the
// devices of the same account, then the other members, each in the order of their
// leaves.
func (c *Conversation) deviceTurn(d records.DeviceChange) time.Time {
	if d.Address != c.self.Address.String() {
		if d.Remove {
			return c.turn().Add(removeOthersAfter)
		}
		return c.turn().Add(addOthersAfter)
	}
	rank := 0
	for _, i := range c.leavesOf(d.Address) {
		cred, err := rules.LeafCredential(c.group.Member(i))
		if err == nil && i < c.group.OwnLeaf() && cred.Device != d.Device {
			rank++
		}
	}
	return c.now().Add(ejectionStagger * time.Duration(rank))
}

// devicesOf returns the devices of a member that are in the group.
func (c *Conversation) devicesOf(address string) (all []account.DeviceID) {
	for _, i := range c.leavesOf(address) {
		if cred, err := rules.LeafCredential(c.group.Member(i)); err == nil {
			all = append(all, cred.Device)
		}
	}
	return all
}

// leafOf returns the leaf of a member's device.
func (c *Conversation) leafOf(address string, device account.DeviceID) (mls.LeafIndex, bool) {
	for _, i := range c.leavesOf(address) {
		if cred, err := rules.LeafCredential(c.group.Member(i)); err == nil && cred.Device == device {
			return i, true
		}
	}
	return 0, false
}

// isDone reports whether the group is as a change wants it.
func (c *Conversation) isDone(d records.DeviceChange) bool {
	_, there := c.leafOf(d.Address, d.Device)
	return there != d.Remove || len(c.leavesOf(d.Address)) == 0
}

// wants reports whether a change is still planned: a chain may have changed since.
func (c *Conversation) wants(d records.DeviceChange) bool {
	return slices.ContainsFunc(c.rec.Devices, func(o records.DeviceChange) bool {
		return o.Address == d.Address && o.Device == d.Device && o.Remove == d.Remove
	})
}

// forgetDoneDevices drops the changes that somebody has made.
func (c *Conversation) forgetDoneDevices() {
	before := len(c.rec.Devices)
	c.rec.Devices = slices.DeleteFunc(c.rec.Devices, c.isDone)
	if len(c.rec.Devices) != before {
		c.touch()
	}
}

// awaitsRevocation reports whether a revoked device is still in the group: nothing is
// said before it is out.
func (c *Conversation) awaitsRevocation() bool {
	return slices.ContainsFunc(c.rec.Devices, func(d records.DeviceChange) bool { return d.Remove })
}

// changeDevices puts the changes of devices whose time has come at the head of the
// outbox. A revoked device does not wait if something is to be said.
func (c *Conversation) changeDevices(tx *records.Tx) error {
	if len(c.rec.Devices) == 0 || c.rec.Status != chat.StatusActive {
		return nil
	}
	if slices.ContainsFunc(c.outbox, func(o *outItem) bool { return o.Change != nil && len(o.Change.Devices) > 0 }) {
		return nil // one after the other
	}
	now := records.Millis(c.now())
	asked := slices.ContainsFunc(c.outbox, func(o *outItem) bool { return o.plain() && !o.Report })
	var due []records.DeviceChange
	for _, remove := range []bool{true, false} { // what removes waits for no server
		for _, d := range c.rec.Devices {
			if d.Remove == remove && (d.At <= now || d.Remove && asked) && len(due) < maxAddsPerCommit {
				due = append(due, d)
			}
		}
		if len(due) > 0 && !c.leavesNobody(due) {
			break
		}
	}
	if len(due) == 0 {
		return nil
	}
	_, err := c.queueFirst(tx, records.OutboxItem{Change: &records.Change{Devices: due}})
	return err
}

// leavesNobody reports whether changes take the last device of somebody away who has
// others: then these come in the same commit, or the person would be gone.
func (c *Conversation) leavesNobody(changes []records.DeviceChange) bool {
	for _, d := range changes {
		stays := func(id account.DeviceID) bool {
			return !slices.ContainsFunc(changes, func(o records.DeviceChange) bool { return o.Remove && o.Address == d.Address && o.Device == id })
		}
		comes := func(o records.DeviceChange) bool { return !o.Remove && o.Address == d.Address }
		if d.Remove && slices.ContainsFunc(c.rec.Devices, comes) && !slices.ContainsFunc(c.devicesOf(d.Address), stays) {
			return true
		}
	}
	return false
}

// dueDevices counts the devices that are to be added or removed by this device, without
// those for which a server had no key package several times.
func (c *Conversation) dueDevices() (n int) {
	soon := records.Millis(c.now().Add(removeOthersAfter))
	for _, d := range c.rec.Devices {
		if d.At < soon && d.Tries < 4 {
			n++
		}
	}
	return n
}

// deviceTimes are when devices may be added or removed.
func (c *Conversation) deviceTimes() (all []time.Time) {
	for _, d := range c.rec.Devices {
		all = append(all, time.UnixMilli(d.At))
	}
	return all
}

// putOffDevices takes those out of a change whose server had no key package for them,
// and has them tried again later.
func (c *Conversation) putOffDevices(ch *records.Change, found map[string]Invitee) {
	missing := func(d records.DeviceChange) bool {
		one, answered := found[d.Address]
		return answered && !d.Remove && !slices.ContainsFunc(one.Packages, func(kp *mls.KeyPackage) bool {
			cred, err := rules.LeafCredential(kp.LeafNode())
			return err == nil && cred.Device == d.Device
		})
	}
	for i := range c.rec.Devices {
		d := &c.rec.Devices[i]
		asked := slices.ContainsFunc(ch.Devices, func(o records.DeviceChange) bool { return o.Address == d.Address && o.Device == d.Device })
		if !asked || !missing(*d) {
			continue
		}
		wait := min(firstKeyPackageWait<<min(d.Tries, 20), lastKeyPackageWait)
		if c.state.Own && d.Tries < ownFirstTries {
			wait = ownFirstWait
		}
		d.Tries, d.At = min(d.Tries+1, ownFirstTries), records.Millis(c.now().Add(wait))
		c.touch()
	}
	ch.Devices = slices.DeleteFunc(ch.Devices, missing)
	comes := func(d records.DeviceChange) bool { return !d.Remove }
	if c.leavesNobody(ch.Devices) && !slices.ContainsFunc(ch.Devices, comes) {
		ch.Devices = nil // until there is a key package
	}
}

// revokingChains names the states of the chains that revoke the devices that a change
// removes, for the others to compare.
func (c *Conversation) revokingChains(tx *records.Tx, ch *records.Change) (all []records.NamedChain, err error) {
	if ch.Again != nil {
		return nil, nil
	}
	for _, d := range ch.Devices {
		named := func(n records.NamedChain) bool { return n.Address == d.Address }
		if !d.Remove || slices.ContainsFunc(all, named) {
			continue
		}
		chain, err := c.chainOf(tx, d.Address)
		if err != nil || chain == nil {
			return nil, errors.Join(err, fmt.Errorf("client: no chain revokes a device of %s", d.Address))
		}
		all = append(all, records.NamedChain{Address: d.Address, Chain: rules.HeadOf(chain)})
	}
	return all, nil
}

// chainOf returns the newest chain of an account that this device has, nil if it has
// none.
func (c *Conversation) chainOf(tx *records.Tx, address string) (*account.Chain, error) {
	if address == c.self.Address.String() {
		return records.OwnChain(tx, c.self.Address)
	}
	return records.PinnedChain(tx, records.Address(address))
}

// checkDevices compares what a commit claims of devices with the chains that are
// known. What only a newer chain can tell is looked up: nothing is said meanwhile. The
// error is why the conversation cannot go on.
func (c *Conversation) checkDevices(tx *records.Tx, commit *mls.StagedCommit) error {
	for _, claim := range rules.Revocations(commit) {
		chain, err := c.chainOf(tx, claim.Address)
		if err != nil {
			return err
		}
		if chain != nil {
			if _, err = rules.Vouch(chain, claim); err == nil {
				c.planDevices(chain)
				continue
			}
			if !errors.Is(err, rules.ErrChainOlder) {
				return fmt.Errorf("%w: somebody removed a device of %s that is not revoked (%w)", rules.ErrRule, claim.Address, err)
			}
		}
		c.rec.Departed = append(c.rec.Departed, claim)
		c.touch()
	}
	for _, m := range commit.Added() {
		cred, err := rules.LeafCredential(m.Leaf)
		if err != nil || cred.Address != c.self.Address {
			continue
		}
		_, err = c.self.VouchOwn(tx, m.Leaf)
		switch {
		case errors.Is(err, rules.ErrChainOlder):
			c.noteUnconfirmed(cred.Address.String())
		case err != nil:
			return err
		}
	}
	return nil
}

// VouchOwn compares a leaf with this account's address with the own chain, as
// rules.VouchLeaf does. The error is chat.ErrImpostor for a leaf that is nobody's of
// this account.
func (s Identity) VouchOwn(tx *records.Tx, leaf *mls.LeafNode) (revoked bool, err error) {
	chain, err := records.OwnChain(tx, s.Address)
	if err != nil {
		return false, err
	}
	revoked, err = rules.VouchLeaf(chain, leaf)
	if err != nil && !errors.Is(err, rules.ErrChainOlder) {
		err = fmt.Errorf("%w: somebody was added in your name (%w)", chat.ErrImpostor, err)
	}
	return revoked, err
}

// confirmsAdded reports whether the chain that is known of a member vouches for a
// device that was added. Whoever is new is looked up all the same.
func (c *Conversation) confirmsAdded(tx *records.Tx, leaf *mls.LeafNode, address string) (bool, error) {
	chain, err := records.PinnedChain(tx, records.Address(address))
	if err != nil || chain == nil {
		return false, err
	}
	if _, err := rules.VouchLeaf(chain, leaf); err != nil {
		return false, nil
	}
	c.planDevices(chain)
	return true, nil
}
