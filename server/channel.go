// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"crypto/ed25519"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
)

func (ss *session) channelCreate(r *protocol.ChannelCreate) (protocol.Body, error) {
	s := ss.s
	n, err := s.channelCount(s.ctx)
	if err != nil {
		return nil, err
	}
	if !s.shares.Keep(ss.from, fairness.KeptChannels, 1, int64(n)) {
		return nil, refuseFor(protocol.CodeQuotaExceeded, s.shares.KeptReason(fairness.KeptChannels, 1, int64(n)))
	}
	row := ChannelRow{Channel: r.Channel, Epoch: r.Epoch, Expires: channelUntil(s.clock.Stamp(), 0)}
	err = s.store.Update(s.ctx, func(tx WriteTx) error {
		return tx.Channels().Create(row, EpochRow{Channel: r.Channel, Epoch: r.Epoch, Key: r.Key})
	})
	if err != nil {
		s.shares.Unkeep(ss.from, fairness.KeptChannels, 1)
	}
	if errors.Is(err, ErrExists) {
		err = refuse(protocol.CodeExists)
	}
	return &protocol.Empty{}, err
}

// How long a channel stays that nobody opens: one that never had an entry, and
// any other.
const (
	emptyChannelFor = 2 * day
	idleChannelFor  = 180 * day
)

// channelUntil returns when a channel ends that is used now and has had last
// entries. It tells the day and no more.
func channelUntil(now time.Time, last uint64) int64 {
	keep := emptyChannelFor
	if last > 0 {
		keep = idleChannelFor
	}
	return now.UTC().Truncate(day).Add(day + keep).Unix()
}

// channelUse collects the channels that were opened since the last save, so that
// an opening does not write to the disk.
type channelUse struct {
	mu    sync.Mutex
	until map[protocol.ChannelID]int64
}

// maxUsed bounds the channels that wait to be noted. Others are the next time
// that they are opened; they have months until then.
const maxUsed = 1 << 16

func (u *channelUse) add(row ChannelRow, now time.Time) {
	until := channelUntil(now, row.Last)
	if until <= row.Expires {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.until == nil {
		u.until = map[protocol.ChannelID]int64{}
	}
	if len(u.until) < maxUsed {
		u.until[row.Channel] = until
	}
}

func (u *channelUse) take() map[protocol.ChannelID]int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	until := u.until
	u.until = nil
	return until
}

// saveChannelUse extends the lifetime of the channels that were opened lately.
func (s *Server) saveChannelUse(ctx context.Context) error {
	all := s.used.take()
	if len(all) == 0 {
		return nil
	}
	return s.store.Update(ctx, func(tx WriteTx) error {
		for id, until := range all {
			if err := tx.Channels().Extend(id, until); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
		}
		return nil
	})
}

// dummyAccessKey is checked against when there is no such channel or epoch, so
// that the refusal takes the time that a wrong signature takes. It is the public
// key of a seed of zeros; what it signs opens nothing.
var dummyAccessKey = protocol.AccessKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey))

