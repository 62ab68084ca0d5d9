// SPDX-License-Identifier: AGPL-3.0-or-later

package connection

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
)

// readBuffer is what an idle connection keeps for reading. A message that is
// larger is read past it.
const readBuffer = 1 << 10

// shortMessage is the length up to which a message takes no share of the memory
// for requests, so that short requests are served whatever others hold. What
// all of them take is bounded by the number of connections.
const shortMessage = 4 << 10

// firstChunk is how much is allocated for a longer message whatever length it
// announces; more follows only as bytes arrive.
const firstChunk = 16 << 10

// readPiece is how much of a message must arrive in its time before more time
// is given.
const readPiece = 64 << 10

// slowestRate, in bytes a second, is what a large message must arrive at.
const slowestRate = 8 << 10

// writeChunk is how much may be under way to a slow connection before progress
// is asked for.
const writeChunk = 64 << 10

// Why a connection ends. Others are errors of the network.
var (
	ErrProtocol = errors.New("server: WebSocket protocol error")
	ErrTooLarge = errors.New("server: message too large")
	ErrClosed   = errors.New("server: connection closed by the client")
	ErrNoMemory = errors.New("server: the origin's share of the memory for requests is used up")
)

// A Socket reads and writes the messages of a WebSocket connection. One
// goroutine reads; any may write, a message at a time.
type Socket struct {
	conn    net.Conn
	r       *bufio.Reader
	shares  *fairness.Shares
	from    *fairness.Origin
	held    int64         // of the memory for requests, for the message being read or handled
	beyond  bool          // the origin's share, which one connection of an address may be
	message time.Duration // for a message to arrive
	write   time.Duration // without progress in sending
	now     func() time.Time

	writing sync.Mutex
}

// SocketConfig is what a [Socket] needs besides the network's connection.
type SocketConfig struct {
	Shares         *fairness.Shares
	From           *fairness.Origin
	MessageTimeout time.Duration // for a message to arrive
	WriteTimeout   time.Duration // without progress in sending
	Now            func() time.Time
}

// NewSocket returns a socket over a connection whose handshake is done. early is
// what the client sent together with the handshake.
func NewSocket(conn net.Conn, early []byte, c SocketConfig) *Socket {
	k := &Socket{conn: conn, shares: c.Shares, from: c.From, message: c.MessageTimeout, write: c.WriteTimeout, now: c.Now}
	var r io.Reader = conn
	if len(early) > 0 {
		r = io.MultiReader(newEarly(early), conn)
	}
	k.r = bufio.NewReaderSize(r, readBuffer)
	return k
}

// ReadMessage returns the next binary message. The bytes count against the
// origin's share until Free is called, and are valid until then.
func (k *Socket) ReadMessage(seen func()) (message []byte, err error) {
	var fragments []byte
	begun := false
	for {
		h, err := k.readHeader(begun)
		if err != nil {
			k.Free(fragments)
			return nil, err
		}
		seen()
		if h.OpCode.IsControl() {
			if err := k.control(h); err != nil {
				k.Free(fragments)
				return nil, err
			}
			continue
		}
		if begun != (h.OpCode == ws.OpContinuation) || h.OpCode == ws.OpText {
			k.Free(fragments)
			return nil, ErrProtocol
		}
		if h.Length > int64(protocol.MaxMessage-len(fragments)) {
			k.Free(fragments)
			return nil, ErrTooLarge
		}
		fragments, err = k.readPayload(fragments, h)
		if err != nil {
			k.Free(fragments)
			return nil, err
		}
		if h.Fin {
			return fragments, k.conn.SetReadDeadline(time.Time{})
		}
		begun = true
	}
}

// Free gives a message back.
func (k *Socket) Free(message []byte) {
	if k.held > 0 {
		k.shares.Give(k.from, fairness.RequestMemory, k.held)
		k.held = 0
	}
	if k.beyond {
		k.from.Repay()
		k.beyond = false
	}
	putBuffer(message)
}

// readHeader waits for a frame. Its first byte may take any time unless the
// message has begun; the rest must follow soon.
func (k *Socket) readHeader(begun bool) (ws.Header, error) {
	if !begun {
		if _, err := k.r.Peek(1); err != nil {
			return ws.Header{}, err
		}
		if err := k.conn.SetReadDeadline(k.now().Add(k.message)); err != nil {
			return ws.Header{}, err
		}
	}
	var scratch [16]byte
	h, err := ws.ReadHeaderBuffer(k.r, scratch[:])
	if err != nil {
		return h, err
	}
	switch {
	case !h.Masked, h.Rsv != 0, h.OpCode.IsReserved(), h.Length < 0,
		h.OpCode.IsControl() && (h.Length > ws.MaxControlFramePayloadSize || !h.Fin):
		return h, ErrProtocol
	}
	return h, nil
}

