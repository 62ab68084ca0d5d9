// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/protocol"
)

// a mortal is a side of a linking that dies: what it does after that has no effect,
// neither on servers nor on its store.
type mortal struct {
	*person
	name string

	mu       sync.Mutex // guards what follows
	requests int
	dieAt    int  // with that request; 0: not
	after    bool // the request is carried out
	died     time.Time
	timer    *time.Timer // of its death, if that is at a time
}

func (m *mortal) die() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.died.IsZero() {
		m.died = time.Now()
		m.store.Fill(true)
	}
}

func (m *mortal) isDead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.died.IsZero()
}

func (m *mortal) request() (v fakeserver.Verdict) {
	if m.isDead() {
		return fakeserver.Verdict{DropBefore: true}
	}
	m.mu.Lock()
	m.requests++
	dies := m.requests == m.dieAt
	m.mu.Unlock()
	if dies {
		m.die()
		v.DropBefore, v.DropAfter = !m.after, m.after
	}
	return v
}

// revive is the program's next start.
func (m *mortal) revive() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.timer != nil {
		m.timer.Stop()
	}
	m.died, m.dieAt = time.Time{}, 0
	m.store.Fill(false)
}

// dying links a device while sides die, and checks that both know the same in the end.
func dying(t *testing.T, newShows bool, prepare func(old, device *mortal)) (requests [2]int) {
	t.Helper()
	net := fakeserver.NewNet()
	s := net.Server(host)
	old := &mortal{person: join(t, net, "alice", host), name: "alice"}
	device := &mortal{person: blank(t, net, "phone"), name: "phone"}
	pass(time.Minute)
	prepare(old, device)
	s.SetFaults(fakeserver.Faults{Request: func(who string, _ protocol.Op, _ protocol.Body) fakeserver.Verdict {
		for _, m := range []*mortal{old, device} {
			if m.name == who {
				return m.request()
			}
		}
		return fakeserver.Verdict{}
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	began := time.Now()
	m := newMeeting()
	never := errors.New("it never began: there was no code")
	o := outcome{err: never, nerr: never}
	var ended [2]time.Time
	var both sync.WaitGroup
	code := make(chan string, 1)
	approve := func(text string) {
		o.added, o.err = old.Devices().Approve(ctx, m.approval(text))
		ended[0] = time.Now()
	}
	link := func(text string) {
		o.next, o.nerr = client.Link(ctx, device.cfg, m.newDevice(text))
		ended[1] = time.Now()
	}
	first, second := approve, link
	if newShows {
		first, second = link, approve
	}
	both.Go(func() { first("") })
	select {
	case text := <-m.code:
		code <- text
		both.Go(func() { second(text) })
	case <-ctx.Done(): // nobody shows a code any more
	}
	both.Wait()
	requests = [2]int{old.requests, device.requests}

	added := live(t, net, old.Address()) == 2
	what := fmt.Sprintf("the account has the device: %t; the existing one %v, the new one %v", added, o.err, o.nerr)
	deaths := map[int]time.Time{}
	for i, one := range []*mortal{old, device} {
		if one.isDead() {
			deaths[1-i] = one.died
		}
	}
	for i, err := range []error{o.err, o.nerr} {
		if _, bothDead := deaths[i]; len(deaths) == 2 || len(deaths) == 1 && !bothDead {
			continue // it is dead itself
		}
		if added != (err == nil) {
			t.Errorf("side %d survived: %s", i, what)
		}
		if death, ok := deaths[i]; ok && len(m.joins) > 0 && ended[i].Sub(death) > 30*time.Second {
			t.Errorf("side %d ended %s after the other one's death: %s", i, ended[i].Sub(death), what)
		}
	}
	if len(deaths) == 0 && (o.err != nil || o.nerr != nil) {
		t.Errorf("nobody died: %s", what)
	}

	// Both start again.
	deviceDied := device.isDead()
	old.Close()
	old.revive()
	device.revive()
	s.SetFaults(fakeserver.Faults{})
	old.open()
	must(t, old.ConnectAll())
	must(t, old.Sync(soon(t)))
	must(t, old.Devices().Refresh(soon(t)))
	pass(time.Hour)
	if now := live(t, net, old.Address()) == 2; now != added {
		t.Errorf("after a restart the account has the device: %t; before %s", now, what)
	}
	all, err := old.Devices().List()
	must(t, err)
	if added != (len(all) == 2) {
		t.Errorf("the existing device lists %d: %s", len(all), what)
	}
	err = client.Resume(soon(t), device.cfg)
	if err != nil && !errors.Is(err, chat.ErrNotLinked) {
		t.Errorf("the new device's start: %v; %s", err, what)
	}
	c, err := client.Open(device.cfg)
	switch {
	case added && err != nil:
		t.Errorf("a linked device is not opened: %v; %s; began %s", err, what, began)
	case !added && !errors.Is(err, chat.ErrNoProfile):
		t.Errorf("a device that was not linked is opened: %v; it died: %t; %s", err, deviceDied, what)
	}
	if err != nil {
		return requests
	}
	defer c.Close()
	must(t, c.ConnectAll())
	must(t, c.Sync(soon(t)))
	return requests
}

// TestLinkingSurvivesKills kills either side at each of its requests, before and after
// the server carried it out. B11: both end in the same state within 30 s.
func TestLinkingSurvivesKills(t *testing.T) {
	for _, newShows := range []bool{false, true} {
		var counts [2]int
		inBubble(t, func(t *testing.T) { counts = dying(t, newShows, func(_, _ *mortal) {}) })
		for side, count := range counts {
			if count < 6 {
				t.Fatalf("side %d makes %d requests", side, count)
			}
			for at := 1; at <= count; at++ {
				for _, after := range []bool{false, true} {
					t.Run(fmt.Sprintf("new shows %t, side %d, request %d, after %t", newShows, side, at, after), func(t *testing.T) {
						inBubble(t, func(t *testing.T) {
							dying(t, newShows, func(old, device *mortal) {
								one := []*mortal{old, device}[side]
								one.dieAt, one.after = at, after
							})
						})
					})
				}
			}
		}
	}
}

// TestLinkingSurvivesRandomKills kills sides at any time, on slow connections.
func TestLinkingSurvivesRandomKills(t *testing.T) {
	if testing.Short() {
		t.Skip("100 runs")
	}
	for seed := range uint64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 1))
				dying(t, r.IntN(2) == 0, func(old, device *mortal) {
					for _, m := range []*mortal{old, device} {
						m.way.Delay(time.Duration(r.IntN(300)) * time.Millisecond)
					}
					kill := func(m *mortal) {
						m.timer = time.AfterFunc(time.Duration(r.IntN(5000))*time.Millisecond, m.die)
					}
					switch r.IntN(3) {
					case 0:
						kill(old)
					case 1:
						kill(device)
					default:
						kill(old)
						kill(device)
					}
				})
			})
		})
	}
}
