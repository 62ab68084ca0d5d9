// SPDX-License-Identifier: AGPL-3.0-or-later

package server_test

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/internal/invites"
	"github.com/securecrypt/securecrypt/server/servertest"
)

const day = 24 * time.Hour

// clockOffs are how far a clock may be from the truth, as docs/clocks.md has them.
var clockOffs = []time.Duration{2 * time.Hour, -2 * time.Hour, 40 * day, -40 * day, 3650 * day, -3650 * day}

// machine has a clock that may be wrong.
type machine struct {
	mu      sync.Mutex
	elapsed time.Duration
	off     time.Duration
}

// machineStart is so far ahead that deadlines by this clock do not end before the
// tests do, whatever it is off: a real clock's are counted by its monotonic part.
var machineStart = time.Unix(2_500_000_000, 0)

func (m *machine) now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return machineStart.Add(m.elapsed + m.off)
}

func (m *machine) uptime() (string, time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return "boot", time.Hour + m.elapsed
}

func (m *machine) pass(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.elapsed += d
}

func (m *machine) set(off time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.off = off
}

// kept is a server with one of everything that expires.
type kept struct {
	*servertest.Instance
	m       *machine
	t       *testing.T
	bob     servertest.Person
	channel protocol.ChannelID
	token   protocol.UploadToken
	code    string
}

