// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/protocol"
)

// TestDeviceIsRevoked revokes a device: it says so and since when, nothing of it works
// any more, also after a restart without a server, and what it has stays.
func TestDeviceIsRevoked(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", "there.example")
		id := a.talkTo(b)
		phone := linked(t, net, a, "phone")
		pass(time.Hour)
		revoked, err := phone.Devices().Revoke(soon(t), client.Revocation{Device: a.device()})
		must(t, err)
		when := time.Now()
		want(t, "revoked", revoked, []account.DeviceID{a.device()})
		pass(time.Minute)
		if _, err := a.Send(t.Context(), id, chat.Draft{Text: "from the dead"}); !errors.Is(err, chat.ErrClosed) {
			t.Errorf("a revoked device writes: %v", err)
		}
		pass(time.Hour)
		told := new(chat.RevokedError)
		if err := a.Sync(soon(t)); !errors.As(err, &told) || !errors.Is(err, chat.ErrRevoked) || told.At.Sub(when).Abs() > time.Minute {
			t.Errorf("the device reports %v, revoked at %s", err, when)
		}
		if _, err := a.Devices().Approve(soon(t), newMeeting().approval("")); !errors.Is(err, chat.ErrRevoked) {
			t.Errorf("a revoked device lets others in: %v", err)
		}
		a.Close()
		a.way.Partition(host, true)
		a.open()
		must(t, a.ConnectAll())
		if _, err := a.Send(t.Context(), id, chat.Draft{Text: "again"}); !errors.Is(err, chat.ErrClosed) {
			t.Errorf("a revoked device writes: %v", err)
		}
		pass(time.Hour)
		want(t, "bob", b.texts(id), []string{"hello", "hi"})
		want(t, "the revoked device", a.texts(id), []string{"hello", "hi"})
		all, err := a.Devices().List()
		must(t, err)
		if len(all) != 2 || all[0].Revoked.IsZero() || all[0].RevokedBy != phone.device() || !all[0].This {
			t.Errorf("%+v", all)
		}
		must(t, phone.Sync(soon(t)))
	})
}

// A server that says that it does not know a device, and shows no revocation, has not
// revoked it: the account may be gone there, and can be created again.
func TestServerDeniesADevice(t *testing.T) {
	for name, statements := range map[string]func(all [][]byte) [][]byte{
		"and shows its account": func(all [][]byte) [][]byte { return all },
		"and shows no account":  func([][]byte) [][]byte { return nil },
		"and shows nonsense":    func([][]byte) [][]byte { return [][]byte{{1}} },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				net := fakeserver.NewNet()
				a := join(t, net, "alice", host)
				shown := statements(net.Server(host).Statements("alice"))
				a.Close()
				net.Server(host).SetFaults(fakeserver.Faults{
					Request: func(_ string, op protocol.Op, _ protocol.Body) (v fakeserver.Verdict) {
						if op == protocol.OpAuthenticate {
							v.Refuse = &protocol.Error{Code: protocol.CodeNotFound}
						}
						return v
					},
					Account: func(string, [][]byte) [][]byte { return shown },
				})
				a.open()
				must(t, a.ConnectAll())
				if err := a.Sync(soon(t)); !errors.Is(err, chat.ErrNoAccount) || errors.Is(err, chat.ErrRevoked) {
					t.Errorf("the device reports %v", err)
				}
				net.Server(host).SetFaults(fakeserver.Faults{})
				a.restart()
				must(t, a.Sync(soon(t)))
			})
		})
	}
}

