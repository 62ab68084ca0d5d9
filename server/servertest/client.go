// SPDX-License-Identifier: AGPL-3.0-or-later

package servertest

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/securecrypt/securecrypt/protocol"
)

// patience is how long a client waits for what must come.
const patience = 20 * time.Second

// Client is one connection in the raw protocol. It is for one goroutine.
type Client struct {
	tb    testing.TB
	Conn  net.Conn
	Hello protocol.Hello
	r     *bufio.Reader
	next  uint64
	left  []byte           // of the message being read
	kept  []protocol.Frame // read while waiting for something else
}

// Dial connects to a server and reads its hello.
func Dial(tb testing.TB, i *Instance) *Client {
	tb.Helper()
	c, err := Connect(i.URL)
	if err != nil {
		tb.Fatal(err)
	}
	c.tb = tb
	tb.Cleanup(func() { _ = c.Conn.Close() }) // closed by the test, perhaps
	return c
}

// DialFrom is Dial from another of this machine's loopback addresses.
func DialFrom(tb testing.TB, i *Instance, address string) *Client {
	tb.Helper()
	c, err := ConnectFrom(i.URL, address)
	if err != nil {
		tb.Fatal(err)
	}
	c.tb = tb
	tb.Cleanup(func() { _ = c.Conn.Close() }) // closed by the test, perhaps
	return c
}

// Connect is Dial for use outside a test's goroutine.
func Connect(url string) (*Client, error) { return ConnectFrom(url, "") }

// Dialer returns a dialer from an address of this machine; "" is any.
func Dialer(address string) *net.Dialer {
	d := &net.Dialer{Timeout: patience}
	if address != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(address)}
	}
	return d
}

