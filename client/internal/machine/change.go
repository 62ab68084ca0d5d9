// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/client/internal/attachments"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// An Invitee is somebody to be added: the chain from their server, a key package for
// each of their devices, and the devices' generations before those were taken.
type Invitee struct {
	Chain       *account.Chain
	Packages    []*mls.KeyPackage
	Generations []protocol.DeviceGeneration
	At          time.Time // when all of them hold
	Err         error     // why they cannot be added
}

// advanceChange takes a change of the group one step further: find what it
// needs, stage it, upload what is too long, commit.
func (c *Conversation) advanceChange(tx *records.Tx, item *outItem) error {
	if len(item.Ciphertext) == 0 {
		if c.group.PendingCommit() != nil {
			return nil // of a change behind it, which is under way
		}
		if err := c.dropRedundantChanges(tx, item); err != nil || item.Change == nil {
			return err
		}
		if invite := addedBy(item.Change); len(invite) > 0 && item.packages == nil {
			if item.lookups.Ready(c.now()) {
				item.working = true
				c.out.do(DoInvite{item.n, c.nextToAdd(invite)})
			}
			return nil
		}
		if err := c.stage(tx, item); err != nil {
			return c.fail(tx, item, err)
		}
	}
	if s := item.Change.Stash; s != nil {
		item.working = true
		c.out.do(DoStash{N: item.n, Token: s.Token, Box: s.Box, Outbox: true})
		return nil
	}
	c.post(item)
	return nil
}

// dropRedundantChanges removes from a change what has happened already. If
// nothing is left, it drops the item and leaves item.Change nil.
func (c *Conversation) dropRedundantChanges(tx *records.Tx, item *outItem) error {
	ch := item.Change
	if ch.Again != nil && !bytes.Equal(ch.Again, c.leafMark(ch.Devices[0])) {
		item.Change = nil // the device is gone, or somebody else was faster
		return c.dropItem(tx, item)
	}
	if ch.Again != nil {
		return nil
	}
	in := func(a string) bool { return len(c.leavesOf(a)) > 0 }
	out := func(a string) bool { return !in(a) }
	ch.Add = slices.DeleteFunc(ch.Add, in)
	ch.Remove = slices.DeleteFunc(ch.Remove, out)
	ch.Devices = slices.DeleteFunc(ch.Devices, func(d records.DeviceChange) bool { return c.isDone(d) || !c.wants(d) })
	if ch.Eject { // unless the group's affairs went on meanwhile
		ch.Remove = slices.DeleteFunc(ch.Remove, func(a string) bool { return !c.rules().MayEject(a) })
	}
	ch.Roles = slices.DeleteFunc(ch.Roles, func(r records.Role) bool { return c.state.Role(r.Address) == r.Role })
	if ch.Title != nil && *ch.Title == c.state.Title {
		ch.Title = nil
	}
	if ch.Timer != nil && *ch.Timer == c.state.Timer {
		ch.Timer = nil
	}
	if ch.Pending && len(c.group.PendingProposals()) == 0 {
		ch.Pending = false
	}
	if len(ch.Add)+len(ch.Remove)+len(ch.Roles)+len(ch.Devices) > 0 || ch.Title != nil || ch.Timer != nil || ch.Pending || ch.Refresh {
		return nil
	}
	item.Change = nil
	return c.dropItem(tx, item)
}

