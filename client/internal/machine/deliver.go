// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"crypto/ed25519"
	crand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/attachments"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/letter"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// treeCopies bounds the copies of a large group's tree that one commit leads
// to, as members times servers.
const treeCopies = 4000

// nextToAdd returns those of a list whom one commit is to add: not too many, and
// in a large group not from too many servers, as each gets a copy of the tree.
func (c *Conversation) nextToAdd(all []string) (some []string) {
	most := max(1, treeCopies/max(1, int(c.rec.Members)))
	hosts := map[string]bool{}
	for _, a := range all {
		host := records.Address(a).Host
		if len(some) == maxAddsPerCommit || !hosts[host] && len(hosts) == most {
			continue
		}
		hosts[host] = true
		some = append(some, a)
	}
	return some
}

// invite writes the letters to those whom a staged commit brings in, and
// prepares the tree for their servers if it is too long for a letter.
func (c *Conversation) invite(tx *records.Tx, ch *records.Change, staged *mls.StagedCommit, guests []addedDevice) error {
	if len(guests) == 0 {
		return nil
	}
	var profile records.Profile
	if _, err := tx.Load([]byte(records.TableProfile), &profile); err != nil {
		return err
	}
	key, tree := ed25519.NewKeyFromSeed(profile.SigningKey), staged.RatchetTree()
	for _, g := range guests {
		in := letter.Invitation{Host: c.rec.Host, Channel: c.rec.Channel}
		var err error
		if in.Welcome, err = staged.Welcome(g.kp); err != nil {
			return fmt.Errorf("client: %w", err)
		}
		to := protocol.DeviceID(g.device.ID())
		if err := attachTree(ch, &in, tree, records.Address(g.address).Host); err != nil {
			return err
		}
		if in.Stash != nil {
			in.Sign(to, c.self.Address.String(), key)
		}
		pub, err := g.device.MailboxKey.HPKE()
		if err != nil {
			return err
		}
		rec := records.Letter{To: g.address, Device: to}
		if rec.Letter, err = letter.Seal(pub, to, in); err != nil {
			return err
		}
		if _, err := crand.Read(rec.ID[:]); err != nil {
			return err
		}
		ch.Letters = append(ch.Letters, rec)
	}
	// The order in which letters go says nothing of who came first.
	rand.Shuffle(len(ch.Letters), func(i, j int) { ch.Letters[i], ch.Letters[j] = ch.Letters[j], ch.Letters[i] })
	return nil
}

// attachTree puts the tree into an invitation, or has it lie at the server of
// the mailbox, which alone a recipient asks before accepting. Each server gets
// another ciphertext.
func attachTree(ch *records.Change, in *letter.Invitation, tree []byte, host string) error {
	if len(tree) <= letter.MaxTree {
		in.Tree = tree
		return nil
	}
	i := slices.IndexFunc(ch.Trees, func(t records.Tree) bool { return t.Host == host })
	if i < 0 {
		stash, err := attachments.NewStash(tree)
		if err != nil {
			return err
		}
		i, ch.Trees = len(ch.Trees), append(ch.Trees, records.Tree{Host: host, Stash: *stash})
	}
	in.Stash = &ch.Trees[i].Stash.Ref
	return nil
}

// destination returns the server that a delivery goes to.
func (c *Conversation) destination(d *delivery) string {
	switch {
	case d.Letter != nil:
		return records.Address(d.Letter.To).Host
	case d.Host != "":
		return d.Host
	}
	return c.rec.Host
}

// sendInvitations sends letters and ratchet trees: to each server a tree before
// the letters that refer to it. A server that cannot be reached delays no other.
func (c *Conversation) sendInvitations() {
	if c.phase == phaseOffline {
		return
	}
	waits, under := map[string]bool{}, 0
	for _, d := range c.deliver {
		host := c.destination(d)
		tries := c.letters[host]
		switch {
		case under == maxInFlight:
			return
		case d.working:
			under++
		case waits[host] || !tries.Ready(c.now()):
		case d.Stash != nil:
			under++
			d.working = true
			c.out.do(DoStash{N: d.n, Host: host, Token: d.Stash.Token, Box: d.Stash.Box})
		default:
			under++
			d.working = true
			c.out.do(DoLetter{d.n, *d.Letter})
		}
		if d.Stash != nil {
			waits[host] = true
			if d.Host == "" { // letters of any server may lead to it
				return
			}
		}
	}
}

func (in InputLetter) step(c *Conversation, tx *records.Tx) error {
	return c.delivered(tx, in.N, in.Err)
}

func (c *Conversation) delivered(tx *records.Tx, n uint64, err error) error {
	i := slices.IndexFunc(c.deliver, func(d *delivery) bool { return d.n == n })
	if i < 0 {
		return nil
	}
	d := c.deliver[i]
	d.working = false
	host := c.destination(d)
	if err != nil && (link.Retryable(err) || errors.Is(err, &protocol.Error{Code: protocol.CodeQuotaExceeded}) || c.mayRegister(d, err)) {
		tries := c.letters[host]
		tries.Failed(c.now(), err)
		c.letters[host] = tries
		if d.Letter != nil { // one full mailbox holds up no other
			c.deliver = append(slices.Delete(c.deliver, i, i+1), d)
		}
		return nil
	}
	delete(c.letters, host)
	if err != nil && !errors.Is(err, &protocol.Error{Code: protocol.CodeExists}) {
		c.out.emit(chat.FailureEvent{Conversation: chat.IDOf(c.rec.Channel), Err: fmt.Errorf("an invitation could not be delivered: %w", err)})
	}
	if err == nil && d.Letter != nil {
		if err := c.logLetter(tx, d); err != nil {
			return err
		}
		c.await(d.Letter.To, account.DeviceID(d.Letter.Device), 0)
	}
	c.deliver = slices.Delete(c.deliver, i, i+1)
	c.touch()
	return tx.Delete(records.Key(records.TableDelivery, c.id[:], records.Number(n)))
}

// accountPatience is how long a letter waits for an account that its server had
// a moment before and lost: its owner may register it again.
const accountPatience = 7 * 24 * time.Hour

// mayRegister reports whether the account of a letter may come back.
func (c *Conversation) mayRegister(d *delivery, err error) bool {
	return d.Letter != nil && errors.Is(err, &protocol.Error{Code: protocol.CodeNotFound}) &&
		c.now().Sub(time.Unix(d.Since, 0)) < accountPatience
}

// deliveryTimes are when letters may be tried again.
func (c *Conversation) deliveryTimes() (all []time.Time) {
	for _, tries := range c.letters {
		all = append(all, tries.Until)
	}
	return all
}