// Who revokes a device is offered those that it added, and can revoke them with it (B15).
func TestDevicesAddedByARevokedOne(t *testing.T) {
	for _, also := range []bool{false, true} {
		inBubble(t, func(t *testing.T) {
			net := fakeserver.NewNet()
			a := join(t, net, "alice", host)
			laptop := linked(t, net, a, "laptop")
			thief := linked(t, net, a, "thief")
			one := linked(t, net, thief, "one")
			two := linked(t, net, one, "two")
			must(t, laptop.Devices().Refresh(soon(t)))
			offered, err := laptop.Devices().AddedBy(thief.device())
			must(t, err)
			want(t, "offered", offered, []account.DeviceID{one.device(), two.device()})
			revoked, err := laptop.Devices().Revoke(soon(t), client.Revocation{Device: thief.device(), AlsoAddedBy: also})
			must(t, err)
			expected := []account.DeviceID{thief.device()}
			if also {
				expected = append(expected, offered...)
			}
			want(t, "revoked", revoked, expected)
			if n := live(t, net, a.Address()); n != 5-len(expected) {
				t.Errorf("%d devices are left", n)
			}
			if _, err := laptop.Devices().Revoke(soon(t), client.Revocation{Device: thief.device()}); !errors.Is(err, chat.ErrNoDevice) {
				t.Errorf("a device that was revoked: %v", err)
			}
			// A device that was added by the revoked one does not revoke itself with it.
			if !also {
				mine, err := two.Devices().AddedBy(thief.device())
				must(t, err)
				want(t, "offered to one of them", mine, []account.DeviceID{one.device()})
			}
		})
	}
}

// The last device is revoked by the recovery key alone, and a device may revoke itself.
func TestLastDeviceIsRevoked(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a := join(t, net, "alice", host)
		phone := linked(t, net, a, "phone")
		_, err := phone.Devices().Revoke(soon(t), client.Revocation{Device: phone.device()})
		must(t, err)
		pass(time.Minute)
		if err := phone.Sync(soon(t)); !errors.Is(err, chat.ErrRevoked) {
			t.Errorf("a device that revoked itself: %v", err)
		}
		if _, err := a.Devices().Revoke(soon(t), client.Revocation{Device: a.device()}); !errors.Is(err, chat.ErrLastDevice) {
			t.Errorf("the last device: %v", err)
		}
		other := newRecovery(t)
		if _, err := a.Devices().Revoke(soon(t), client.Revocation{Device: a.device(), Recovery: &other}); !errors.Is(err, chat.ErrOtherKey) {
			t.Errorf("the last device, by another key: %v", err)
		}
		_, err = a.Devices().Revoke(soon(t), client.Revocation{Device: a.device(), Recovery: &a.key})
		must(t, err)
		if n := live(t, net, a.Address()); n != 0 {
			t.Errorf("%d devices are left", n)
		}
	})
}

// A revocation whose answer is lost, and one that meets another statement, take effect
// once.
func TestRevocationSurvivesFailures(t *testing.T) {
	for name, fault := range map[string]fakeserver.Verdict{
		"request lost": {DropBefore: true}, "answer lost": {DropAfter: true}, "stale": {Refuse: &protocol.Error{Code: protocol.CodeStaleChain}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				net := fakeserver.NewNet()
				a := join(t, net, "alice", host)
				phone := linked(t, net, a, "phone")
				times := 0
				net.Server(host).SetFaults(fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) fakeserver.Verdict {
					if op == protocol.OpAccountAppend {
						if times++; times < 3 {
							return fault
						}
					}
					return fakeserver.Verdict{}
				}})
				_, err := a.Devices().Revoke(soon(t), client.Revocation{Device: phone.device()})
				must(t, err)
				if n := len(net.Server(host).Statements("alice")); n != 3 {
					t.Errorf("the chain has %d statements", n)
				}
			})
		})
	}
}