func (in InputInvitees) step(c *Conversation, tx *records.Tx) error {
	item := c.item(in.N)
	if item == nil || item.Change == nil {
		return nil
	}
	item.working = false
	for who, found := range in.Found {
		if found.Err == nil {
			found.Err = records.PinChain(tx, found.Chain)
		}
		if found.Err == nil {
			continue
		}
		delete(in.Found, who)
		if item.Change.Again != nil && !link.Retryable(found.Err) { // the member stays as it is
			return c.dropItem(tx, item)
		}
		if !slices.Contains(item.Change.Add, who) { // devices alone
			if link.Retryable(found.Err) {
				item.lookups.FailedAtOne(c.now(), found.Err)
			} else {
				item.Change.Devices = slices.DeleteFunc(item.Change.Devices, func(d records.DeviceChange) bool { return d.Address == who })
				c.rec.Devices = slices.DeleteFunc(c.rec.Devices, func(d records.DeviceChange) bool { return d.Address == who })
				c.touch()
			}
			continue
		}
		item.Change.Add = slices.DeleteFunc(item.Change.Add, func(a string) bool { return a == who })
		if link.Retryable(found.Err) { // later, and after those who can be added now
			item.Change.Add = append(item.Change.Add, who)
			item.lookups.FailedAtOne(c.now(), found.Err)
			continue
		}
		why := fmt.Errorf("%s could not be added: %w", who, found.Err)
		c.out.emit(chat.FailureEvent{Conversation: chat.IDOf(c.rec.Channel), Err: why})
		if err := c.noticeAt(tx, item.Change.Places, c.self.Address.String(), records.Notice{Kind: chat.NoticeNotAdded, Whom: who, Reason: found.Err.Error()}); err != nil {
			return err
		}
		if !c.state.Group && who == c.rec.Peer {
			return c.stop(tx, chat.StatusLost, why)
		}
	}
	if len(in.Found) > 0 && len(item.Ciphertext) == 0 {
		if item.Change.Again == nil {
			for _, found := range in.Found {
				c.planDevices(found.Chain)
			}
			c.putOffDevices(item.Change, in.Found)
		}
		item.packages = in.Found
	}
	return c.saveItem(tx, item)
}

// addedBy returns the addresses whose key packages a change needs.
func addedBy(ch *records.Change) []string {
	all := slices.Clone(ch.Add)
	for _, d := range ch.Devices {
		if !d.Remove && !slices.Contains(all, d.Address) {
			all = append(all, d.Address)
		}
	}
	return all
}

// An addedDevice is a device that a change adds to the group.
type addedDevice struct {
	address string
	kp      *mls.KeyPackage
	device  account.Device
}

// guests returns the devices that a change adds and whose key packages are there and
// hold at a time.
func (o *outItem) guests(at time.Time) (guests []addedDevice, err error) {
	for _, who := range addedBy(o.Change) {
		found, ok := o.packages[who]
		if !ok || !found.holdAt(at) || len(guests) > 0 && len(guests)+len(found.Packages) > maxAddsPerCommit {
			continue
		}
		for _, kp := range found.Packages {
			device, err := VerifyKeyPackage(found.Chain, kp)
			if err != nil {
				return nil, err
			}
			named := func(d records.DeviceChange) bool { return d.Address == who && d.Device == device.ID() && !d.Remove }
			if slices.Contains(o.Change.Add, who) || slices.ContainsFunc(o.Change.Devices, named) {
				guests = append(guests, addedDevice{who, kp, device})
			}
		}
	}
	return guests, nil
}

// stage builds the commit of a change and everything that goes with it.
func (c *Conversation) stage(tx *records.Tx, item *outItem) error {
	now := item.validAt(c.now())
	guests, err := item.guests(now)
	if err != nil {
		return err
	}
	options := mls.CommitOptions{Now: now, Pending: c.granted()}
	for _, g := range guests {
		options.Add = append(options.Add, g.kp)
	}
	options.Remove = c.leavesToRemove(item.Change, options.Pending)
	chains, err := c.revokingChains(tx, item.Change)
	if err != nil {
		return err
	}
	if options.AAD, err = rules.EncodeClaims(chains); err != nil {
		return err
	}
	if options.Extensions, err = c.nextExtensions(item.Change, guests, options); err != nil {
		return err
	}
	if len(item.Change.Roles) > 0 && !c.owned(c.state.WithRoles(item.Change.Roles), "") {
		return chat.ErrLastOwner // who was to own the group has left it since
	}
	staged, delta, err := c.group.Stage(options)
	if err != nil {
		return fmt.Errorf("client: changing the group: %w", err)
	}
	if err := c.apply(tx, delta); err != nil {
		return err
	}
	if _, err := c.rules().Judge(staged); err != nil {
		return fmt.Errorf("%w: %w", chat.ErrNotAllowed, err) // the roles are others than when it was asked for
	}
	next, err := accessPublic(staged, c.rec.Channel)
	if err != nil {
		return err
	}
	item.Change.NextKey = &next
	if err := c.invite(tx, item.Change, staged, guests); err != nil {
		return err
	}
	if err := c.checkCommitSize(staged.Message()); err != nil {
		return err
	}
	payload, err := commitPayload(item.Change, staged.Message())
	if err != nil {
		return err
	}
	return c.wrap(tx, item, protocol.KindCommit, payload)
}

