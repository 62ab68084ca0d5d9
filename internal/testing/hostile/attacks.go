// SPDX-License-Identifier: AGPL-3.0-or-later

package hostile

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// A Siege is an attack on a server from some addresses.
type Siege struct {
	Daemon      *Daemon
	Victim      servertest.Person // whom letters are sent to
	Addresses   []string
	Connections int // in all
}

// An Attack goes on until ctx ends. What it is refused does not matter to it.
type Attack struct {
	Name string
	Run  func(ctx context.Context, s *Siege)
}

// Attacks returns all attacks.
func Attacks() []Attack {
	return []Attack{
		{"unfinished frames", each(unfinishedFrame)},
		{"uploads that are only announced", each(announcements)},
		{"uploads and downloads that hardly move", slowTransfers},
		{"disclosures at once", discloseAll},
		{"entries and channels without end", each(fill)},
		{"letters to one person", each(letters)},
		{"requests whose bodies never come", each(heldRequest)},
		{"answers that nobody reads", each(unreadAnswers)},
		{"lookups without pause", each(lookups)},
		{"connections that come and go", each(churn)},
	}
}

// each runs an attack on each of the connections, again when it is cut off.
func each(one func(ctx context.Context, s *Siege, from string)) func(context.Context, *Siege) {
	return func(ctx context.Context, s *Siege) {
		var wait sync.WaitGroup
		for n := range s.Connections {
			from := s.Addresses[n%len(s.Addresses)]
			wait.Go(func() {
				for ctx.Err() == nil {
					one(ctx, s, from)
					pause(ctx, time.Second)
				}
			})
		}
		wait.Wait()
	}
}

// pause waits; it reports false when ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// connect returns a connection in the protocol that is closed when ctx ends.
func connect(ctx context.Context, s *Siege, from string) *servertest.Client {
	c, err := servertest.ConnectFrom(s.Daemon.URL, from)
	if err != nil {
		return nil
	}
	context.AfterFunc(ctx, func() { _ = c.Conn.Close() })
	return c
}

// dial is connect for raw TCP.
func dial(ctx context.Context, s *Siege, from string) net.Conn {
	c, err := servertest.Dialer(from).DialContext(ctx, "tcp", strings.TrimPrefix(s.Daemon.URL, "http://"))
	if err != nil {
		return nil
	}
	context.AfterFunc(ctx, func() { _ = c.Close() })
	return c
}

// unfinishedFrame sends the greatest frame that there may be, but for its end,
// which it sends byte for byte.
func unfinishedFrame(ctx context.Context, s *Siege, from string) {
	c := connect(ctx, s, from)
	if c == nil {
		return
	}
	defer func() { _ = c.Conn.Close() }()
	const length, missing = protocol.MaxMessage, 1000
	if ws.WriteHeader(c.Conn, ws.Header{Fin: true, OpCode: ws.OpBinary, Masked: true, Length: length}) != nil {
		return
	}
	if _, err := c.Conn.Write(make([]byte, length-missing)); err != nil {
		return
	}
	for pause(ctx, time.Second) {
		if _, err := c.Conn.Write([]byte{0}); err != nil {
			return
		}
	}
}

// announcements announces the greatest blobs and sends nothing of them.
func announcements(ctx context.Context, s *Siege, from string) {
	web := httpFrom(from)
	defer web.CloseIdleConnections()
	for ctx.Err() == nil {
		if announce(web, s.Daemon, randomToken(), protocol.MaxBlob) != nil && !pause(ctx, 100*time.Millisecond) {
			return
		}
	}
}