func keepAll(t *testing.T) *kept {
	t.Helper()
	k := &kept{t: t, m: new(machine), channel: protocol.ChannelID{1}, token: protocol.UploadToken{2}}
	k.Instance = servertest.Start(t, servertest.Options{Dir: t.TempDir(), Change: func(c *server.Config) {
		c.Now, c.Uptime, c.Pusher = k.m.now, k.m.uptime, pusher{make(chan push, 1)}
	}})
	k.bob, _ = servertest.Register(t, k.Instance, "bob")
	k.letter(1)
	c := servertest.Dial(t, k.Instance)
	c.Create(k.channel)
	c.Open(k.channel, 0, 0)
	c.Must(protocol.OpChannelPost, &protocol.ChannelPost{Channel: k.channel, Ciphertext: []byte("short"), ExpireIn: 3600}, &protocol.Posted{})
	c.Post(k.channel, 0, "long")
	c.Must(protocol.OpWakeRegister, &protocol.WakeRegister{Token: protocol.WakeToken{3}, Endpoint: "https://push.example/1"}, &protocol.Empty{})
	k.upload(k.token, 5, "whole")
	k.announce(protocol.UploadToken{9}, 5)
	codes, err := invites.Create(t.Context(), k.Store, rand.Reader, k.m.now(), 1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	k.code = codes[0]
	k.Server.Tidy(t.Context())
	return k
}

func (k *kept) letter(id byte) {
	k.t.Helper()
	servertest.Dial(k.t, k.Instance).Must(protocol.OpLetterSend, &protocol.LetterSend{Name: "bob", Device: k.bob.Device, Letter: []byte{id}, ID: [16]byte{id}}, &protocol.Empty{})
}

func (k *kept) announce(token protocol.UploadToken, length int) {
	k.t.Helper()
	resp, _ := k.Ask(k.t, http.MethodPost, protocol.BlobPath, nil, "Authorization", "Bearer "+token.Text(), protocol.HeaderUploadLength, strconv.Itoa(length))
	servertest.WantStatus(k.t, resp, http.StatusCreated)
}

func (k *kept) upload(token protocol.UploadToken, length int, text string) {
	k.t.Helper()
	k.announce(token, length)
	resp, _ := k.Ask(k.t, http.MethodPatch, protocol.BlobPath+"/"+token.BlobID().String(), strings.NewReader(text),
		"Authorization", "Bearer "+token.Text(), protocol.HeaderUploadOffset, "0", "Content-Type", protocol.UploadType)
	servertest.WantStatus(k.t, resp, http.StatusNoContent)
}

// there lists what people still get, in the order in which it was stored.
func (k *kept) there() string {
	k.t.Helper()
	var got []string
	add := func(what string, ok bool) {
		if ok {
			got = append(got, what)
		}
	}
	mailbox := servertest.Dial(k.t, k.Instance)
	mailbox.Must(protocol.OpAuthenticate, k.bob.Authentication(mailbox), &protocol.Empty{})
	mailbox.Must(protocol.OpMailboxOpen, &protocol.MailboxOpen{}, &protocol.Empty{})
	for {
		_, body, err := mailbox.Event()
		if err != nil {
			k.t.Fatal(err)
		}
		letter, ok := body.(*protocol.Letter)
		if !ok {
			break
		}
		add(fmt.Sprintf("letter %d", letter.Letter[0]), true)
	}
	reader := servertest.Dial(k.t, k.Instance)
	err := reader.Do(protocol.OpChannelOpen, reader.OpenBody(k.channel, 0, 0), &protocol.ChannelState{})
	for err == nil {
		_, body, eventErr := reader.Event()
		if eventErr != nil {
			k.t.Fatal(eventErr)
		}
		e, ok := body.(*protocol.Entry)
		if !ok {
			break
		}
		add(string(e.Ciphertext), true)
	}
	add("channel", err == nil)
	resp, body := k.Ask(k.t, http.MethodGet, protocol.BlobPath+"/"+k.token.BlobID().String(), nil)
	add("blob", resp.StatusCode == http.StatusOK && string(body) == "whole")
	resp, _ = k.Ask(k.t, http.MethodHead, protocol.BlobPath+"/"+protocol.UploadToken{9}.BlobID().String(), nil)
	add("upload", resp.StatusCode == http.StatusOK)
	err = k.Store.View(k.t.Context(), func(tx server.ReadTx) error {
		invites, err := tx.Invites().All()
		add("invitation", len(invites) == 1)
		token := protocol.WakeToken{3}
		_, missing := tx.Wakes().Wake(sha256.Sum256(token[:]))
		add("wake", missing == nil)
		_, missing = tx.Mailboxes().Seen(server.DeviceRef{Name: "bob", Device: k.bob.Device}, [16]byte{1})
		add("seen", missing == nil)
		return err
	})
	if err != nil {
		k.t.Fatal(err)
	}
	return strings.Join(got, ", ")
}

const everything = "letter 1, short, long, channel, blob, upload, invitation, wake, seen"

func (k *kept) want(what, want string) {
	k.t.Helper()
	if got := k.there(); got != want {
		k.t.Errorf("%s: there is %s; want %s", what, got, want)
	}
}

func (k *kept) doubted(want bool) {
	k.t.Helper()
	status, text, value := http.StatusOK, "ok", 0.0
	if want {
		status, text, value = http.StatusServiceUnavailable, "securecryptd clock confirm", 1
	}
	resp, body := k.Ask(k.t, http.MethodGet, "/health", nil)
	if resp.StatusCode != status || !strings.Contains(string(body), text) {
		k.t.Errorf("/health: %s, %s", resp.Status, body)
	}
	if got := k.Metric(k.t, "securecrypt_clock_doubted"); got != value {
		k.t.Errorf("the metric is %v", got)
	}
	if strings.Contains(k.Logs.String(), "securecryptd clock confirm") != want {
		k.t.Errorf("the log: %s", k.Logs)
	}
}

// Whatever the clock does for a minute, nothing is lost by it: what was stored
// before, and what is stored meanwhile.
func TestClockIsWrongForAMinute(t *testing.T) {
	for _, off := range clockOffs {
		t.Run(off.String(), func(t *testing.T) {
			k := keepAll(t)
			k.doubted(false)
			k.m.pass(time.Minute)
			k.m.set(off)
			k.want("before anybody looked at the clock", everything)
			k.Server.Tidy(t.Context())
			k.doubted(true)
			k.want("while the clock is wrong", everything)
			k.letter(2)
			if hello := servertest.Dial(t, k.Instance).Hello; hello.Time != uint64(max(0, k.m.now().Unix())) {
				t.Errorf("clients are told %d", hello.Time)
			}
			k.m.pass(time.Minute)
			k.m.set(0)
			k.Server.Tidy(t.Context())
			if !strings.Contains(k.Logs.String(), "the clock is right again") {
				t.Errorf("the log: %s", k.Logs)
			}
			with := strings.Replace(everything, "letter 1", "letter 1, letter 2", 1)
			k.want("when it is right again", with)
			k.m.pass(29 * day)
			k.Server.Tidy(t.Context())
			k.want("four weeks later", "letter 1, letter 2, long, channel, blob, wake")
			k.m.pass(3 * day)
			k.Server.Tidy(t.Context())
			if got := k.there(); strings.Contains(got, "letter 1") || strings.Contains(got, "long") || strings.Contains(got, "blob") || strings.Contains(got, "wake") {
				t.Errorf("after a month: there is %s", got)
			}
		})
	}
}

// A clock that stays where it jumped to is trusted when an operator says so.
func TestClockIsConfirmed(t *testing.T) {
	left := map[time.Duration]string{
		2 * time.Hour: "letter 1, long, channel, blob, wake, seen", 40 * day: "channel", 3650 * day: "channel", // which was opened meanwhile
	}
	for _, off := range clockOffs {
		t.Run(off.String(), func(t *testing.T) {
			k := keepAll(t)
			k.m.pass(time.Minute)
			k.m.set(off)
			for range 3 {
				k.Server.Tidy(t.Context())
				k.m.pass(time.Minute)
			}
			k.doubted(true)
			k.want("before it is confirmed", everything)
			k.Server.ConfirmClock(t.Context())
			k.Server.Tidy(t.Context())
			if k.Metric(t, "securecrypt_clock_doubted") != 0 || !k.Server.Clock().Trusted {
				t.Error("doubted still")
			}
			want, ok := left[off]
			if !ok { // behind: all has longer to go
				want = everything
			}
			k.want("once it is confirmed", want)
		})
	}
}

// A server that is started while the clock is wrong does not trust it either.
func TestClockIsWrongAtTheStart(t *testing.T) {
	for _, off := range clockOffs {
		t.Run(off.String(), func(t *testing.T) {
			k := keepAll(t)
			k.Stop(t)
			k.m.pass(time.Minute)
			k.m.set(off)
			dir, host := k.Dir, k.Host
			k.Instance = servertest.Start(t, servertest.Options{Dir: dir, Host: host, Change: func(c *server.Config) { c.Now, c.Uptime = k.m.now, k.m.uptime }})
			k.Server.Tidy(t.Context())
			k.doubted(true)
			k.want("after the start", everything)
			k.m.set(0)
			k.Server.Tidy(t.Context())
			k.want("when it is right", everything)
			if k.Metric(t, "securecrypt_clock_doubted") != 0 {
				t.Error("doubted still")
			}
		})
	}
}

// An invitation that is made while the clock is behind is valid when it is right.
func TestInvitationsAndAClockThatIsBehind(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true, Change: func(c *server.Config) { c.Registration = server.RegistrationInvite }})
	i.Server.Tidy(t.Context()) // the store knows the time
	codes, err := invites.Create(t.Context(), i.Store, rand.Reader, time.Unix(0, 0), 1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	r := servertest.NewPerson(t, i.Host, "bob").Registration()
	r.Invite = codes[0]
	servertest.Dial(t, i).Must(protocol.OpRegister, r, &protocol.Empty{})
}
