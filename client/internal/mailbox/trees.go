// SPDX-License-Identifier: AGPL-3.0-or-later

package mailbox

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/letter"
	"github.com/securecrypt/securecrypt/protocol"
)

// Bounds on the ratchet trees that letters lead to, which are fetched before
// anybody can look at the invitation: bytes of one; bytes and number a day from
// one sender, and from one who is a contact; bytes a day from all others
// together. One of a group of 10,000 has about 13 MiB.
const (
	maxTree          = 32 << 20
	senderTreeBytes  = 32 << 20
	senderTrees      = 16
	contactTreeBytes = 64 << 20
	contactTrees     = 64
	strangersTrees   = 64 << 20

	smallestTree = 64 << 10 // what a tree counts as at least
	treeTries    = 5        // downloads of one that may break off
)

// How many trees are fetched at a time, and how many of those for strangers.
const (
	treeConcurrency     = 4
	strangerConcurrency = 3
)

// budgetCheckInterval is the interval between checks whether the download budget
// allows more.
const budgetCheckInterval = time.Hour

// errTreesSpent means that a tree may be fetched another day.
var errTreesSpent = errors.New("client: enough was fetched for invitations today")

// A treeJob is a letter whose tree is to be fetched.
type treeJob struct {
	seq     uint64
	in      letter.Invitation
	sender  string // its key, empty if nobody signed the letter
	contact bool   // it is the key of somebody whom this account knows
}

func (j treeJob) cost() int64 { return max(smallestTree, attach.SealedSize(j.in.Stash.Size)) }

// treeQueue has what is to be fetched, and counts what is being fetched.
type treeQueue struct {
	waiting            []treeJob
	running, strangers int
}

// add puts a job in its place: those of contacts first, then the small ones.
func (q *treeQueue) add(j treeJob) {
	before := func(a, b treeJob) int {
		if a.contact != b.contact {
			if a.contact {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.in.Stash.Size, b.in.Stash.Size), cmp.Compare(a.seq, b.seq))
	}
	at, _ := slices.BinarySearchFunc(q.waiting, j, before)
	q.waiting = slices.Insert(q.waiting, at, j)
}

// next takes the first job that may begin.
func (q *treeQueue) next() (j treeJob, ok bool) {
	if len(q.waiting) == 0 || q.running == treeConcurrency || !q.waiting[0].contact && q.strangers == strangerConcurrency {
		return j, false
	}
	j, q.waiting = q.waiting[0], q.waiting[1:]
	q.running++
	if !j.contact {
		q.strangers++
	}
	return j, true
}

func (q *treeQueue) done(j treeJob) {
	q.running--
	if !j.contact {
		q.strangers--
	}
}

// fetchedTree is a letter whose ratchet tree was fetched, or was not.
type fetchedTree struct {
	job treeJob
	err error
}

// decideTreeFetch decides whether to download the tree of a letter, and whose
// budget pays for it.
func (m *Mailbox) decideTreeFetch(seq uint64, in letter.Invitation) (treeJob, error) {
	job := treeJob{seq: seq, in: in}
	if in.Stash.Size <= 0 || in.Stash.Size > maxTree {
		return job, fmt.Errorf("%w: a tree that is too large", protocol.ErrMalformed)
	}
	if in.Sender == nil || !in.Signed(protocol.DeviceID(m.config.Self.Device)) {
		return job, nil
	}
	who, err := account.ParseAddress(in.Sender.Address)
	if err != nil {
		return job, err
	}
	job.sender = hex.EncodeToString(in.Sender.Key[:])
	return job, m.config.Store.View(func(tx *records.Tx) error {
		contact, err := records.LoadContact(tx, who.String())
		if err != nil {
			return err
		}
		if contact.Blocked {
			return errBlocked
		}
		job.contact = contact.Known && pinnedKey(tx, who, in.Sender.Key)
		return nil
	})
}

// pinnedKey reports whether an account is known to have a device of that key.
func pinnedKey(tx *records.Tx, who account.Address, key account.SignatureKey) bool {
	chain, err := records.PinnedChain(tx, who)
	if err != nil || chain == nil {
		return false
	}
	_, ok := chain.Device(key.ID())
	return ok
}

