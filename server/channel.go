// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"crypto/ed25519"
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
)

func (ss *session) channelCreate(r *protocol.ChannelCreate) (protocol.Body, error) {
	s := ss.s
	if err := ss.limited(s.limiters.create, 1); err != nil {
		return nil, err
	}
	err := s.store.Update(s.ctx, func(tx WriteTx) error {
		n, err := tx.Channels().Count()
		if err != nil {
			return err
		}
		if n >= s.limits.MaxChannels {
			return refuse(protocol.CodeQuotaExceeded)
		}
		return tx.Channels().Create(ChannelRow{Channel: r.Channel}, EpochRow{Channel: r.Channel, Key: r.Key})
	})
	if errors.Is(err, ErrExists) {
		err = refuse(protocol.CodeExists)
	}
	return &protocol.Empty{}, err
}

// nobody is checked against when there is no such channel or epoch, so that
// the refusal takes the time that a wrong signature takes. It is the public
// key of a seed of zeros; what it signs opens nothing.
var nobody = protocol.AccessKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey))

// channelOpen refuses unknown channels and epochs as it refuses wrong keys.
func (ss *session) channelOpen(r request, b *protocol.ChannelOpen) (protocol.Body, error) {
	s := ss.s
	if err := ss.limited(s.limiters.open, 1); err != nil {
		return nil, err
	}
	var channel ChannelRow
	var epoch EpochRow
	known := false
	err := s.store.View(s.ctx, func(tx ReadTx) (err error) {
		channel, epoch, err = channelAt(tx.Channels(), b.Channel, b.Epoch)
		known = err == nil
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	key := epoch.Key
	if !known {
		key = nobody
	}
	challenge := protocol.OpenChallenge(s.host, ss.nonce, b.Channel, b.Epoch)
	if !ed25519.Verify(key[:], challenge, b.Signature[:]) || !known {
		return nil, refuse(protocol.CodeForbidden)
	}
	if ss.openings[b.Channel] == nil && len(ss.openings) >= s.limits.MaxOpenings {
		return nil, refuse(protocol.CodeQuotaExceeded)
	}
	ss.answer(r.id, r.op, &protocol.ChannelState{Epoch: channel.Epoch, Last: channel.Last}, nil)
	ss.open(b, channel, epoch)
	return nil, errLater
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
	if old := ss.openings[b.Channel]; old != nil {
		old.topic.remove(old)
	}
	upTo := channel.Last
	if epoch.End != 0 {
		upTo = epoch.End
	}
	o := &opening{
		s:      ss.s,
		out:    ss.out,
		epoch:  b.Epoch,
		cursor: min(max(b.After, epoch.Start), max(upTo, epoch.Start)),
		target: upTo,
	}
	o.topic = ss.s.channels.join(b.Channel, o)
	if ss.openings == nil {
		ss.openings = map[protocol.ChannelID]*opening{}
	}
	ss.openings[b.Channel] = o
	ss.out.read(o)
}

func (ss *session) channelClose(b *protocol.ChannelClose) (protocol.Body, error) {
	if o := ss.openings[b.Channel]; o != nil {
		o.topic.remove(o)
		delete(ss.openings, b.Channel)
	}
	return &protocol.Empty{}, nil
}

func (ss *session) channelPost(r request, b *protocol.ChannelPost) (protocol.Body, error) {
	keep := protocol.DefaultExpiry
	if b.ExpireIn != 0 {
		keep = time.Duration(b.ExpireIn) * time.Second
	}
	return ss.submit(r, b.Channel, &submission{
		entry: EntryRow{Channel: b.Channel, Epoch: b.Epoch, Kind: protocol.KindMessage, Expires: unix(ss.s.now(), keep), Ciphertext: b.Ciphertext},
	})
}

func (ss *session) channelCommit(r request, b *protocol.ChannelCommit) (protocol.Body, error) {
	return ss.submit(r, b.Channel, &submission{
		entry:   EntryRow{Channel: b.Channel, Epoch: b.Epoch, Kind: protocol.KindCommit, Expires: unix(ss.s.now(), protocol.DefaultExpiry), Ciphertext: b.Ciphertext},
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
		if wait, ok := ss.posted.take(ss.s.limits.PostBytes, float64(r.size), ss.s.now()); !ok {
			r.limited = &protocol.Error{Code: protocol.CodeRateLimited, RetryAfter: wait}
		}
	}
	if o.limited = r.limited != nil; o.limited {
		sub.refusal, sub.entry.Ciphertext, sub.cost = r.limited, nil, requestCost
	}
	ss.budget.acquire(sub.cost)
	ss.s.memory.force(sub.cost)
	ss.s.work.begin()
	o.topic.submit(sub)
	return nil, errLater
}
