// SPDX-License-Identifier: AGPL-3.0-or-later

package server_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// testClock is a clock that a test moves.
type testClock struct{ nanos atomic.Int64 }

func newClock() *testClock {
	c := new(testClock)
	c.nanos.Store(time.Now().UnixNano())
	return c
}

func (c *testClock) now() time.Time { return time.Unix(0, c.nanos.Load()) }

func (c *testClock) pass(d time.Duration) { c.nanos.Add(int64(d)) }

// unlifted gives a test's server the limits that operators have by default.
func unlifted(l *fairness.Limits) { *l = fairness.DefaultLimits() }

// TestContactsReachAFullMailbox has a stranger send as much as he can: another
// one is still taken, and contacts fill the other half of the mailbox.
func TestContactsReachAFullMailbox(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true, Limits: func(l *fairness.Limits) {
		unlifted(l)
		l.Letter, l.LetterBytes, l.Request = fairness.Unbounded, fairness.Unbounded, fairness.Unbounded
	}})
	bob, box := servertest.Register(t, i, "bob")
	token := []byte("for contacts alone")
	box.Must(protocol.OpMailboxToken, &protocol.MailboxToken{Hash: sha256.Sum256(token)}, &protocol.Empty{})
	n := 0
	send := func(from string, size, count int, token []byte) (taken int) {
		c := servertest.DialFrom(t, i, from)
		for range count {
			n++
			letter := &protocol.LetterSend{Name: "bob", Device: bob.Device, Letter: make([]byte, size), ID: [16]byte{byte(n), byte(n >> 8)}, Token: token}
			id, err := c.Send(protocol.OpLetterSend, letter)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Answer(id, &protocol.Empty{}); err == nil {
				taken++
			} else if errors.Is(err, &protocol.Error{Code: protocol.CodeRateLimited}) {
				break
			}
		}
		return taken
	}
	for _, size := range []int{1, protocol.MaxLetter} {
		most := send("127.0.0.3", size, 400, nil)
		t.Logf("one stranger: %d letters of %d bytes", most, size)
		if most == 0 && size == 1 || most > 100 {
			t.Errorf("a stranger sends %d letters of %d bytes", most, size)
		}
	}
	if got := send("127.0.0.4", 2000, 10, nil); got != 10 {
		t.Errorf("of another stranger %d of 10 letters are taken", got)
	}
	if got := send("127.0.0.3", 2000, 1, []byte("guessed")); got != 0 {
		t.Error("a wrong token is as good as the right one")
	}
	if got := send("127.0.0.3", 4000, 1500, token); got != 1500 {
		t.Errorf("of a contact %d of 1500 letters are taken", got)
	}
	if got := send("127.0.0.4", 2000, 1, nil); got != 0 {
		t.Error("strangers fill what is for contacts")
	}
	box.Must(protocol.OpMailboxToken, &protocol.MailboxToken{}, &protocol.Empty{})
	if got := send("127.0.0.3", 4000, 1, token); got != 0 {
		t.Error("a token holds that was taken back")
	}
	box.Must(protocol.OpMailboxDelete, &protocol.MailboxDelete{UpTo: 1 << 40}, &protocol.Empty{})
	if got := send("127.0.0.4", 2000, 1, nil); got != 1 {
		t.Error("a mailbox that was emptied takes no stranger's letter")
	}
}

func TestAnnouncedUploadsTakeNoRoom(t *testing.T) {
	clock := newClock()
	i := servertest.Start(t, servertest.Options{Limits: unlifted, Change: func(c *server.Config) { c.Now = clock.now }})
	create := func(token protocol.UploadToken, length int) int {
		resp, _ := i.Ask(t, "POST", protocol.BlobPath, nil, "Authorization", "Bearer "+token.Text(), protocol.HeaderUploadLength, strconv.Itoa(length))
		return resp.StatusCode
	}
	for n := range 60 { // 126 GiB, of 64 that there are
		if status := create(protocol.UploadToken{1, byte(n)}, protocol.MaxBlob); status != http.StatusCreated {
			t.Fatalf("announcement %d: %d", n, status)
		}
	}
	if status := create(protocol.UploadToken{2}, 1); status != http.StatusCreated {
		t.Errorf("one byte more: %d", status)
	}
	path := protocol.BlobPath + "/" + protocol.UploadToken{1, 7}.BlobID().String()
	if resp, _ := i.Ask(t, "HEAD", path, nil); resp.StatusCode != http.StatusOK {
		t.Errorf("before: %s", resp.Status)
	}
	clock.pass(6 * time.Minute)
	if err := i.Server.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if resp, _ := i.Ask(t, "HEAD", path, nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("after six minutes without a byte: %s", resp.Status)
	}
}

