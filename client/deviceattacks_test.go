// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/protocol"
)

// TestServerLiesToANewDevice has the account's server show the new device another
// state of the account than the existing device has: nothing is linked.
func TestServerLiesToANewDevice(t *testing.T) {
	cases := map[string]struct {
		want error
		show func(t *testing.T, net *fakeserver.Net, all [][]byte) [][]byte
	}{
		"cut off": {chat.ErrLinkChain, func(_ *testing.T, _ *fakeserver.Net, all [][]byte) [][]byte { return all[:1] }},
		"forked": {chat.ErrLinkChain, func(t *testing.T, net *fakeserver.Net, all [][]byte) [][]byte {
			twin := fakeserver.NewNet()
			b := join(t, twin, "alice", host)
			must(t, b.Account().ReplaceRecovery(soon(t), b.key, newRecovery(t)))
			defer b.Close()
			return twin.Server(host).Statements("alice")
		}},
		"of another account": {chat.ErrLinkChain, func(t *testing.T, net *fakeserver.Net, _ [][]byte) [][]byte {
			b := join(t, net, "mallory", host)
			defer b.Close()
			return net.Server(host).Statements("mallory")
		}},
		"none": {chat.ErrLinkChain, func(*testing.T, *fakeserver.Net, [][]byte) [][]byte { return nil }},
		"no statements": {chat.ErrLinkChain, func(_ *testing.T, _ *fakeserver.Net, all [][]byte) [][]byte {
			return [][]byte{bytes.Repeat([]byte{1}, 100)}
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				net := fakeserver.NewNet()
				s := net.Server(host)
				a, phone := join(t, net, "alice", host), blank(t, net, "phone")
				must(t, a.Account().ReplaceRecovery(soon(t), a.key, newRecovery(t)))
				shown := c.show(t, net, s.Statements("alice"))
				m := newMeeting()
				defer background(func() { _, _ = a.Devices().Approve(soon(t), m.approval("")) })()
				code := <-m.code
				s.SetFaults(fakeserver.Faults{Account: func(string, [][]byte) [][]byte { return shown }})
				_, err := client.Link(soon(t), phone.cfg, m.newDevice(code))
				if !errors.Is(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
				s.SetFaults(fakeserver.Faults{})
				if n := live(t, net, a.Address()); n != 1 {
					t.Errorf("the account has %d devices", n)
				}
				if _, err := client.Open(phone.cfg); !errors.Is(err, chat.ErrNoProfile) {
					t.Errorf("the new device has a profile: %v", err)
				}
			})
		})
	}
}

// TestAnswersAreWithheldFromDevices has a server keep back what one side waits for:
// both end in time, and say what is missing.
func TestAnswersAreWithheldFromDevices(t *testing.T) {
	cases := map[string]struct {
		faults     func() fakeserver.Faults
		err, other error // of the existing device, and of the new one
	}{
		"the account, from the new device": {func() fakeserver.Faults {
			return fakeserver.Faults{Request: func(who string, op protocol.Op, _ protocol.Body) fakeserver.Verdict {
				return fakeserver.Verdict{DropBefore: who == "phone" && op == protocol.OpAccountGet}
			}}
		}, chat.ErrLinkCancelled, backend.ErrOffline},
		"the new device's signature": {func() fakeserver.Faults {
			entries := 0
			return fakeserver.Faults{Event: func(who string, body protocol.Body) ([]protocol.Body, bool) {
				if _, ok := body.(*protocol.Entry); ok && who == "alice" {
					// Those before: commit, answer, reveal, and the draft.
					if entries++; entries > 4 {
						return nil, false
					}
				}
				return []protocol.Body{body}, false
			}}
		}, chat.ErrLinkSilent, chat.ErrNotLinked},
		"the statement, from the server's disk": {func() fakeserver.Faults {
			return fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) fakeserver.Verdict {
				return fakeserver.Verdict{DropBefore: op == protocol.OpAccountAppend}
			}}
		}, chat.ErrNotLinked, chat.ErrNotLinked},
		"that it took the statement": {func() fakeserver.Faults {
			return fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) fakeserver.Verdict {
				return fakeserver.Verdict{DropAfter: op == protocol.OpAccountAppend}
			}}
		}, nil, nil},
		"a reason": {func() fakeserver.Faults {
			return fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) (v fakeserver.Verdict) {
				if op == protocol.OpAccountAppend {
					v.Refuse = &protocol.Error{Code: protocol.CodeInvalid}
				}
				return v
			}}
		}, &protocol.Error{Code: protocol.CodeInvalid}, chat.ErrNotLinked},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				net := fakeserver.NewNet()
				s := net.Server(host)
				a, phone := join(t, net, "alice", host), blank(t, net, "phone")
				s.SetFaults(c.faults())
				began := time.Now()
				o := newMeeting().link(soon(t), a, phone, false)
				if !errors.Is(o.err, c.err) || !errors.Is(o.nerr, c.other) {
					t.Errorf("the existing device: %v, want %v; the new one: %v, want %v", o.err, c.err, o.nerr, c.other)
				}
				if took := time.Since(began); took > time.Minute {
					t.Errorf("it took %s", took)
				}
				if added := live(t, net, a.Address()) == 2; added != (c.err == nil) {
					t.Errorf("the account has the device: %t", added)
				}
			})
		})
	}
}