// ConnectFrom is DialFrom for use outside a test's goroutine.
func ConnectFrom(url, address string) (*Client, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	dialer := ws.Dialer{NetDial: Dialer(address).DialContext}
	conn, r, _, err := dialer.Dial(ctx, "ws"+strings.TrimPrefix(url, "http")+protocol.WebSocketPath)
	if err != nil {
		return nil, err
	}
	c := &Client{Conn: conn, r: r}
	if r == nil {
		c.r = bufio.NewReaderSize(conn, 32<<10)
	}
	f, err := c.ReadFrame()
	if err == nil {
		err = protocol.DecodeBody(f.Body, &c.Hello)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

// ReadFrame returns the next frame.
func (c *Client) ReadFrame() (protocol.Frame, error) {
	for len(c.left) == 0 {
		if err := c.Conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return protocol.Frame{}, err
		}
		h, err := ws.ReadHeader(c.r)
		if err != nil {
			return protocol.Frame{}, err
		}
		b := make([]byte, h.Length)
		if _, err := io.ReadFull(c.r, b); err != nil {
			return protocol.Frame{}, err
		}
		switch h.OpCode {
		case ws.OpBinary:
			c.left = b
		case ws.OpPing:
			if err := ws.WriteFrame(c.Conn, ws.MaskFrame(ws.NewPongFrame(b))); err != nil {
				return protocol.Frame{}, err
			}
		case ws.OpClose:
			return protocol.Frame{}, io.EOF
		}
	}
	f, rest, err := protocol.ParseFrame(c.left)
	c.left = rest
	return f, err
}

// Send sends a request and returns its identifier.
func (c *Client) Send(op protocol.Op, body protocol.Body) (uint64, error) {
	c.next++
	b, err := protocol.Append(nil, protocol.KindRequest, c.next, uint16(op), body)
	if err != nil {
		return 0, err
	}
	return c.next, c.SendRaw(b)
}

// SendRaw sends bytes as one message.
func (c *Client) SendRaw(b []byte) error {
	return ws.WriteFrame(c.Conn, ws.MaskFrame(ws.NewBinaryFrame(b)))
}

// Answer waits for the answer to a request and decodes its result. Events that
// come first are kept for Event.
func (c *Client) Answer(id uint64, result protocol.Body) error {
	for {
		f, err := c.ReadFrame()
		if err != nil {
			return err
		}
		switch {
		case f.ID != id:
			c.kept = append(c.kept, f)
		case f.Kind == protocol.KindError:
			return protocol.ErrorFrom(f)
		default:
			return protocol.DecodeBody(f.Body, result)
		}
	}
}

// Do sends a request and waits for its result.
func (c *Client) Do(op protocol.Op, body, result protocol.Body) error {
	id, err := c.Send(op, body)
	if err != nil {
		return err
	}
	return c.Answer(id, result)
}

// Must is Do that must succeed.
func (c *Client) Must(op protocol.Op, body, result protocol.Body) {
	c.tb.Helper()
	if err := c.Do(op, body, result); err != nil {
		c.tb.Fatalf("%v: %v", op, err)
	}
}

// Refused is Do that must be refused with a code.
func (c *Client) Refused(code protocol.ErrorCode, op protocol.Op, body protocol.Body) {
	c.tb.Helper()
	result, err := protocol.NewResult(op)
	if err != nil {
		c.tb.Fatal(err)
	}
	if err := c.Do(op, body, result); !errors.Is(err, &protocol.Error{Code: code}) {
		c.tb.Fatalf("%v: %v, want %v", op, err, code)
	}
}

// Event returns the next event.
func (c *Client) Event() (protocol.EventType, protocol.Body, error) {
	var f protocol.Frame
	for {
		if len(c.kept) > 0 {
			f, c.kept = c.kept[0], c.kept[1:]
		} else {
			var err error
			if f, err = c.ReadFrame(); err != nil {
				return 0, nil, err
			}
		}
		if f.Kind == protocol.KindEvent {
			break
		}
	}
	t := protocol.EventType(f.Code)
	body, err := protocol.NewEvent(t)
	if err != nil {
		return 0, nil, err
	}
	return t, body, protocol.DecodeBody(f.Body, body)
}

// Next returns the next event, which must be a T.
func Next[T protocol.Body](c *Client) T {
	c.tb.Helper()
	_, body, err := c.Event()
	if err != nil {
		c.tb.Fatal(err)
	}
	event, ok := body.(T)
	if !ok {
		c.tb.Fatalf("event %T, want %T", body, event)
	}
	return event
}

// Quiet checks that nothing but the answer to a request comes: no event is
// waiting.
func (c *Client) Quiet() {
	c.tb.Helper()
	c.Must(protocol.OpAccountGet, &protocol.AccountGet{Names: []string{"nobody"}}, &protocol.Accounts{})
	if len(c.kept) > 0 {
		c.tb.Fatalf("%d frames that should not have come", len(c.kept))
	}
}

// Key returns the access key pair of an epoch of a test's channel.
func Key(channel protocol.ChannelID, epoch uint64) ed25519.PrivateKey {
	seed := channel
	for i := range 8 {
		seed[31-i] ^= byte(epoch >> (8 * i))
	}
	return ed25519.NewKeyFromSeed(seed[:])
}

// Public returns the public half of Key.
func Public(channel protocol.ChannelID, epoch uint64) protocol.AccessKey {
	return protocol.AccessKey(Key(channel, epoch).Public().(ed25519.PublicKey))
}

// OpenBody returns the request that opens a channel on this connection.
func (c *Client) OpenBody(channel protocol.ChannelID, epoch, after uint64) *protocol.ChannelOpen {
	challenge := protocol.OpenChallenge(c.Hello.Host, c.Hello.Nonce, channel, epoch)
	return &protocol.ChannelOpen{
		Channel: channel, Epoch: epoch, After: after,
		Signature: protocol.Signature(ed25519.Sign(Key(channel, epoch), challenge)),
	}
}

// Create creates a channel.
func (c *Client) Create(channel protocol.ChannelID) {
	c.tb.Helper()
	c.Must(protocol.OpChannelCreate, &protocol.ChannelCreate{Channel: channel, Key: Public(channel, 0)}, &protocol.Empty{})
}

// Open opens a channel.
func (c *Client) Open(channel protocol.ChannelID, epoch, after uint64) protocol.ChannelState {
	c.tb.Helper()
	var state protocol.ChannelState
	c.Must(protocol.OpChannelOpen, c.OpenBody(channel, epoch, after), &state)
	return state
}

// Post posts a message and returns its sequence number.
func (c *Client) Post(channel protocol.ChannelID, epoch uint64, text string) uint64 {
	c.tb.Helper()
	var posted protocol.Posted
	c.Must(protocol.OpChannelPost, &protocol.ChannelPost{Channel: channel, Epoch: epoch, Ciphertext: []byte(text)}, &posted)
	return posted.Seq
}

// Commit ends an epoch and returns the commit's sequence number.
func (c *Client) Commit(channel protocol.ChannelID, epoch uint64) uint64 {
	c.tb.Helper()
	var posted protocol.Posted
	c.Must(protocol.OpChannelCommit, &protocol.ChannelCommit{
		Channel: channel, Epoch: epoch, Ciphertext: fmt.Appendf(nil, "commit %d", epoch), NextKey: Public(channel, epoch+1),
	}, &posted)
	return posted.Seq
}

// Forget drops the events that have been read and not asked for.
func (c *Client) Forget() { c.kept = nil }