// TestOneAddressCannotFillTheDisk uploads until it is refused; another address
// finds room.
func TestOneAddressCannotFillTheDisk(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true, Limits: func(l *fairness.Limits) {
		unlifted(l)
		l.MaxBlobBytes, l.Announce = 3<<20, fairness.Unbounded
	}})
	upload := func(from string, n int) int {
		token := protocol.UploadToken{3, byte(n)}
		web := &http.Client{Transport: &http.Transport{DialContext: servertest.Dialer(from).DialContext}}
		defer web.CloseIdleConnections()
		do := func(method, path string, body io.Reader, header ...string) int {
			req, err := http.NewRequestWithContext(t.Context(), method, i.URL+path, body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+token.Text())
			for h := 0; h < len(header); h += 2 {
				req.Header.Set(header[h], header[h+1])
			}
			resp, err := web.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close() // its status is what counts
			return resp.StatusCode
		}
		if status := do("POST", protocol.BlobPath, nil, protocol.HeaderUploadLength, "100000"); status != http.StatusCreated {
			return status
		}
		return do("PATCH", protocol.BlobPath+"/"+token.BlobID().String(), bytes.NewReader(make([]byte, 100_000)), protocol.HeaderUploadOffset, "0", "Content-Type", protocol.UploadType)
	}
	taken := 0
	for taken < 30 && upload("127.0.0.3", taken) == http.StatusNoContent {
		taken++
	}
	t.Logf("one address fills %.1f MB of 3", float64(taken)/10)
	if taken < 8 || taken > 11 {
		t.Errorf("one address stored %d files of 100 kB, of 31 that there is room for", taken)
	}
	if status := upload("127.0.0.4", 100); status != http.StatusNoContent {
		t.Errorf("another address: %d", status)
	}
}

// TestSlowUploadsGiveUpTheirPlaces has one address take all the places that it
// gets, with uploads that hardly move. They end, and what came stays.
func TestSlowUploadsGiveUpTheirPlaces(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Limits: func(l *fairness.Limits) {
		unlifted(l)
		l.MaxTransfers, l.WriteTimeout = 90, 400*time.Millisecond
	}})
	slow := func(n int) (status int) {
		token := protocol.UploadToken{4, byte(n)}
		resp, _ := i.Ask(t, "POST", protocol.BlobPath, nil, "Authorization", "Bearer "+token.Text(), protocol.HeaderUploadLength, "1000000")
		servertest.WantStatus(t, resp, http.StatusCreated)
		c, err := net.Dial("tcp", strings.TrimPrefix(i.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() }) // the server closes it first
		_, err = fmt.Fprintf(c, "PATCH %s/%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nUpload-Offset: 0\r\nContent-Type: %s\r\nContent-Length: 1000000\r\n\r\nxyz",
			protocol.BlobPath, token.BlobID(), token.Text(), protocol.UploadType)
		if err != nil {
			t.Fatal(err)
		}
		return 0
	}
	for n := range 40 {
		slow(n)
	}
	held := func() float64 { return i.Metric(t, "securecrypt_shared_used{transfers}") }
	deadline := time.Now().Add(10 * time.Second)
	most := 0.0
	for {
		now := held()
		most = max(most, now)
		if now == 0 && most > 0 || time.Now().After(deadline) {
			break
		}
	}
	t.Logf("one address gets %.0f of 90 places, and keeps them for less than a second", most)
	if most == 0 || most > 10 || held() > 0 {
		t.Errorf("%.0f places at most, %.0f in the end", most, held())
	}
	kept := 0
	for n := range 40 {
		resp, _ := i.Ask(t, "HEAD", protocol.BlobPath+"/"+protocol.UploadToken{4, byte(n)}.BlobID().String(), nil)
		if resp.Header.Get(protocol.HeaderUploadOffset) == "3" {
			kept++
		}
	}
	if kept == 0 {
		t.Error("what came of slow uploads is lost")
	}
}