// slowTransfers uploads on three of four connections, a byte each few seconds,
// and downloads on the others, from a blob that it uploaded, as slowly.
func slowTransfers(ctx context.Context, s *Siege) {
	stored := randomToken()
	web := httpFrom(s.Addresses[0])
	if announce(web, s.Daemon, stored, 32<<20) == nil {
		if req, err := http.NewRequestWithContext(ctx, http.MethodPatch, s.Daemon.URL+protocol.BlobPath+"/"+stored.BlobID().String(), strings.NewReader(strings.Repeat("x", 32<<20))); err == nil {
			authorize(req, stored)
			req.Header.Set(protocol.HeaderUploadOffset, "0")
			req.Header.Set("Content-Type", protocol.UploadType)
			if resp, err := web.Do(req); err == nil {
				_ = resp.Body.Close() // refused or not
			}
		}
	}
	var n int
	var mu sync.Mutex
	each(func(ctx context.Context, s *Siege, from string) {
		mu.Lock()
		n++
		download := n%4 == 0
		mu.Unlock()
		if download {
			slowDownload(ctx, s, from, stored)
		} else {
			slowUpload(ctx, s, from)
		}
	})(ctx, s)
}

func slowUpload(ctx context.Context, s *Siege, from string) {
	token := randomToken()
	web := httpFrom(from)
	err := announce(web, s.Daemon, token, 1<<20)
	web.CloseIdleConnections()
	c := dial(ctx, s, from)
	if err != nil || c == nil {
		return
	}
	defer func() { _ = c.Close() }()
	_, err = fmt.Fprintf(c, "PATCH %s/%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nUpload-Offset: 0\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
		protocol.BlobPath, token.BlobID(), s.Daemon.Host, token.Text(), protocol.UploadType, 1<<20)
	for err == nil && pause(ctx, 2*time.Second) {
		_, err = c.Write([]byte{1})
	}
}

func slowDownload(ctx context.Context, s *Siege, from string, stored protocol.UploadToken) {
	c := dial(ctx, s, from)
	if c == nil {
		return
	}
	defer func() { _ = c.Close() }()
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4 << 10)
	}
	_, err := fmt.Fprintf(c, "GET %s/%s HTTP/1.1\r\nHost: %s\r\n\r\n", protocol.BlobPath, stored.BlobID(), s.Daemon.Host)
	for err == nil && pause(ctx, time.Second) {
		_, err = c.Read(make([]byte, 256))
	}
}

// discloseAll fills the mailbox of an own account and has all connections ask
// for everything that is stored about it.
func discloseAll(ctx context.Context, s *Siege) {
	var name [5]byte
	_, _ = rand.Read(name[:]) // never fails
	p, box, err := register(s.Daemon, s.Addresses[0], fmt.Sprintf("eve-%x", name))
	if err != nil {
		return
	}
	token := []byte("own token")
	if box.Do(protocol.OpMailboxToken, &protocol.MailboxToken{Hash: sha256.Sum256(token)}, &protocol.Empty{}) != nil {
		return
	}
	c := connect(ctx, s, s.Addresses[0])
	for n := 0; c != nil && n < 256; n++ {
		letter := &protocol.LetterSend{Name: p.Name, Device: p.Device, Letter: make([]byte, protocol.MaxLetter), ID: [16]byte{byte(n), byte(n >> 8)}, Token: token}
		if c.Do(protocol.OpLetterSend, letter, &protocol.Empty{}) != nil {
			break
		}
	}
	each(func(ctx context.Context, s *Siege, from string) {
		c := connect(ctx, s, from)
		if c == nil {
			return
		}
		defer func() { _ = c.Conn.Close() }()
		if c.Do(protocol.OpAuthenticate, p.Authentication(c), &protocol.Empty{}) != nil {
			return
		}
		for ctx.Err() == nil {
			if c.Do(protocol.OpAccountDisclose, &protocol.AccountDisclose{}, &protocol.Disclosure{}) != nil && !pause(ctx, 100*time.Millisecond) {
				return
			}
		}
	})(ctx, s)
	_ = box.Conn.Close()
}

