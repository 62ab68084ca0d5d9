// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/files/disk"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/memory"
	"github.com/securecrypt/securecrypt/client/store/storetest"
	"github.com/securecrypt/securecrypt/protocol"
)

// blank returns a device without a profile.
func blank(t testing.TB, net *fakeserver.Net, name string) *person {
	t.Helper()
	p := &person{t: t, store: storetest.NewFaulty(memory.New()), way: net.Transport(name)}
	p.cfg = client.Config{Store: p.store, Key: keyring.NewStoreKey(), Transport: p.way, Files: disk.Files{}, OnEvent: p.note}
	return p
}

// a meeting is a linking under way: what one side shows, the other one is given.
type meeting struct {
	code   chan string
	digits chan string
	joins  chan account.Address

	mu    sync.Mutex // guards typed
	typed int        // how often digits were asked for
}

func newMeeting() *meeting {
	return &meeting{code: make(chan string, 1), digits: make(chan string, 1), joins: make(chan account.Address, 1)}
}

func (m *meeting) shows(c chat.LinkCode) { m.code <- c.Text }

// approval is the existing side, which shows the code if code is empty.
func (m *meeting) approval(code string) client.Approval {
	return client.Approval{
		Code: code, ShowCode: m.shows,
		Digits: func(ctx context.Context, _ int) (string, error) {
			m.mu.Lock()
			m.typed++
			m.mu.Unlock()
			select {
			case digits := <-m.digits:
				return digits, nil
			case <-ctx.Done():
				return "", context.Cause(ctx)
			}
		},
	}
}

// newDevice is the new side, which shows the code if code is empty.
func (m *meeting) newDevice(code string) client.NewDevice {
	return client.NewDevice{
		Code: code, Host: host, ShowCode: m.shows,
		Show: func(a account.Address, digits string) {
			m.joins <- a
			m.digits <- digits
		},
	}
}

// an outcome is what both sides say at the end.
type outcome struct {
	added account.DeviceID
	err   error // of the existing side
	next  client.Linked
	nerr  error // of the new one
}

// link links a device. The new one shows the code if newShows is true.
func (m *meeting) link(ctx context.Context, old, device *person, newShows bool) (o outcome) {
	var both sync.WaitGroup
	if newShows {
		both.Go(func() { o.next, o.nerr = client.Link(ctx, device.cfg, m.newDevice("")) })
		select {
		case code := <-m.code:
			o.added, o.err = old.Devices().Approve(ctx, m.approval(code))
		case <-ctx.Done():
		}
	} else {
		both.Go(func() { o.added, o.err = old.Devices().Approve(ctx, m.approval("")) })
		select {
		case code := <-m.code:
			o.next, o.nerr = client.Link(ctx, device.cfg, m.newDevice(code))
		case <-ctx.Done():
		}
	}
	both.Wait()
	return o
}

// linked links a device that works.
func linked(t testing.TB, net *fakeserver.Net, old *person, name string) *person {
	t.Helper()
	device := blank(t, net, name)
	o := newMeeting().link(soon(t), old, device, false)
	must(t, errors.Join(o.err, o.nerr))
	device.open()
	must(t, device.ConnectAll())
	must(t, device.Sync(soon(t)))
	return device
}

func (p *person) device() account.DeviceID {
	p.t.Helper()
	all, err := p.Devices().List()
	must(p.t, err)
	for _, d := range all {
		if d.This {
			return d.ID
		}
	}
	p.t.Fatal("the device is not in its own list")
	return account.DeviceID{}
}

// live returns how many devices an account has at its server.
func live(t testing.TB, net *fakeserver.Net, a account.Address) int {
	t.Helper()
	chain, err := account.Verify(a, net.Server(a.Host).Statements(a.Name))
	must(t, err)
	return len(chain.Devices())
}

// TestDeviceIsLinked links a device, whichever of both shows the code: it signs in, both
// list both, and nothing of the meeting stays at the server.
func TestDeviceIsLinked(t *testing.T) {
	for name, newShows := range map[string]bool{"existing device shows": false, "new device shows": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				net := fakeserver.NewNet()
				a, phone := join(t, net, "alice", host), blank(t, net, "phone")
				must(t, a.Account().SetProfile(t.Context(), "Alice"))
				m := newMeeting()
				began := time.Now()
				o := m.link(soon(t), a, phone, newShows)
				must(t, errors.Join(o.err, o.nerr))
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("it took %s", took)
				}
				if who := <-m.joins; who != a.Address() || o.next.Address != who || o.next.Device != o.added || !o.next.Complete {
					t.Errorf("%s joins %s: %+v", o.added, who, o.next)
				}
				pass(time.Second)
				if n := len(net.Server(host).Channels()); n != 1 { // the one of the account's devices
					t.Errorf("%d channels stay", n)
				}
				phone.open()
				must(t, phone.ConnectAll())
				must(t, phone.Sync(soon(t)))
				if profile, registered, err := phone.Account().Profile(); profile != "Alice" || !registered || err != nil {
					t.Errorf("%q, %t, %v", profile, registered, err)
				}
				for _, p := range []*person{a, phone} {
					all, err := p.Devices().List()
					must(t, err)
					if len(all) != 2 || all[1].ID != o.added || all[1].AddedBy != all[0].ID || all[0].This == all[1].This || !all[1].Revoked.IsZero() {
						t.Errorf("%+v", all)
					}
				}
				if a.device() == phone.device() {
					t.Error("both are the same device")
				}
				want(t, "failures", append(a.failed(), phone.failed()...), nil)
				phone.restart()
				must(t, phone.Sync(soon(t)))
				must(t, phone.Account().CheckRecovery(soon(t), a.key))
			})
		})
	}
}

