// SPDX-License-Identifier: AGPL-3.0-or-later

package bench

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"io"
	"net"
	"strings"

	"github.com/gobwas/ws"

	"github.com/securecrypt/securecrypt/protocol"
)

// conn is a client's connection.
type conn struct {
	net   net.Conn
	r     *bufio.Reader
	hello protocol.Hello
	buf   []byte
}

func dial(ctx context.Context, url string, buffer int) (*conn, error) {
	d := ws.Dialer{ReadBufferSize: 512, WriteBufferSize: 512}
	c, r, _, err := d.Dial(ctx, "ws"+strings.TrimPrefix(url, "http")+protocol.WebSocketPath)
	if err != nil {
		return nil, err
	}
	out := &conn{net: c, r: r}
	if r == nil {
		out.r = bufio.NewReaderSize(c, buffer)
	}
	msg, err := out.read()
	if err != nil {
		return nil, err
	}
	f, _, err := protocol.ParseFrame(msg)
	if err != nil {
		return nil, err
	}
	return out, protocol.DecodeBody(f.Body, &out.hello)
}

// read returns the next message, valid until the next call.
func (c *conn) read() ([]byte, error) {
	for {
		h, err := ws.ReadHeader(c.r)
		if err != nil {
			return nil, err
		}
		if int(h.Length) > cap(c.buf) {
			c.buf = make([]byte, h.Length)
		}
		b := c.buf[:h.Length]
		if _, err := io.ReadFull(c.r, b); err != nil {
			return nil, err
		}
		if h.OpCode == ws.OpBinary {
			return b, nil
		}
		if h.OpCode == ws.OpClose {
			return nil, io.EOF
		}
	}
}

// maskRoom is the size of the largest header of a masked frame.
const maskRoom = 14

// write sends a message that begins after maskRoom bytes of b. The mask is
// zero: what it would hide is random here.
func (c *conn) write(b []byte) error {
	n := len(b) - maskRoom
	var start int
	switch {
	case n < 126:
		start = maskRoom - 6
		b[start+1] = 0x80 | byte(n)
	case n < 1<<16:
		start = maskRoom - 8
		b[start+1] = 0x80 | 126
		b[start+2], b[start+3] = byte(n>>8), byte(n)
	default:
		start = 0
		b[1] = 0x80 | 127
		for i := range 8 {
			b[2+i] = byte(n >> (56 - 8*i))
		}
	}
	b[start] = 0x82
	clear(b[maskRoom-4 : maskRoom])
	_, err := c.net.Write(b[start:])
	return err
}

// do sends a request and waits for its answer, dropping events.
func (c *conn) do(id uint64, op protocol.Op, body, result protocol.Body) error {
	b, err := protocol.Append(make([]byte, maskRoom), protocol.KindRequest, id, uint16(op), body)
	if err != nil {
		return err
	}
	if err := c.write(b); err != nil {
		return err
	}
	for {
		msg, err := c.read()
		if err != nil {
			return err
		}
		for len(msg) > 0 {
			f, rest, err := protocol.ParseFrame(msg)
			switch {
			case err != nil:
				return err
			case f.ID == id && f.Kind == protocol.KindError:
				return protocol.ErrorFrom(f)
			case f.ID == id:
				return protocol.DecodeBody(f.Body, result)
			}
			msg = rest
		}
	}
}

// keyOf returns the access key of a channel's epoch 0.
func keyOf(channel protocol.ChannelID) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(channel[:])
}

func (c *conn) create(channel protocol.ChannelID) error {
	key := protocol.AccessKey(keyOf(channel).Public().(ed25519.PublicKey))
	return c.do(1, protocol.OpChannelCreate, &protocol.ChannelCreate{Channel: channel, Key: key}, &protocol.Empty{})
}

func (c *conn) open(channel protocol.ChannelID) error {
	challenge := protocol.OpenChallenge(c.hello.Host, c.hello.Nonce, channel, 0)
	sig := protocol.Signature(ed25519.Sign(keyOf(channel), challenge))
	return c.do(2, protocol.OpChannelOpen, &protocol.ChannelOpen{Channel: channel, Signature: sig}, &protocol.ChannelState{})
}
