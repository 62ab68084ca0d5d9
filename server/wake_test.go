// SPDX-License-Identifier: AGPL-3.0-or-later

package server_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// pusher hands pushes to a test, which answers them.
type pusher struct{ pushes chan push }

type push struct {
	endpoint string
	answer   chan error
}

func (pusher) Key() protocol.PushKey { return protocol.PushKey{4, 1} }
func (pusher) Allows(endpoint string) bool {
	return strings.HasPrefix(endpoint, "https://push.example/")
}

func (p pusher) Push(ctx context.Context, endpoint string) error {
	one := push{endpoint, make(chan error)}
	select {
	case p.pushes <- one:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-one.answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wakeful is a server that wakes, with a clock that the test moves.
type wakeful struct {
	*servertest.Instance
	pushes chan push
	now    atomic.Int64
}

func newWakeful(t *testing.T, o servertest.Options) *wakeful {
	t.Helper()
	w := &wakeful{pushes: make(chan push)}
	w.now.Store(1_800_000_000)
	o.Memory = true
	o.Change = func(c *server.Config) {
		c.Pusher = pusher{w.pushes}
		c.Now = func() time.Time { return time.Unix(w.now.Load(), 0) }
	}
	w.Instance = servertest.Start(t, o)
	return w
}

func (w *wakeful) pass(d time.Duration) { w.now.Add(int64(d / time.Second)) }

// wakes returns the endpoint that a token wakes, which it answers with err.
func (w *wakeful) wakes(c *servertest.Client, token protocol.WakeToken, err error) string {
	c.Must(protocol.OpWake, &protocol.Wake{Token: token}, &protocol.Empty{})
	one := <-w.pushes
	one.answer <- err
	return one.endpoint
}

// result waits until a push is counted with a result.
func (w *wakeful) result(t *testing.T, want string, n float64) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.After(10 * time.Second); ; {
		families, err := w.Metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() != "securecrypt_pushes_total" {
				continue
			}
			for _, m := range f.GetMetric() {
				if m.GetLabel()[0].GetValue() == want && m.GetCounter().GetValue() == n {
					return
				}
			}
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("no push was counted as %s", want)
		}
	}
}

func (w *wakeful) row(token protocol.WakeToken) (row server.WakeRow, err error) {
	err = w.Store.View(context.Background(), func(tx server.ReadTx) error {
		row, err = tx.Wakes().Wake(sha256.Sum256(token[:]))
		return err
	})
	return row, err
}

func register(token protocol.WakeToken, endpoint string) *protocol.WakeRegister {
	return &protocol.WakeRegister{Token: token, Endpoint: endpoint}
}

func TestWaking(t *testing.T) {
	w := newWakeful(t, servertest.Options{})
	bob, alice := servertest.Dial(t, w.Instance), servertest.Dial(t, w.Instance)
	var key protocol.WakeKey
	bob.Must(protocol.OpWakeKey, &protocol.Empty{}, &key)
	if key.Key != (protocol.PushKey{4, 1}) {
		t.Errorf("key %x", key.Key)
	}
	token := protocol.WakeToken{1}
	bob.Must(protocol.OpWakeRegister, register(token, "https://push.example/1"), &protocol.Empty{})
	if got := w.wakes(alice, token, nil); got != "https://push.example/1" {
		t.Errorf("woke %s", got)
	}
	w.result(t, "ok", 1)
	bob.Must(protocol.OpWakeRegister, register(token, "https://push.example/2"), &protocol.Empty{})
	if got := w.wakes(alice, token, server.ErrPushRefused); got != "https://push.example/2" {
		t.Errorf("woke %s", got)
	}
	w.result(t, "refused", 1)
	w.wakes(alice, token, errors.New("down"))
	w.result(t, "failed", 1)

	bob.Must(protocol.OpWakeForget, &protocol.WakeForget{Token: token}, &protocol.Empty{})
	bob.Must(protocol.OpWakeForget, &protocol.WakeForget{Token: token}, &protocol.Empty{})
	alice.Must(protocol.OpWake, &protocol.Wake{Token: token}, &protocol.Empty{})
	// Were anything pushed for it, it would come before what follows.
	other := protocol.WakeToken{2}
	bob.Must(protocol.OpWakeRegister, register(other, "https://push.example/3"), &protocol.Empty{})
	if got := w.wakes(alice, other, server.ErrPushGone); got != "https://push.example/3" {
		t.Errorf("woke %s", got)
	}
	w.result(t, "gone", 1)
	if _, err := w.row(other); !errors.Is(err, server.ErrNotFound) {
		t.Errorf("a device that is gone: %v", err)
	}
	if strings.Contains(w.Logs.String(), "push.example") {
		t.Error("the log names a push service")
	}
}

// What is stored tells the day of a registration, and goes thirty days after
// it.
func TestRegistrationsExpire(t *testing.T) {
	w := newWakeful(t, servertest.Options{})
	bob := servertest.Dial(t, w.Instance)
	token := protocol.WakeToken{1}
	expires := int64(0)
	for range 2 {
		bob.Must(protocol.OpWakeRegister, register(token, "https://push.example/1"), &protocol.Empty{})
		row, err := w.row(token)
		if err != nil || row.Expires%(24*3600) != 0 || expires != 0 && row.Expires != expires {
			t.Errorf("%+v, %v", row, err)
		}
		expires = row.Expires
		w.pass(time.Hour)
	}
	if left := expires - w.now.Load(); left < 30*24*3600 || left > 31*24*3600 {
		t.Errorf("%d seconds are left", left)
	}
	w.pass(29 * 24 * time.Hour)
	w.wakes(bob, token, nil)
	w.pass(2 * 24 * time.Hour)
	bob.Must(protocol.OpWake, &protocol.Wake{Token: token}, &protocol.Empty{})
	if err := w.Server.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.row(token); !errors.Is(err, server.ErrNotFound) {
		t.Errorf("after a month: %v", err)
	}
	w.Stop(t)
	select {
	case one := <-w.pushes:
		t.Errorf("woke %s, after its time", one.endpoint)
	default:
	}
}