// A code is for one server, and works once.
func TestLinkCodeWorksOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, phone := join(t, net, "alice", host), blank(t, net, "phone")
		m := newMeeting()
		var code string
		approval := m.approval("")
		approval.ShowCode = func(c chat.LinkCode) {
			code = c.Text
			if until := time.Until(c.Until); until != 10*time.Minute || c.URI != "securecrypt-link:"+c.Text || !strings.HasPrefix(c.Text, host+"/") {
				t.Errorf("%+v", c)
			}
			m.code <- c.URI
		}
		done := make(chan error, 1)
		go func() { _, err := a.Devices().Approve(soon(t), approval); done <- err }()
		_, err := client.Link(soon(t), phone.cfg, m.newDevice(<-m.code))
		must(t, errors.Join(err, <-done))
		if _, err := client.Link(soon(t), blank(t, net, "other").cfg, m.newDevice(code)); !errors.Is(err, chat.ErrLinkUnknown) {
			t.Errorf("the code of a linking that is over: %v", err)
		}
		if _, err := client.Link(soon(t), phone.cfg, m.newDevice("")); err == nil {
			t.Error("a store with a profile is linked")
		}
		if _, err := a.Devices().Approve(soon(t), m.approval("chat.example/abc")); !errors.Is(err, chat.ErrLinkCode) {
			t.Errorf("no code: %v", err)
		}
	})
}

// Two new devices that have the same code: neither is linked, whichever side shows the code.
func TestLinkCodeIsUsedByTwo(t *testing.T) {
	for name, newShows := range map[string]bool{"existing device shows": false, "new device shows": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				net := fakeserver.NewNet()
				a, other, phone, thief := join(t, net, "alice", host), join(t, net, "mallory", host), blank(t, net, "phone"), blank(t, net, "thief")
				m := newMeeting()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				var all sync.WaitGroup
				var first, second, third error
				show := func(account.Address, string) {}
				if newShows { // an approver that is not the owner's
					all.Go(func() {
						_, first = client.Link(ctx, phone.cfg, client.NewDevice{Host: host, ShowCode: m.shows, Show: show})
					})
					code := <-m.code
					all.Go(func() { _, second = a.Devices().Approve(ctx, m.approval(code)) })
					all.Go(func() { _, third = other.Devices().Approve(ctx, m.approval(code)) })
				} else {
					all.Go(func() { _, first = a.Devices().Approve(ctx, m.approval("")) })
					code := <-m.code
					all.Go(func() { _, second = client.Link(ctx, phone.cfg, client.NewDevice{Code: code, Show: show}) })
					all.Go(func() { _, third = client.Link(ctx, thief.cfg, client.NewDevice{Code: code, Show: show}) })
				}
				all.Wait()
				for i, err := range []error{first, second, third} {
					if !errors.Is(err, chat.ErrLinkUsed) && !errors.Is(err, chat.ErrLinkCancelled) && !errors.Is(err, chat.ErrLinkUnknown) {
						t.Errorf("party %d: %v", i, err)
					}
				}
				if !errors.Is(first, chat.ErrLinkUsed) {
					t.Errorf("who shows the code: %v", first)
				}
				if live(t, net, a.Address()) != 1 || live(t, net, other.Address()) != 1 {
					t.Error("a device was added")
				}
			})
		})
	}
}

// A server that keeps the channel of a linking, and plays it to another device, gets
// nowhere with it.
func TestLinkingIsReplayed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		s := net.Server(host)
		a, phone, other := join(t, net, "alice", host), blank(t, net, "phone"), blank(t, net, "other")
		s.SetFaults(fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) (v fakeserver.Verdict) {
			if op == protocol.OpChannelDelete {
				v.Refuse = &protocol.Error{Code: protocol.CodeForbidden}
			}
			return v
		}})
		m := newMeeting()
		done := make(chan error, 1)
		go func() { _, err := a.Devices().Approve(soon(t), m.approval("")); done <- err }()
		code := <-m.code
		_, err := client.Link(soon(t), phone.cfg, m.newDevice(code))
		must(t, errors.Join(err, <-done))
		pass(time.Second)
		if n := len(s.Channels()); n != 2 { // and the one of the account's devices
			t.Fatalf("the server has %d channels", n)
		}
		if _, err := client.Link(soon(t), other.cfg, m.newDevice(code)); !errors.Is(err, chat.ErrLinkUsed) {
			t.Errorf("a second use of the code: %v", err)
		}
		if n := live(t, net, a.Address()); n != 2 {
			t.Errorf("the account has %d devices", n)
		}
	})
}

