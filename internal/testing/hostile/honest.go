// SPDX-License-Identifier: AGPL-3.0-or-later

package hostile

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// HonestAddress is where honest people are.
const HonestAddress = "127.0.0.2"

// patience is how long an honest request waits before it counts as failed.
const patience = 20 * time.Second

// Honest are people who use a server while it is attacked: a pair that talks,
// somebody who is looked up and sends files, and new contacts, each at an
// address of their own, who write one letter.
type Honest struct {
	d      *Daemon
	victim servertest.Person
	box    *servertest.Client // of the victim
	web    *http.Client

	mu       sync.Mutex
	times    map[string][]time.Duration
	failures []string

	delivered atomic.Int64
	contacts  atomic.Int64 // who wrote a letter
}

// NewHonest registers the people.
func NewHonest(d *Daemon) (*Honest, error) {
	h := &Honest{d: d, times: map[string][]time.Duration{}, web: httpFrom(HonestAddress)}
	var err error
	if h.victim, h.box, err = register(d, HonestAddress, "victim"); err != nil {
		return nil, err
	}
	publish := &protocol.KeyPackagesPublish{LastResort: []byte("last")}
	if err := h.box.Do(protocol.OpKeyPackagesPublish, publish, &protocol.KeyPackagesStatus{}); err != nil {
		return nil, err
	}
	return h, nil
}

// register makes an account and an identified connection.
func register(d *Daemon, from, name string) (p servertest.Person, c *servertest.Client, err error) {
	if p, err = servertest.MakePerson(d.Host, name); err != nil {
		return p, nil, err
	}
	if c, err = servertest.ConnectFrom(d.URL, from); err != nil {
		return p, nil, err
	}
	if err = c.Do(protocol.OpRegister, p.Registration(), &protocol.Empty{}); err != nil {
		return p, nil, err
	}
	return p, c, c.Do(protocol.OpAuthenticate, p.Authentication(c), &protocol.Empty{})
}

// Use does honest things, each again and again, until ctx ends.
func (h *Honest) Use(ctx context.Context) error {
	pair, err := newPair(h.d)
	if err != nil {
		return err
	}
	asking, err := servertest.ConnectFrom(h.d.URL, HonestAddress)
	if err != nil {
		return err
	}
	var wait sync.WaitGroup
	for kind, op := range map[string]struct {
		every time.Duration
		do    func() error
	}{
		"talk":    {20 * time.Millisecond, pair.talk},
		"look up": {50 * time.Millisecond, func() error { return h.lookUp(asking) }},
		"connect": {200 * time.Millisecond, h.connect},
		"file":    {time.Second, h.file},
		"health":  {100 * time.Millisecond, h.health},
		"letter":  {4 * time.Second, h.letter},
	} {
		wait.Go(func() { h.repeat(ctx, kind, op.every, op.do) })
	}
	wait.Wait()
	return errors.Join(pair.close(), asking.Conn.Close())
}