// One token wakes twice a minute at most, whoever shows it; and who shows many
// is slowed down.
func TestWakingIsLimited(t *testing.T) {
	w := newWakeful(t, servertest.Options{Limits: func(l *fairness.Limits) {
		l.TargetWake = fairness.DefaultTargetWakeRate
		l.Wake = fairness.Rate{Burst: 20, PerSecond: 1}
		l.WakeRegister = fairness.Rate{Burst: 2, PerSecond: 1}
		l.MaxPushes = 1
	}})
	bob := servertest.Dial(t, w.Instance)
	one, two := protocol.WakeToken{1}, protocol.WakeToken{2}
	bob.Must(protocol.OpWakeRegister, register(one, "https://push.example/1"), &protocol.Empty{})
	bob.Must(protocol.OpWakeRegister, register(two, "https://push.example/2"), &protocol.Empty{})
	bob.Refused(protocol.CodeRateLimited, protocol.OpWakeRegister, register(two, "https://push.example/2"))
	bob.Refused(protocol.CodeRateLimited, protocol.OpWakeForget, &protocol.WakeForget{Token: two})
	for range 5 {
		servertest.Dial(t, w.Instance).Must(protocol.OpWake, &protocol.Wake{Token: one}, &protocol.Empty{})
	}
	bob.Must(protocol.OpWake, &protocol.Wake{Token: two}, &protocol.Empty{}) // one at a time
	w.result(t, "dropped", 1)
	(<-w.pushes).answer <- nil
	w.result(t, "ok", 1)
	w.pass(29 * time.Second)
	bob.Must(protocol.OpWake, &protocol.Wake{Token: one}, &protocol.Empty{})
	w.pass(time.Second)
	w.wakes(bob, one, nil)
	w.result(t, "ok", 2)
	for range 50 {
		if err := bob.Do(protocol.OpWake, &protocol.Wake{Token: protocol.WakeToken{3}}, &protocol.Empty{}); err != nil {
			if !errors.Is(err, &protocol.Error{Code: protocol.CodeRateLimited}) {
				t.Errorf("got %v", err)
			}
			return
		}
	}
	t.Error("nobody is slowed down")
}

// Only push services that the operator named are taken.
func TestRegistrationIsRefused(t *testing.T) {
	w := newWakeful(t, servertest.Options{})
	servertest.Dial(t, w.Instance).Refused(protocol.CodeInvalid, protocol.OpWakeRegister, register(protocol.WakeToken{1}, "https://elsewhere.example/1"))
	off := servertest.Dial(t, servertest.Start(t, servertest.Options{Memory: true}))
	off.Refused(protocol.CodeUnsupported, protocol.OpWakeKey, &protocol.Empty{})
	off.Refused(protocol.CodeUnsupported, protocol.OpWakeRegister, register(protocol.WakeToken{1}, "https://push.example/1"))
	off.Must(protocol.OpWake, &protocol.Wake{Token: protocol.WakeToken{1}}, &protocol.Empty{})
	off.Must(protocol.OpWakeForget, &protocol.WakeForget{Token: protocol.WakeToken{1}}, &protocol.Empty{})
}

// A push under way ends with the server.
func TestPushesEndWithTheServer(t *testing.T) {
	w := newWakeful(t, servertest.Options{})
	bob := servertest.Dial(t, w.Instance)
	token := protocol.WakeToken{1}
	bob.Must(protocol.OpWakeRegister, register(token, "https://push.example/1"), &protocol.Empty{})
	bob.Must(protocol.OpWake, &protocol.Wake{Token: token}, &protocol.Empty{})
	<-w.pushes
	w.Stop(t)
}

// failingStore stores nothing while it fails.
type failingStore struct {
	server.Store
	fails atomic.Bool
}

func (f *failingStore) Update(ctx context.Context, fn func(server.WriteTx) error) error {
	if f.fails.Load() {
		return server.ErrFull
	}
	return f.Store.Update(ctx, fn)
}

// TestFailedRegistrationsTakeNoRoom registers while nothing can be stored, more
// than an address may have stored.
func TestFailedRegistrationsTakeNoRoom(t *testing.T) {
	store := new(failingStore)
	w := newWakeful(t, servertest.Options{
		Store:  func(s server.Store) server.Store { store.Store = s; return store },
		Limits: func(l *fairness.Limits) { l.MaxRowBytes, l.KeptPart = 1000, fairness.DefaultKeptPart },
	})
	c := servertest.Dial(t, w.Instance)
	register := &protocol.WakeRegister{Token: protocol.WakeToken{1}, Endpoint: "https://push.example/" + strings.Repeat("x", 79)}
	store.fails.Store(true)
	for range 20 {
		c.Refused(protocol.CodeUnavailable, protocol.OpWakeRegister, register)
	}
	store.fails.Store(false)
	c.Must(protocol.OpWakeRegister, register, &protocol.Empty{})
}