// fill posts the greatest entries to a new channel without waiting.
func fill(ctx context.Context, s *Siege, from string) {
	var channel protocol.ChannelID
	_, _ = rand.Read(channel[:]) // never fails
	c, err := openChannel(s.Daemon, from, channel, true)
	if err != nil {
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Conn.Close() })
	defer stop()
	defer func() { _ = c.Conn.Close() }()
	go func() { _, _ = io.Copy(io.Discard, c.Conn) }() // ends with the connection
	for ctx.Err() == nil {
		if _, err := c.Send(protocol.OpChannelPost, &protocol.ChannelPost{Channel: channel, Ciphertext: make([]byte, 200<<10)}); err != nil {
			return
		}
	}
}

// letters writes to the victim: as often as is taken, of one byte and of the
// greatest size.
func letters(ctx context.Context, s *Siege, from string) {
	c := connect(ctx, s, from)
	if c == nil {
		return
	}
	defer func() { _ = c.Conn.Close() }()
	for n := 0; ctx.Err() == nil; n++ {
		letter := &protocol.LetterSend{Name: s.Victim.Name, Device: s.Victim.Device, Letter: []byte{1}}
		if n%2 == 1 {
			letter.Letter = make([]byte, protocol.MaxLetter)
		}
		_, _ = rand.Read(letter.ID[:])
		if c.Do(protocol.OpLetterSend, letter, &protocol.Empty{}) != nil && !pause(ctx, 250*time.Millisecond) {
			return
		}
	}
}

// heldRequest asks for what is small, with a body that never comes, or for much
// on one connection, and reads nothing.
func heldRequest(ctx context.Context, s *Siege, from string) {
	c := dial(ctx, s, from)
	if c == nil {
		return
	}
	defer func() { _ = c.Close() }()
	request := "GET /health HTTP/1.1\r\nHost: " + s.Daemon.Host + "\r\n"
	if _, err := io.WriteString(c, strings.Repeat(request+"\r\n", 100)+"POST / HTTP/1.1\r\nHost: "+s.Daemon.Host+"\r\nContent-Length: 1000\r\n\r\n"); err != nil {
		return
	}
	r := bufio.NewReader(c)
	for {
		if _, err := r.ReadByte(); err != nil {
			return // cut off
		}
	}
}

// unreadAnswers opens an own channel with much in it, and reads none of it.
func unreadAnswers(ctx context.Context, s *Siege, from string) {
	var channel protocol.ChannelID
	_, _ = rand.Read(channel[:]) // never fails
	writer, err := openChannel(s.Daemon, from, channel, true)
	if err != nil {
		return
	}
	defer func() { _ = writer.Conn.Close() }()
	reader, err := openChannel(s.Daemon, from, channel, false)
	if err != nil {
		return
	}
	defer func() { _ = reader.Conn.Close() }()
	for ctx.Err() == nil {
		if writer.Do(protocol.OpChannelPost, &protocol.ChannelPost{Channel: channel, Ciphertext: make([]byte, 100<<10)}, &protocol.Posted{}) != nil {
			return
		}
		writer.Forget()
		for range 100 { // requests whose answers nobody reads
			if _, err := reader.Send(protocol.OpAccountGet, &protocol.AccountGet{Names: []string{s.Victim.Name}}); err != nil {
				return
			}
		}
		pause(ctx, 100*time.Millisecond)
	}
}

func lookups(ctx context.Context, s *Siege, from string) {
	c := connect(ctx, s, from)
	if c == nil {
		return
	}
	defer func() { _ = c.Conn.Close() }()
	names := make([]string, protocol.MaxNames)
	for n := range names {
		names[n] = fmt.Sprintf("nobody-%d", n)
	}
	for ctx.Err() == nil {
		if c.Do(protocol.OpAccountGet, &protocol.AccountGet{Names: names}, &protocol.Accounts{}) != nil && !pause(ctx, 10*time.Millisecond) {
			return
		}
	}
}

// churn connects and goes at once.
func churn(ctx context.Context, s *Siege, from string) {
	for range 20 {
		c := connect(ctx, s, from)
		if c == nil {
			return
		}
		_ = c.Conn.Close()
	}
}