// channelOpen refuses unknown channels and epochs as it refuses wrong keys.
func (ss *session) channelOpen(r request, b *protocol.ChannelOpen) (protocol.Body, error) {
	s := ss.s
	var channel ChannelRow
	var epoch EpochRow
	var mark []byte
	known := false
	err := s.store.View(s.ctx, func(tx ReadTx) (err error) {
		channel, epoch, err = channelAt(tx.Channels(), b.Channel, b.Epoch)
		known = err == nil
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err == nil {
			mark, err = markOf(tx.Channels(), channel, b.After)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	key := epoch.Key
	if !known {
		key = dummyAccessKey
	}
	challenge := protocol.OpenChallenge(s.host, ss.nonce, b.Channel, b.Epoch)
	if !ed25519.Verify(key[:], challenge, b.Signature[:]) || !known {
		return nil, refuse(protocol.CodeForbidden)
	}
	if ss.openings[b.Channel] == nil {
		if len(ss.openings) >= s.limits.MaxOpenings {
			return nil, refuseFor(protocol.CodeQuotaExceeded, protocol.ReasonOpenings)
		}
		if !s.shares.Take(ss.from, fairness.Openings, 1) {
			return nil, refuseFor(protocol.CodeQuotaExceeded, protocol.ReasonShare)
		}
	}
	s.used.add(channel, s.clock.Stamp())
	ss.answer(r.id, r.op, &protocol.ChannelState{Epoch: channel.Epoch, Last: channel.Last, Mark: mark}, nil)
	ss.open(b, channel, epoch)
	return nil, errLater
}

// markOf returns the mark of the entry with a number, or nil if there is none.
func markOf(channels ChannelReader, channel ChannelRow, seq uint64) ([]byte, error) {
	if seq == 0 || seq > channel.Last {
		return nil, nil
	}
	entries, err := channels.Entries(channel.Channel, seq-1, seq, 1)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	return protocol.EntryMark(entries[0].Ciphertext), nil
}

func channelAt(channels ChannelReader, id protocol.ChannelID, epoch uint64) (ChannelRow, EpochRow, error) {
	c, err := channels.Channel(id)
	if err != nil {
		return c, EpochRow{}, err
	}
	e, err := channels.Epoch(id, epoch)
	return c, e, err
}

// open begins the delivery, in place of the channel's earlier opening.
func (ss *session) open(b *protocol.ChannelOpen, channel ChannelRow, epoch EpochRow) {
	upTo := channel.Last
	if epoch.End != 0 {
		upTo = epoch.End
	}
	o := &opening{
		s:       ss.s,
		out:     ss.out,
		epoch:   b.Epoch,
		cursor:  min(max(b.After, epoch.Start), max(upTo, epoch.Start)),
		target:  upTo,
		granted: b.UpTo,
	}
	if b.UpTo == 0 {
		o.granted = math.MaxUint64
	}
	o.topic = ss.s.channels.join(b.Channel, o)
	if old := ss.openings[b.Channel]; old != nil {
		old.topic.remove(old) // after the new one has joined, so that the topic stays
	}
	if ss.openings == nil {
		ss.openings = map[protocol.ChannelID]*opening{}
	}
	ss.openings[b.Channel] = o
	ss.out.Read(o)
}

func (ss *session) channelClose(b *protocol.ChannelClose) (protocol.Body, error) {
	if o := ss.openings[b.Channel]; o != nil {
		o.topic.remove(o)
		delete(ss.openings, b.Channel)
		ss.s.shares.Give(ss.from, fairness.Openings, 1)
	}
	return &protocol.Empty{}, nil
}

func (ss *session) channelGrant(b *protocol.ChannelGrant) (protocol.Body, error) {
	o := ss.openings[b.Channel]
	if o == nil {
		return nil, refuse(protocol.CodeForbidden)
	}
	o.grant(b.UpTo)
	return &protocol.Empty{}, nil
}

// channelDelete deletes a channel for all of its members: the server cannot
// tell what they may do, and each can stop a conversation anyway.
func (ss *session) channelDelete(b *protocol.ChannelDelete) (protocol.Body, error) {
	s, o := ss.s, ss.openings[b.Channel]
	if o == nil {
		return nil, refuse(protocol.CodeForbidden)
	}
	err := s.store.Update(Freeing(s.ctx), func(tx WriteTx) error {
		row, err := tx.Channels().Channel(b.Channel)
		if err != nil {
			return err
		}
		if row.Epoch != o.epoch {
			return &protocol.Error{Code: protocol.CodeStaleEpoch, Epoch: row.Epoch}
		}
		return tx.Channels().Delete(b.Channel)
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	o.topic.end()
	return &protocol.Empty{}, nil
}

func (ss *session) channelPost(r request, b *protocol.ChannelPost) (protocol.Body, error) {
	keep := protocol.DefaultExpiry
	if b.ExpireIn != 0 {
		keep = time.Duration(b.ExpireIn) * time.Second
	}
	return ss.submit(r, b.Channel, &submission{
		entry: EntryRow{Channel: b.Channel, Epoch: b.Epoch, Kind: protocol.KindMessage, Expires: unix(ss.s.clock.Stamp(), keep), Ciphertext: b.Ciphertext},
	})
}

func (ss *session) channelCommit(r request, b *protocol.ChannelCommit) (protocol.Body, error) {
	return ss.submit(r, b.Channel, &submission{
		entry:   EntryRow{Channel: b.Channel, Epoch: b.Epoch, Kind: protocol.KindCommit, Expires: unix(ss.s.clock.Stamp(), protocol.DefaultExpiry), Ciphertext: b.Ciphertext},
		nextKey: b.NextKey,
	})
}

// submit hands an entry to its topic, which answers.
func (ss *session) submit(r request, id protocol.ChannelID, sub *submission) (protocol.Body, error) {
	o := ss.openings[id]
	if o == nil {
		return nil, refuse(protocol.CodeForbidden)
	}
	sub.ss, sub.id, sub.op, sub.o = ss, r.id, r.op, o
	sub.cost = r.size + requestCost
	if r.limited == nil && o.limited {
		r.limited = refuse(protocol.CodeUnavailable)
	}
	if r.limited == nil {
		r.limited = ss.limitPost(float64(r.size))
	}
	fresh := r.limited != nil && !o.limited
	if o.limited = r.limited != nil; o.limited {
		sub.refusal, sub.entry.Ciphertext, sub.cost = r.limited, nil, requestCost
	}
	ss.budget.Acquire(sub.cost)
	// Not of the memory for requests: there the message waits that brings the
	// post, and its origin could fill it with such messages.
	if !ss.s.shares.Wait(ss.from, fairness.PostMemory, sub.cost, func() bool { return !ss.out.IsClosed() }) {
		ss.budget.Release(sub.cost)
		return nil, refuse(protocol.CodeUnavailable)
	}
	ss.s.work.begin()
	o.topic.submit(sub)
	if fresh || r.limited == nil {
		ss.slowDown(r.limited)
	}
	return nil, errLater
}

// limitPost applies the rates of the connection and of its origin.
func (ss *session) limitPost(size float64) error {
	if wait, ok := ss.posted.Take(ss.s.limits.ConnectionPostBytes, size, ss.s.now()); !ok {
		return &protocol.Error{Code: protocol.CodeRateLimited, RetryAfter: wait}
	}
	if err := ss.limited(fairness.RatePost, 1); err != nil {
		return err
	}
	return ss.limited(fairness.RatePostBytes, size)
}