// A server that hides from the new device that it is in the account is not believed:
// the existing device said that it is. The keys stay until the server shows the truth.
func TestServerHidesANewDevice(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		s := net.Server(host)
		a, phone := join(t, net, "alice", host), blank(t, net, "phone")
		before := s.Statements("alice")
		hides := fakeserver.Faults{Account: func(string, [][]byte) [][]byte { return before }}
		s.SetFaults(hides)
		o := newMeeting().link(soon(t), a, phone, false)
		if o.err != nil || !errors.Is(o.nerr, chat.ErrLinkOpen) {
			t.Fatalf("the existing device: %v; the new one: %v", o.err, o.nerr)
		}
		if _, err := client.Open(phone.cfg); !errors.Is(err, chat.ErrLinkOpen) {
			t.Errorf("before the server shows it: %v", err)
		}
		phone.way.Partition("", true)
		if err := client.Resume(soon(t), phone.cfg); !errors.Is(err, chat.ErrLinkOpen) {
			t.Errorf("without a server: %v", err)
		}
		phone.way.Partition("", false)
		s.SetFaults(fakeserver.Faults{})
		must(t, client.Resume(soon(t), phone.cfg))
		phone.open()
		must(t, phone.ConnectAll())
		must(t, phone.Sync(soon(t)))
	})
}

// A device that is interrupted after it signed keeps its keys, and finds out later that
// it was linked.
func TestLinkingIsInterrupted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		s := net.Server(host)
		a, phone := join(t, net, "alice", host), blank(t, net, "phone")
		ctx, cancel := context.WithCancel(t.Context())
		s.SetFaults(fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) fakeserver.Verdict {
			if op == protocol.OpAccountAppend {
				cancel()
			}
			return fakeserver.Verdict{}
		}})
		m := newMeeting()
		done := make(chan error, 1)
		go func() { _, err := a.Devices().Approve(soon(t), m.approval("")); done <- err }()
		phone.way.Delay(500 * time.Millisecond) // so that it does not hear of the statement before
		_, err := client.Link(ctx, phone.cfg, m.newDevice(<-m.code))
		if !errors.Is(err, chat.ErrLinkOpen) {
			t.Errorf("interrupted: %v", err)
		}
		must(t, <-done)
		must(t, client.Resume(soon(t), phone.cfg))
		phone.open()
	})
}

// Digits that are typed in at the last moment still lead to the end.
func TestLinkingIsConfirmedAtTheLastMoment(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, phone := join(t, net, "alice", host), blank(t, net, "phone")
		m := newMeeting()
		began := time.Now()
		approval := m.approval("")
		digits := approval.Digits
		approval.Digits = func(ctx context.Context, left int) (string, error) {
			time.Sleep(time.Until(began.Add(10*time.Minute - 100*time.Millisecond)))
			return digits(ctx, left)
		}
		for _, p := range []*person{a, phone} {
			p.way.Delay(50 * time.Millisecond)
		}
		done := make(chan error, 1)
		go func() { _, err := a.Devices().Approve(t.Context(), approval); done <- err }()
		_, err := client.Link(t.Context(), phone.cfg, m.newDevice(<-m.code))
		if first := <-done; (first == nil) != (err == nil) || (first == nil) != (live(t, net, a.Address()) == 2) {
			t.Errorf("the existing device: %v; the new one: %v", first, err)
		}
	})
}

// A statement of another device, that comes between, is followed by another draft.
func TestChainGrowsWhileADeviceIsLinked(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		s := net.Server(host)
		a, phone := join(t, net, "alice", host), blank(t, net, "phone")
		m := newMeeting()
		approval := m.approval("")
		digits := approval.Digits
		approval.Digits = func(ctx context.Context, left int) (string, error) {
			if err := a.Account().ReplaceRecovery(ctx, a.key, newRecovery(t)); err != nil {
				return "", err
			}
			return digits(ctx, left)
		}
		stale := 0
		s.SetFaults(fakeserver.Faults{Request: func(_ string, op protocol.Op, b protocol.Body) (v fakeserver.Verdict) {
			if add, ok := b.(*protocol.AccountAppend); ok {
				statement, err := account.ParseStatement(add.Statement)
				if _, adds := statement.Content.(account.AddDevice); err == nil && adds && stale < 2 {
					stale++
					v.Refuse = &protocol.Error{Code: protocol.CodeStaleChain}
				}
			}
			return v
		}})
		done := make(chan error, 1)
		go func() { _, err := a.Devices().Approve(soon(t), approval); done <- err }()
		_, err := client.Link(soon(t), phone.cfg, m.newDevice(<-m.code))
		must(t, errors.Join(err, <-done))
		if n := live(t, net, a.Address()); n != 2 || stale != 2 {
			t.Errorf("the account has %d devices; refused %d times", n, stale)
		}
	})
}

// TestAccountIsFull refuses a 17th device before a code is shown.
func TestAccountIsFull(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a := join(t, net, "alice", host)
		for range account.MaxDevices - 1 {
			o := newMeeting().link(soon(t), a, blank(t, net, "device"), false)
			must(t, errors.Join(o.err, o.nerr))
		}
		if _, err := a.Devices().Approve(soon(t), newMeeting().approval("")); !errors.Is(err, chat.ErrManyDevices) {
			t.Errorf("a 17th device: %v", err)
		}
		if err := client.Recover(soon(t), blank(t, net, "device").cfg, a.Address(), a.key); !errors.Is(err, chat.ErrManyDevices) {
			t.Errorf("a 17th device, by the recovery key: %v", err)
		}
	})
}