// TestRecoveryKeyBringsTheAccountBack makes a device one of the account's by its
// recovery key alone; one that was replaced is refused by the day, and another one.
func TestRecoveryKeyBringsTheAccountBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		second := newRecovery(t)
		must(t, a.Account().ReplaceRecovery(soon(t), a.key, second))
		when := time.Now()
		_, err := b.People().Resolve(soon(t), a.Address())
		must(t, errors.Join(err, b.People().MarkVerified(a.Address())))
		a.Close()
		pass(time.Hour)
		fresh := blank(t, net, "fresh")
		replaced := new(chat.ReplacedKeyError)
		if err := client.Recover(soon(t), fresh.cfg, a.Address(), a.key); !errors.As(err, &replaced) || replaced.At.Sub(when).Abs() > time.Minute {
			t.Errorf("a replaced key: %v", err)
		}
		if err := client.Recover(soon(t), fresh.cfg, a.Address(), newRecovery(t)); !errors.Is(err, chat.ErrOtherKey) {
			t.Errorf("another key: %v", err)
		}
		if err := client.Recover(soon(t), fresh.cfg, account.Address{Name: "nobody", Host: host}, second); !errors.Is(err, &protocol.Error{Code: protocol.CodeNotFound}) {
			t.Errorf("an account that does not exist: %v", err)
		}
		if _, err := client.Open(fresh.cfg); !errors.Is(err, chat.ErrNoProfile) {
			t.Fatalf("after failures: %v", err)
		}
		must(t, client.Recover(soon(t), fresh.cfg, a.Address(), second))
		fresh.open()
		must(t, fresh.ConnectAll())
		must(t, fresh.Sync(soon(t)))
		must(t, fresh.Account().CheckRecovery(soon(t), second))
		all, err := fresh.Devices().List()
		must(t, err)
		if len(all) != 2 || all[1].AddedBy != (account.DeviceID{}) || !all[1].This {
			t.Errorf("%+v", all)
		}
		_, verified, err := b.People().Safety(soon(t), a.Address())
		if err != nil || !verified {
			t.Errorf("verified after the account came back: %t, %v", verified, err)
		}
	})
}

// TestRecoverySurvivesFailures loses requests and answers of a device that comes in by
// the recovery key, and kills it at each request.
func TestRecoverySurvivesFailures(t *testing.T) {
	for at := 1; at <= 4; at++ {
		for _, after := range []bool{false, true} {
			for _, dies := range []bool{false, true} {
				inBubble(t, func(t *testing.T) {
					net := fakeserver.NewNet()
					s := net.Server(host)
					a := join(t, net, "alice", host)
					fresh := &mortal{person: blank(t, net, "fresh"), dieAt: at, after: after}
					n := 0
					s.SetFaults(fakeserver.Faults{Request: func(who string, _ protocol.Op, _ protocol.Body) fakeserver.Verdict {
						switch n++; {
						case who != "fresh":
							return fakeserver.Verdict{}
						case dies:
							return fresh.request()
						}
						return fakeserver.Verdict{DropBefore: n == at && !after, DropAfter: n == at && after}
					}})
					err := client.Recover(soon(t), fresh.cfg, a.Address(), a.key)
					added := live(t, net, a.Address()) == 2
					if !dies && (err != nil || !added) {
						t.Errorf("request %d, %t: %v", at, after, err)
					}
					fresh.revive()
					s.SetFaults(fakeserver.Faults{})
					pass(time.Hour)
					if err := client.Resume(soon(t), fresh.cfg); err != nil && !errors.Is(err, chat.ErrNotLinked) {
						t.Errorf("request %d, %t, dies %t: %v", at, after, dies, err)
					}
					c, err := client.Open(fresh.cfg)
					if added != (err == nil) || err != nil && !errors.Is(err, chat.ErrNoProfile) {
						t.Errorf("request %d, %t, dies %t: the account has the device: %t; opened: %v", at, after, dies, added, err)
					}
					if c != nil && err == nil {
						c.Close()
					}
				})
			}
		}
	}
}

// Devices learn of each other while they are connected, and report each statement, and
// each device's use, once.
func TestDevicesLearnOfEachOther(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a := join(t, net, "alice", host)
		phone := linked(t, net, a, "phone")
		laptop := linked(t, net, phone, "laptop")
		pass(10 * time.Second)
		all, err := a.Devices().List()
		must(t, err)
		if !slices.ContainsFunc(all, func(d chat.Device) bool { return d.ID == laptop.device() }) {
			t.Errorf("%+v", all)
		}
		_, err = laptop.Devices().Revoke(soon(t), client.Revocation{Device: phone.device()})
		must(t, err)
		pass(10 * time.Second)
		all, err = a.Devices().List()
		must(t, err)
		if len(all) != 3 || all[1].Revoked.IsZero() || all[1].RevokedBy != laptop.device() {
			t.Errorf("%+v", all)
		}
		a.mu.Lock()
		if a.chains != 3+2 {
			t.Errorf("%d events about 3 statements and the use of 2 devices", a.chains)
		}
		a.mu.Unlock()
		if err := phone.Sync(soon(t)); !errors.Is(err, chat.ErrRevoked) {
			t.Errorf("the revoked device reports %v", err)
		}
	})
}