// leavesToRemove returns the leaves that a commit removes besides those that others
// proposed to remove. With proposals, all devices of those who leave go.
func (c *Conversation) leavesToRemove(ch *records.Change, pending bool) (all []mls.LeafIndex) {
	for _, who := range ch.Remove {
		all = append(all, c.leavesOf(who)...)
	}
	for _, d := range ch.Devices {
		if i, ok := c.leafOf(d.Address, d.Device); ok && !slices.Contains(all, i) {
			all = append(all, i)
		}
	}
	if !pending {
		return all
	}
	asked := map[mls.LeafIndex]bool{} // these go by their own proposals
	for _, p := range c.group.PendingProposals() {
		asked[p.Sender] = true
	}
	for who := range c.leavers() {
		for _, i := range c.leavesOf(who) {
			if !asked[i] && !slices.Contains(all, i) {
				all = append(all, i)
			}
		}
	}
	return slices.DeleteFunc(all, func(i mls.LeafIndex) bool { return asked[i] })
}

// granted reports whether what others proposed may be committed: departures,
// which nobody can be denied. Whatever else a member proposed lapses.
func (c *Conversation) granted() bool {
	return !slices.ContainsFunc(c.group.PendingProposals(), func(p mls.Proposal) bool { return p.Type != mls.ProposalSelfRemove })
}

// VerifyKeyPackage verifies that a key package belongs to a device of the chain.
func VerifyKeyPackage(chain *account.Chain, kp *mls.KeyPackage) (account.Device, error) {
	cred, err := rules.LeafCredential(kp.LeafNode())
	if err != nil {
		return account.Device{}, err
	}
	return chain.Leaf(cred, kp.LeafNode().SignatureKey())
}

// nextExtensions returns the group context extensions after a change, nil if
// they stay.
func (c *Conversation) nextExtensions(ch *records.Change, guests []addedDevice, o mls.CommitOptions) ([]mls.Extension, error) {
	next := c.state
	if ch.Title != nil {
		next.Title = *ch.Title
	}
	if ch.Timer != nil {
		next.Timer = *ch.Timer
	}
	for _, r := range ch.Roles {
		next = next.WithRole(r.Address, r.Role)
	}
	if ch.Again == nil {
		for _, address := range c.rolesToDrop(guests, o) {
			next = next.WithRole(address, chat.RoleMember)
		}
	}
	if next.Equal(c.state) {
		return nil, nil
	}
	mine, err := next.Extension()
	if err != nil {
		return nil, err
	}
	all := slices.Clone(c.group.Extensions())
	for i := range all {
		if all[i].Type == rules.ExtensionType {
			all[i] = mine
		}
	}
	return all, nil
}

// rolesToDrop returns whose role a commit takes with it: of those who go, and of
// those who come and had one before.
func (c *Conversation) rolesToDrop(guests []addedDevice, o mls.CommitOptions) (all []string) {
	goes := map[mls.LeafIndex]bool{}
	for _, i := range o.Remove {
		goes[i] = true
	}
	for _, p := range c.group.PendingProposals() {
		goes[p.Sender] = goes[p.Sender] || o.Pending && p.Type == mls.ProposalSelfRemove
	}
	for _, r := range c.state.Roles {
		stays := func(i mls.LeafIndex) bool { return !goes[i] }
		comes := func(g addedDevice) bool { return g.address == r.Address }
		there := slices.ContainsFunc(c.leavesOf(r.Address), stays)
		if !there && (len(c.leavesOf(r.Address)) > 0 || slices.ContainsFunc(guests, comes)) {
			all = append(all, r.Address)
		}
	}
	return all
}