// The digits can be mistyped twice.
func TestLinkDigitsAreTyped(t *testing.T) {
	for _, wrong := range []int{2, 3} {
		inBubble(t, func(t *testing.T) {
			net := fakeserver.NewNet()
			a, phone := join(t, net, "alice", host), blank(t, net, "phone")
			m := newMeeting()
			approval := m.approval("")
			var lefts []int
			var right string
			approval.Digits = func(ctx context.Context, left int) (string, error) {
				lefts = append(lefts, left)
				if right == "" {
					right = <-m.digits
				}
				if len(lefts) > wrong {
					return right, nil
				}
				return "12", nil
			}
			done := make(chan error, 1)
			go func() { _, err := a.Devices().Approve(soon(t), approval); done <- err }()
			_, err := client.Link(soon(t), phone.cfg, m.newDevice(<-m.code))
			want(t, "attempts left", lefts, []int{3, 2, 1})
			if ended := <-done; (wrong == 3) != errors.Is(ended, chat.ErrLinkDigits) || (wrong == 3) != errors.Is(err, chat.ErrLinkDigits) {
				t.Errorf("after %d wrong entries: %v, and the new device %v", wrong, ended, err)
			}
			if n := live(t, net, a.Address()); n != 1 && wrong == 3 || n != 2 && wrong == 2 {
				t.Errorf("after %d wrong entries the account has %d devices", wrong, n)
			}
			pass(time.Second)
			if n := len(net.Server(host).Channels()); n != 3-wrong { // the one of the account's devices, if there are two
				t.Errorf("%d channels stay", n)
			}
		})
	}
}

// background runs fn beside the caller; what it returns waits for its end.
func background(fn func()) (wait func()) {
	var group sync.WaitGroup
	group.Go(fn)
	return group.Wait
}

// Both devices stop waiting for one that does not come, or goes away.
func TestLinkingEndsInTime(t *testing.T) {
	cases := map[string]struct {
		want  error
		after time.Duration
		do    func(t *testing.T, net *fakeserver.Net, a, phone *person) error
	}{
		"no new device": {chat.ErrLinkExpired, 10 * time.Minute, func(t *testing.T, net *fakeserver.Net, a, _ *person) error {
			_, err := a.Devices().Approve(t.Context(), newMeeting().approval(""))
			return err
		}},
		"no existing device": {chat.ErrLinkExpired, 10 * time.Minute, func(t *testing.T, net *fakeserver.Net, _, phone *person) error {
			_, err := client.Link(t.Context(), phone.cfg, newMeeting().newDevice(""))
			return err
		}},
		"the new device goes away": {chat.ErrLinkSilent, time.Minute, func(t *testing.T, net *fakeserver.Net, a, phone *person) error {
			m := newMeeting()
			device := m.newDevice("")
			device.Show = func(account.Address, string) { go phone.way.Partition("", true) }
			defer background(func() { _, _ = client.Link(soon(t), phone.cfg, device) })()
			_, err := a.Devices().Approve(soon(t), m.approval(<-m.code))
			return err
		}},
		"the existing device goes away": {chat.ErrLinkSilent, time.Minute, func(t *testing.T, net *fakeserver.Net, a, phone *person) error {
			m := newMeeting()
			approval := m.approval("")
			approval.Digits = func(ctx context.Context, _ int) (string, error) {
				a.way.Partition("", true)
				<-ctx.Done()
				return "", context.Cause(ctx)
			}
			defer background(func() { _, _ = a.Devices().Approve(soon(t), approval) })()
			_, err := client.Link(soon(t), phone.cfg, m.newDevice(<-m.code))
			return err
		}},
		"the owner says no": {chat.ErrLinkCancelled, 10 * time.Second, func(t *testing.T, net *fakeserver.Net, a, phone *person) error {
			m := newMeeting()
			approval := m.approval("")
			approval.Digits = func(context.Context, int) (string, error) { return "", errors.New("no") }
			defer background(func() { _, _ = a.Devices().Approve(soon(t), approval) })()
			_, err := client.Link(soon(t), phone.cfg, m.newDevice(<-m.code))
			return err
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				net := fakeserver.NewNet()
				a, phone := join(t, net, "alice", host), blank(t, net, "phone")
				began := time.Now()
				err := c.do(t, net, a, phone)
				if !errors.Is(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
				if took := time.Since(began); took > c.after+10*time.Second {
					t.Errorf("it took %s", took)
				}
				if n := live(t, net, a.Address()); n != 1 {
					t.Errorf("the account has %d devices", n)
				}
				if _, err := client.Open(phone.cfg); !errors.Is(err, chat.ErrNoProfile) {
					t.Errorf("the store of the new device: %v", err)
				}
			})
		})
	}
}