// readPayload appends a frame's payload. It takes memory as bytes arrive, and
// time as well.
func (k *Socket) readPayload(message []byte, h ws.Header) ([]byte, error) {
	left := int(h.Length)
	start := len(message)
	for {
		if left > 0 && len(message) == cap(message) || message == nil {
			bigger, err := k.grow(message, len(message)+left)
			if err != nil {
				return message, err
			}
			message = bigger
		}
		n := min(left, cap(message)-len(message), readPiece)
		if left > shortMessage {
			if err := k.conn.SetReadDeadline(k.now().Add(k.message + time.Duration(n)*time.Second/slowestRate)); err != nil {
				return message, err
			}
		}
		part := message[len(message) : len(message)+n]
		if _, err := io.ReadFull(k.r, part); err != nil {
			return message, err
		}
		message = message[:len(message)+n]
		if left -= n; left == 0 {
			ws.Cipher(message[start:], h.Mask, 0)
			return message, nil
		}
	}
}

// grow returns message with room for more, at most for want bytes in all.
func (k *Socket) grow(message []byte, want int) ([]byte, error) {
	size := max(firstChunk, 2*cap(message))
	switch {
	case want <= shortMessage:
		size = shortMessage
	case size > want && want > firstChunk:
		size = want
	}
	if more := int64(size) - k.held; size > shortMessage && more > 0 {
		if !k.waitMemory(more) {
			return nil, ErrNoMemory
		}
		k.held += more
	}
	bigger := append(getBuffer(size), message...)
	putBuffer(message)
	return bigger, nil
}

// waitMemory waits for memory that the message being read needs.
func (k *Socket) waitMemory(n int64) bool {
	giveUp := k.now().Add(k.message)
	for !k.shares.Take(k.from, fairness.RequestMemory, n) {
		if k.beyond && k.shares.Fits(fairness.RequestMemory, n) {
			k.shares.Force(k.from, fairness.RequestMemory, n)
			return true
		}
		if !k.beyond && k.shares.Overdraw(k.from, fairness.RequestMemory, n) {
			k.beyond = true
			return true
		}
		if !k.now().Before(giveUp) {
			return false
		}
		time.Sleep(fairness.RetryInterval)
	}
	return true
}

func (k *Socket) control(h ws.Header) error {
	var payload [ws.MaxControlFramePayloadSize]byte
	b := payload[:h.Length]
	if _, err := io.ReadFull(k.r, b); err != nil {
		return err
	}
	ws.Cipher(b, h.Mask, 0)
	switch h.OpCode {
	case ws.OpPing:
		return k.writeFrame(ws.OpPong, b)
	case ws.OpClose:
		return ErrClosed
	}
	return k.conn.SetReadDeadline(time.Time{})
}

// WriteMessage sends frames as one message. b has room for the header, of
// HeaderRoom bytes, before them.
func (k *Socket) WriteMessage(b []byte) error {
	h := ws.Header{Fin: true, OpCode: ws.OpBinary, Length: int64(len(b) - HeaderRoom)}
	start := HeaderRoom - ws.HeaderSize(h)
	var head frameHeader
	head.b = b[start:start]
	if err := ws.WriteHeader(&head, h); err != nil {
		return err
	}
	return k.send(b[start:])
}

// HeaderRoom is the size of the largest header of an unmasked frame.
const HeaderRoom = 10

// frameHeader writes into the room before a message.
type frameHeader struct{ b []byte }

func (f *frameHeader) Write(p []byte) (int, error) {
	f.b = append(f.b, p...)
	return len(p), nil
}

func (k *Socket) writeFrame(op ws.OpCode, payload []byte) error {
	b, err := ws.CompileFrame(ws.NewFrame(op, true, payload))
	if err != nil {
		return err
	}
	return k.send(b)
}

func (k *Socket) send(b []byte) error {
	k.writing.Lock()
	defer k.writing.Unlock()
	for len(b) > 0 {
		if err := k.conn.SetWriteDeadline(k.now().Add(k.write)); err != nil {
			return err
		}
		n, err := k.conn.Write(b[:min(len(b), writeChunk)])
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// Ping asks the client for a sign of life.
func (k *Socket) Ping() error { return k.writeFrame(ws.OpPing, nil) }

// CloseWith tells the client why, if it can be told at once, and closes.
func (k *Socket) CloseWith(code ws.StatusCode) error {
	if k.writing.TryLock() {
		b, err := ws.CompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(code, "")))
		if err == nil && k.conn.SetWriteDeadline(k.now().Add(time.Second)) == nil {
			_, _ = k.conn.Write(b) // the connection ends either way
		}
		k.writing.Unlock()
	}
	return k.conn.Close()
}

// earlyData is what a client sent together with its handshake.
type earlyData struct{ b []byte }

func newEarly(b []byte) *earlyData { return &earlyData{append([]byte(nil), b...)} }

func (e *earlyData) Read(p []byte) (int, error) {
	if len(e.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, e.b)
	e.b = e.b[n:]
	return n, nil
}
