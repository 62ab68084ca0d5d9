// SPDX-License-Identifier: AGPL-3.0-or-later

package server_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/servertest"
	"github.com/securecrypt/securecrypt/server/store/storetest"
)

// A refusal says which room, share or rate is used up.
func TestRefusalsGiveReasons(t *testing.T) {
	channel := protocol.ChannelID{1}
	for _, c := range []struct {
		code   protocol.ErrorCode
		reason protocol.Reason
		limit  func(*fairness.Limits)
		ask    func(i *servertest.Instance, c *servertest.Client) error // the last of some requests
	}{
		{protocol.CodeQuotaExceeded, protocol.ReasonMailbox, func(l *fairness.Limits) { l.MaxMailboxLetters = 2 }, sendLetters},
		{protocol.CodeRateLimited, protocol.ReasonRecipient, func(l *fairness.Limits) { l.TargetLetter = fairness.Rate{Burst: 1, PerSecond: 1e-3} }, sendLetters},
		{protocol.CodeQuotaExceeded, protocol.ReasonSpace, func(l *fairness.Limits) { l.MaxRowBytes = 100 }, sendLetters},
		{protocol.CodeRateLimited, protocol.ReasonShare, func(l *fairness.Limits) { l.Letter = fairness.Rate{Burst: 1, PerSecond: 1e-3} }, sendLetters},
		{protocol.CodeQuotaExceeded, protocol.ReasonChannel, func(l *fairness.Limits) { l.MaxChannelEntries = 1 }, func(_ *servertest.Instance, c *servertest.Client) error {
			c.Create(channel)
			c.Open(channel, 0, 0)
			c.Post(channel, 0, "one")
			return c.Do(protocol.OpChannelPost, &protocol.ChannelPost{Channel: channel, Ciphertext: []byte("two")}, &protocol.Posted{})
		}},
		{protocol.CodeQuotaExceeded, protocol.ReasonShare, func(l *fairness.Limits) { l.KeptPart, l.MaxRowBytes = 0.1, 20_000 }, func(_ *servertest.Instance, c *servertest.Client) error {
			c.Create(channel)
			c.Open(channel, 0, 0)
			c.Post(channel, 0, string(make([]byte, 1500)))
			return c.Do(protocol.OpChannelPost, &protocol.ChannelPost{Channel: channel, Ciphertext: make([]byte, 1500)}, &protocol.Posted{})
		}},
		{protocol.CodeQuotaExceeded, protocol.ReasonOpenings, func(l *fairness.Limits) { l.MaxOpenings = 1 }, openTwo},
		{protocol.CodeQuotaExceeded, protocol.ReasonShare, func(l *fairness.Limits) { l.HeldPart, l.MaxAllOpenings = 0.1, 2 }, openTwo},
		{protocol.CodeQuotaExceeded, protocol.ReasonAccounts, func(l *fairness.Limits) { l.MaxAccounts = 1 }, func(i *servertest.Instance, c *servertest.Client) error {
			servertest.Register(t, i, "bob")
			return c.Do(protocol.OpRegister, servertest.NewPerson(t, i.Host, "carol").Registration(), &protocol.Empty{})
		}},
	} {
		t.Run(fmt.Sprint(c.code, ": ", c.reason), func(t *testing.T) {
			i := servertest.Start(t, servertest.Options{Memory: true, Limits: c.limit})
			wantReason(t, c.ask(i, servertest.Dial(t, i)), c.code, c.reason)
		})
	}
}

func wantReason(t *testing.T, err error, code protocol.ErrorCode, reason protocol.Reason) {
	t.Helper()
	var refusal *protocol.Error
	if !errors.As(err, &refusal) || refusal.Code != code || refusal.Reason != reason {
		t.Errorf("got %v, want %v: %v", err, code, reason)
	}
}

func sendLetters(i *servertest.Instance, c *servertest.Client) error {
	p, err := servertest.MakePerson(i.Host, "bob")
	if err != nil {
		return err
	}
	err = c.Do(protocol.OpRegister, p.Registration(), &protocol.Empty{})
	for n := byte(0); n < 2 && err == nil; n++ {
		err = c.Do(protocol.OpLetterSend, &protocol.LetterSend{Name: "bob", Device: p.Device, Letter: []byte("letter"), ID: [16]byte{n}}, &protocol.Empty{})
	}
	return err
}

func openTwo(_ *servertest.Instance, c *servertest.Client) error {
	c.Create(protocol.ChannelID{1})
	c.Create(protocol.ChannelID{2})
	c.Open(protocol.ChannelID{1}, 0, 0)
	return c.Do(protocol.OpChannelOpen, c.OpenBody(protocol.ChannelID{2}, 0, 0), &protocol.ChannelState{})
}

// A disk without room, and a server that stops, are told apart.
func TestUnavailableServersGiveReasons(t *testing.T) {
	var faulty *storetest.Faulty
	i := servertest.Start(t, servertest.Options{Memory: true, Store: func(s server.Store) server.Store {
		faulty = storetest.NewFaulty(s)
		return faulty
	}})
	c := servertest.Dial(t, i)
	faulty.Fail(func(int) error { return server.ErrFull })
	create := func() error {
		return c.Do(protocol.OpChannelCreate, &protocol.ChannelCreate{Channel: protocol.ChannelID{1}}, &protocol.Empty{})
	}
	wantReason(t, create(), protocol.CodeUnavailable, protocol.ReasonSpace)
	faulty.Fail(func(int) error { return context.Canceled })
	wantReason(t, create(), protocol.CodeInternal, protocol.ReasonNone)
}