// repeat does one thing again and again. What consists of several requests
// times each of them itself.
func (h *Honest) repeat(ctx context.Context, kind string, every time.Duration, do func() error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if kind == "file" {
			_ = do() // its requests are noted
		} else if h.note(kind, do) == nil && kind == "talk" {
			h.delivered.Add(1)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// note times a request and keeps what came of it.
func (h *Honest) note(kind string, do func() error) error {
	began := time.Now()
	err := do()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.times[kind] = append(h.times[kind], time.Since(began)); err != nil {
		h.failures = append(h.failures, fmt.Sprintf("%s: %v", kind, err))
	}
	return err
}

// Delivered returns how many messages arrived.
func (h *Honest) Delivered() int64 { return h.delivered.Load() }

// Report says how the people fared: for each kind of request how many there
// were, their median and the longest; the time that 99 of 100 of all requests
// stayed below; and what failed.
func (h *Honest) Report() (lines []string, p99 time.Duration, failures []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []time.Duration
	for _, kind := range slices.Sorted(maps.Keys(h.times)) {
		some := slices.Sorted(slices.Values(h.times[kind]))
		all = append(all, some...)
		lines = append(lines, fmt.Sprintf("%s: %d, median %s, longest %s", kind, len(some), round(some[len(some)/2]), round(some[len(some)-1])))
	}
	slices.Sort(all)
	return lines, all[len(all)*99/100], h.failures
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

func (h *Honest) lookUp(c *servertest.Client) error {
	var out protocol.Accounts
	err := c.Do(protocol.OpAccountGet, &protocol.AccountGet{Names: []string{h.victim.Name}}, &out)
	if err == nil && len(out.Accounts) != 1 {
		err = errors.New("the account is not there")
	}
	return err
}

func (h *Honest) connect() error {
	c, err := servertest.ConnectFrom(h.d.URL, HonestAddress)
	if err != nil {
		return err
	}
	return c.Conn.Close()
}

func (h *Honest) health() error {
	resp, err := h.web.Get(h.d.URL + "/health")
	if err != nil {
		return err
	}
	return expect(resp, http.StatusOK)
}

func (h *Honest) file() error {
	token, content := randomToken(), []byte("ten bytes!")
	path := h.d.URL + protocol.BlobPath + "/" + token.BlobID().String()
	if err := h.note("announce", func() error { return announce(h.web, h.d, token, len(content)) }); err != nil {
		return err
	}
	err := h.note("upload", func() error {
		req, err := http.NewRequest(http.MethodPatch, path, bytes.NewReader(content))
		if err != nil {
			return err
		}
		authorize(req, token)
		req.Header.Set(protocol.HeaderUploadOffset, "0")
		req.Header.Set("Content-Type", protocol.UploadType)
		resp, err := h.web.Do(req)
		if err != nil {
			return err
		}
		return expect(resp, protocol.BlobAppended)
	})
	if err != nil {
		return err
	}
	return h.note("download", func() error {
		resp, err := h.web.Get(path)
		if err != nil {
			return err
		}
		return expect(resp, protocol.BlobWhole)
	})
}

// letter has a new contact write to the victim.
func (h *Honest) letter() error {
	n := h.contacts.Add(1)
	c, err := servertest.ConnectFrom(h.d.URL, fmt.Sprintf("127.0.%d.%d", 2+n/250%250, 1+n%250))
	if err != nil {
		return err
	}
	defer func() { _ = c.Conn.Close() }() // only written to
	letter := &protocol.LetterSend{Name: h.victim.Name, Device: h.victim.Device, Letter: make([]byte, 2000)}
	_, _ = rand.Read(letter.ID[:])
	return c.Do(protocol.OpLetterSend, letter, &protocol.Empty{})
}

func httpFrom(address string) *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: servertest.Dialer(address).DialContext, MaxIdleConnsPerHost: 4}}
}

func expect(resp *http.Response, status int) error {
	_, err := io.Copy(io.Discard, resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err == nil && resp.StatusCode != status {
		err = errors.New(resp.Status)
	}
	return err
}

func randomToken() (t protocol.UploadToken) {
	_, _ = rand.Read(t[:]) // never fails
	return t
}

func authorize(r *http.Request, token protocol.UploadToken) {
	r.Header.Set("Authorization", "Bearer "+token.Text())
}

func announce(web *http.Client, d *Daemon, token protocol.UploadToken, length int) error {
	req, err := http.NewRequest(http.MethodPost, d.URL+protocol.BlobPath, nil)
	if err != nil {
		return err
	}
	authorize(req, token)
	req.Header.Set(protocol.HeaderUploadLength, fmt.Sprint(length))
	resp, err := web.Do(req)
	if err != nil {
		return err
	}
	return expect(resp, protocol.BlobCreated)
}

// pair are two who talk: what one posts, the other receives.
type pair struct {
	channel protocol.ChannelID
	a, b    *servertest.Client
	n       int
}

func newPair(d *Daemon) (*pair, error) {
	p := new(pair)
	_, _ = rand.Read(p.channel[:])
	var err error
	if p.a, err = openChannel(d, HonestAddress, p.channel, true); err != nil {
		return nil, err
	}
	p.b, err = openChannel(d, HonestAddress, p.channel, false)
	return p, err
}

// openChannel returns a connection that has a channel open, and has created it.
func openChannel(d *Daemon, from string, channel protocol.ChannelID, create bool) (*servertest.Client, error) {
	c, err := servertest.ConnectFrom(d.URL, from)
	if err != nil {
		return nil, err
	}
	if create {
		err = c.Do(protocol.OpChannelCreate, &protocol.ChannelCreate{Channel: channel, Key: servertest.Public(channel, 0)}, &protocol.Empty{})
	}
	if err == nil {
		err = c.Do(protocol.OpChannelOpen, c.OpenBody(channel, 0, 0), &protocol.ChannelState{})
	}
	if err != nil {
		return nil, errors.Join(err, c.Conn.Close())
	}
	return c, nil
}

func (p *pair) talk() error {
	p.n++
	text := strings.Repeat(fmt.Sprintf("%08d", p.n), 64)
	if err := p.a.Do(protocol.OpChannelPost, &protocol.ChannelPost{Channel: p.channel, Ciphertext: []byte(text)}, &protocol.Posted{}); err != nil {
		return err
	}
	p.a.Forget()
	for {
		_, event, err := p.b.Event()
		if err != nil {
			return err
		}
		if e, ok := event.(*protocol.Entry); ok && string(e.Ciphertext) == text {
			return nil
		}
	}
}

func (p *pair) close() error { return errors.Join(p.a.Conn.Close(), p.b.Conn.Close()) }