// TestHeldRequestsEnd sends what never ends and reads nothing: no request keeps
// its connection for long.
func TestHeldRequestsEnd(t *testing.T) {
	big := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 64<<20)) })
	i := servertest.Start(t, servertest.Options{Memory: true, Change: func(c *server.Config) { c.Page = big }, Limits: func(l *fairness.Limits) {
		l.HeaderTimeout, l.WriteTimeout = 300*time.Millisecond, 300*time.Millisecond
	}})
	for name, request := range map[string]string{
		"a body that never comes":       "GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
		"a body for the page":           "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
		"a body for an announcement":    "POST " + protocol.BlobPath + " HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
		"a page that nobody reads":      "GET /core.wasm HTTP/1.1\r\nHost: x\r\n\r\n",
		"many requests, nothing read":   strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 50),
		"a header that never ends":      "GET / HTTP/1.1\r\nHost: x\r\n",
		"a WebSocket that is not begun": "GET " + protocol.WebSocketPath + " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("tcp", strings.TrimPrefix(i.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			if _, err := io.WriteString(c, request); err != nil {
				t.Fatal(err)
			}
			// Writing shows that the server has closed; reading would help it to end.
			deadline := time.Now().Add(15 * time.Second)
			for err == nil && time.Now().Before(deadline) {
				time.Sleep(50 * time.Millisecond)
				_, err = c.Write([]byte(" "))
			}
			if err == nil {
				t.Error("the connection is still there after 15 s")
			}
		})
	}
}

// TestVisitorsOfASiteAreOneOrigin has pages of a web site connect from many
// addresses; other people still can.
func TestVisitorsOfASiteAreOneOrigin(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true, Limits: func(l *fairness.Limits) {
		unlifted(l)
		l.MaxConnections = 90
	}})
	connect := func(address, site string) error {
		dialer := ws.Dialer{NetDial: servertest.Dialer(address).DialContext}
		if site != "" {
			dialer.Header = ws.HandshakeHeaderHTTP{"Origin": {site}}
		}
		conn, _, _, err := dialer.Dial(t.Context(), "ws"+strings.TrimPrefix(i.URL, "http")+protocol.WebSocketPath)
		if err == nil {
			t.Cleanup(func() { _ = conn.Close() }) // the server stops before
		}
		return err
	}
	taken := 0
	for n := range 60 {
		if connect(fmt.Sprintf("127.0.1.%d", n+1), "https://evil.example") == nil {
			taken++
		}
	}
	t.Logf("pages of one site get %d of 90 connections", taken)
	if taken == 0 || taken > 31 {
		t.Errorf("pages of one site get %d of 90 connections", taken)
	}
	own := "http://" + i.Host
	for n := range 30 {
		for _, site := range []string{"", own, "http://localhost:9999"} {
			if err := connect(fmt.Sprintf("127.0.2.%d", n+1), site); err != nil && n == 0 {
				t.Errorf("a person with a page of %q: %v", site, err)
			}
		}
	}
}

// TestAGroupLooksItselfUp has a hundred people behind one address look up the
// ninety-nine others, and somebody there guess names.
func TestAGroupLooksItselfUp(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true, Limits: func(l *fairness.Limits) {
		unlifted(l)
		l.Register = fairness.Unbounded
	}})
	var names []string
	maker := servertest.Dial(t, i)
	for n := range 100 {
		name := fmt.Sprintf("member-%d", n)
		maker.Must(protocol.OpRegister, servertest.NewPerson(t, i.Host, name).Registration(), &protocol.Empty{})
		names = append(names, name)
	}
	began := time.Now()
	for range 100 {
		c := servertest.Dial(t, i)
		for _, some := range [][]string{names[:64], names[64:]} {
			c.Must(protocol.OpAccountGet, &protocol.AccountGet{Names: some}, &protocol.Accounts{})
		}
	}
	t.Logf("10,000 names of 100 people behind one address: %s", time.Since(began).Round(time.Millisecond))
	guesser, refused := servertest.Dial(t, i), 0
	for n := range 20 {
		guesses := make([]string, 64)
		for g := range guesses {
			guesses[g] = fmt.Sprintf("guess-%d-%d", n, g)
		}
		if guesser.Do(protocol.OpAccountGet, &protocol.AccountGet{Names: guesses}, &protocol.Accounts{}) != nil {
			refused++
		}
	}
	if refused < 10 {
		t.Errorf("%d of 20 requests for names that nobody has are refused", refused)
	}
}

func TestHealthTellsOfAFullDisk(t *testing.T) {
	free := uint64(0)
	i := servertest.Start(t, servertest.Options{Memory: true, Change: func(c *server.Config) { c.Room = func() (uint64, error) { return free, nil } }})
	get := func() (int, string) {
		resp, err := http.Get(i.URL + "/health")
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	if status, text := get(); status != http.StatusServiceUnavailable || !strings.Contains(text, "reserve") {
		t.Errorf("a full disk: %d %q", status, text)
	}
	i.Server.Tidy(t.Context())
	if !strings.Contains(i.Logs.String(), "reserve") {
		t.Errorf("the log does not tell of it: %q", i.Logs.String())
	}
	free = 1 << 30
	if status, text := get(); status != http.StatusOK {
		t.Errorf("with room: %d %q", status, text)
	}
}