// commitPayload returns what goes into the envelope of a commit: the commit
// itself, or where it lies if it is too long.
func commitPayload(ch *records.Change, message []byte) (envelope.Payload, error) {
	if len(message) <= envelope.MaxMessage {
		return envelope.Payload{Message: message}, nil
	}
	stash, err := attachments.NewStash(message)
	if err != nil {
		return envelope.Payload{}, err
	}
	ch.Stash = stash
	return envelope.Payload{Stash: &stash.Ref}, nil
}

// changed applies an own commit that the server accepted.
func (c *Conversation) changed(tx *records.Tx, item *outItem) error {
	staged := c.group.PendingCommit()
	if staged == nil {
		return c.stop(tx, chat.StatusStopped, errors.New("an own change was accepted that this device does not remember"))
	}
	next, err := rules.ParseState(staged.Context().Extensions)
	if err != nil {
		return err
	}
	access, err := AccessKey(c.group, c.rec.Channel)
	if err != nil {
		return err
	}
	moves := rules.MovementsOf(staged, c.index())
	if err := c.applied(tx, staged); err != nil {
		return err
	}
	if err := c.keepCommit(tx, access, item.Ciphertext, staged.Message()); err != nil {
		return err
	}
	if err := c.dispatch(tx, item.Change); err != nil {
		return err
	}
	if err := c.enterEpoch(tx, staged, moves, next, item.Change.Places); err != nil {
		return err
	}
	for who, found := range item.packages { // their server vouched for them just now
		if found.Chain == nil || c.vouch(tx, who, found.Chain) != nil {
			continue // another device of theirs is to be looked up
		}
		c.rec.Unconfirmed = slices.DeleteFunc(c.rec.Unconfirmed, func(a string) bool { return a == who })
		for _, is := range found.Generations {
			c.setGeneration(who, is)
		}
	}
	if c.state.Own && len(moves.NewDevices) > 0 {
		c.syncAt = c.now().Add(syncDelay)
		if err := records.ResendFields(tx); err != nil {
			return err
		}
	}
	item.unstage()
	item.Change.Refresh = false
	if item.Change.Again != nil {
		if err := c.addedAgain(tx, item.Change); err != nil {
			return err
		}
	}
	return c.saveItem(tx, item) // reduce drops it if nothing is left to do
}

// dispatch turns what a commit brings with it into deliveries.
func (c *Conversation) dispatch(tx *records.Tx, ch *records.Change) error {
	var all []records.Delivery
	if ch.Tree != nil {
		all = append(all, records.Delivery{Stash: ch.Tree})
	}
	for i := range ch.Trees {
		all = append(all, records.Delivery{Stash: &ch.Trees[i].Stash, Host: ch.Trees[i].Host})
	}
	for i := range ch.Letters {
		all = append(all, records.Delivery{Letter: &ch.Letters[i]})
	}
	for _, rec := range all {
		if err := c.addDelivery(tx, rec); err != nil {
			return err
		}
	}
	return nil
}

func (c *Conversation) addDelivery(tx *records.Tx, rec records.Delivery) error {
	c.rec.NextItem++
	c.touch()
	rec.Version, rec.Since = records.Version, c.now().Unix()
	d := &delivery{Delivery: rec, n: c.rec.NextItem}
	c.deliver = append(c.deliver, d)
	return tx.Save(records.Key(records.TableDelivery, c.id[:], records.Number(d.n)), &d.Delivery)
}

// validAt returns a time at which key packages hold that are to be added: those
// of the first one whose are there. Others may be of another time and come with
// a later commit.
func (o *outItem) validAt(now time.Time) time.Time {
	for _, who := range addedBy(o.Change) {
		if found, ok := o.packages[who]; ok && len(found.Packages) > 0 {
			return found.At
		}
	}
	return now
}

// holdAt reports whether somebody's key packages hold at a time.
func (i Invitee) holdAt(at time.Time) bool {
	return !slices.ContainsFunc(i.Packages, func(kp *mls.KeyPackage) bool {
		life, _ := kp.LeafNode().Lifetime()
		return !Holds(life, at)
	})
}

// Holds reports whether a key package with that lifetime can be used now.
func Holds(life mls.Lifetime, now time.Time) bool {
	return !now.Before(life.NotBefore) && !now.After(life.NotAfter)
}