// fetchTrees begins what may be fetched now.
func (m *Mailbox) fetchTrees(ctx context.Context) {
	for {
		job, ok := m.trees.next()
		if !ok {
			return
		}
		if err := m.chargeTree(job); err != nil {
			m.trees.done(job)
			delete(m.fetching, job.seq)
			m.finishLetter(job.seq, job.in, err)
			continue
		}
		m.config.Spawn(func() {
			var err error
			job.in.Tree, err = m.config.Transfers.FetchStash(ctx, m.config.Self.Address.Host, *job.in.Stash)
			m.push(ctx, mailInput{fetched: &fetchedTree{job, err}})
		})
	}
}

// awaitBudget has the stored letters opened when more may be fetched.
func (m *Mailbox) awaitBudget() {
	if m.spent == nil {
		m.spent = time.After(budgetCheckInterval)
	}
}

// A treeBudget is what was fetched in a day.
type treeBudget struct {
	Version   uint8                `cbor:"1,keyasint"`
	Day       int64                `cbor:"2,keyasint"` // since 1970
	Strangers int64                `cbor:"3,keyasint"` // bytes
	Senders   map[string]treeShare `cbor:"4,keyasint,omitempty"`
}

// A treeShare is what was fetched for one sender.
type treeShare struct {
	Trees int64 `cbor:"1,keyasint"`
	Bytes int64 `cbor:"2,keyasint"`
}

// take notes that a tree is fetched, unless that is too much.
func (b *treeBudget) take(j treeJob) error {
	share := b.Senders[j.sender]
	share.Trees++
	share.Bytes += j.cost()
	trees, most := int64(senderTrees), int64(senderTreeBytes)
	if j.contact {
		trees, most = contactTrees, contactTreeBytes
	}
	// The first of a sender may be as large as a tree can be.
	if share.Trees > trees || share.Trees > 1 && share.Bytes > most {
		return errTreesSpent
	}
	if !j.contact {
		if b.Strangers+j.cost() > strangersTrees {
			return errTreesSpent
		}
		b.Strangers += j.cost()
	}
	if b.Senders == nil {
		b.Senders = map[string]treeShare{}
	}
	b.Senders[j.sender] = share
	return nil
}

// give takes back what take noted, unless that was another day.
func (b *treeBudget) give(j treeJob) {
	share, ok := b.Senders[j.sender]
	if !ok {
		return
	}
	share.Trees = max(0, share.Trees-1)
	share.Bytes = max(0, share.Bytes-j.cost())
	b.Senders[j.sender] = share
	if !j.contact {
		b.Strangers = max(0, b.Strangers-j.cost())
	}
}

// chargeTree takes what fetching a tree costs out of the day's budget, and
// counts the attempt.
func (m *Mailbox) chargeTree(j treeJob) error {
	return m.config.Store.Update(func(tx *records.Tx) error {
		var kept records.KeptLetter
		at := records.Key(records.TableLetter, records.Number(j.seq))
		if _, err := tx.Load(at, &kept); err != nil {
			return err
		}
		if kept.Fetches++; kept.Fetches > treeTries {
			return fmt.Errorf("client: the tree of an invitation could not be fetched in %d attempts", treeTries)
		}
		budget, err := m.treeBudget(tx)
		if err == nil {
			err = budget.take(j)
		}
		if err != nil {
			return err
		}
		return errors.Join(tx.Save(at, &kept), tx.Save([]byte(records.TableTrees), &budget))
	})
}

// treeBudget loads what was fetched today.
func (m *Mailbox) treeBudget(tx *records.Tx) (budget treeBudget, err error) {
	_, err = tx.Load([]byte(records.TableTrees), &budget)
	if day := m.config.Now().Unix() / int64(24*time.Hour/time.Second); day != budget.Day {
		budget = treeBudget{Day: day}
	}
	budget.Version = records.Version
	return budget, err
}

// refundTree takes back a charge: nothing of the tree came, since the device is
// off line or its server busy, and both may last.
func (m *Mailbox) refundTree(j treeJob) {
	err := m.config.Store.Update(func(tx *records.Tx) error {
		var kept records.KeptLetter
		at := records.Key(records.TableLetter, records.Number(j.seq))
		if ok, err := tx.Load(at, &kept); err != nil || !ok {
			return err
		}
		kept.Fetches -= min(kept.Fetches, 1)
		budget, err := m.treeBudget(tx)
		if err != nil {
			return err
		}
		budget.give(j)
		return errors.Join(tx.Save(at, &kept), tx.Save([]byte(records.TableTrees), &budget))
	})
	if err != nil {
		m.config.Log.Error("what a tree cost could not be taken back", "error", err)
	}
}
