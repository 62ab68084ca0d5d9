// SPDX-License-Identifier: AGPL-3.0-or-later

package bench

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/gobwas/ws"

	"github.com/securecrypt/securecrypt/protocol"
	store "github.com/securecrypt/securecrypt/server/store/pebble"
)

// Bare is the bare relay. Each channel is stored and delivered by one
// goroutine, in batches.
type Bare struct {
	db *pebble.DB

	mu       sync.Mutex
	channels map[protocol.ChannelID]*bareChannel
}

// NewBare opens a bare relay in a folder.
func NewBare(dir string) (*Bare, error) {
	o := store.EngineOptions()
	o.Logger = quiet{}
	db, err := pebble.Open(dir, o)
	return &Bare{db: db, channels: map[protocol.ChannelID]*bareChannel{}}, err
}

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(string, ...any) { panic("bench: the engine failed") }

type bareChannel struct {
	id protocol.ChannelID

	mu      sync.Mutex
	pending []barePost
	working bool
	seq     uint64
	conns   []*bareConn
}

type barePost struct {
	from       *bareConn
	id         uint64
	ciphertext []byte
}

type bareConn struct {
	net net.Conn

	mu      sync.Mutex
	cond    sync.Cond
	queue   [][]byte
	bytes   int
	running bool
}

// ServeHTTP serves a connection.
func (b *Bare) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, rw, _, err := ws.UpgradeHTTP(r, w)
	if err != nil {
		return
	}
	bc := &bareConn{net: c}
	bc.cond.L = &bc.mu
	hello, err := protocol.Append(nil, protocol.KindEvent, 0, uint16(protocol.EventHello), &protocol.Hello{Version: 1, Host: "bare"})
	if err != nil {
		return
	}
	bc.push(hello)
	_ = b.read(bc, rw.Reader) // a client that goes away
}

func (b *Bare) read(c *bareConn, r *bufio.Reader) error {
	defer func() { _ = c.net.Close() }() // the client has gone
	var buf []byte
	for {
		h, err := ws.ReadHeader(r)
		if err != nil {
			return err
		}
		if int(h.Length) > cap(buf) {
			buf = make([]byte, h.Length)
		}
		msg := buf[:h.Length]
		if _, err := io.ReadFull(r, msg); err != nil {
			return err
		}
		ws.Cipher(msg, h.Mask, 0)
		if h.OpCode != ws.OpBinary {
			return errFrame
		}
		if err := b.requests(c, msg); err != nil {
			return err
		}
	}
}

func (b *Bare) requests(c *bareConn, msg []byte) error {
	var f frame
	var err error
	for len(msg) > 0 {
		if msg, err = next(msg, &f); err != nil {
			return err
		}
		ch := b.channel(protocol.ChannelID(f.channel))
		switch protocol.Op(f.code) {
		case protocol.OpChannelPost:
			ch.submit(b, barePost{c, f.id, append([]byte(nil), f.ciphertext...)})
		case protocol.OpChannelOpen:
			ch.mu.Lock()
			ch.conns = append(ch.conns, c)
			ch.mu.Unlock()
			c.answer(f.id, &protocol.ChannelState{})
		default:
			c.answer(f.id, &protocol.Empty{})
		}
	}
	return nil
}

func (c *bareConn) answer(id uint64, body protocol.Body) {
	b, err := protocol.Append(nil, protocol.KindResponse, id, 0, body)
	if err == nil {
		c.push(b)
	}
}

func (b *Bare) channel(id protocol.ChannelID) *bareChannel {
	b.mu.Lock()
	defer b.mu.Unlock()
	ch := b.channels[id]
	if ch == nil {
		ch = &bareChannel{id: id}
		b.channels[id] = ch
	}
	return ch
}

func (ch *bareChannel) submit(b *Bare, p barePost) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.pending = append(ch.pending, p)
	if !ch.working {
		ch.working = true
		go ch.work(b)
	}
}

func (ch *bareChannel) work(b *Bare) {
	for {
		ch.mu.Lock()
		posts := ch.pending
		ch.pending = nil
		ch.working = len(posts) > 0
		conns := ch.conns
		ch.mu.Unlock()
		if len(posts) == 0 {
			return
		}
		if err := ch.store(b, posts, conns); err != nil {
			panic(err)
		}
	}
}

func (ch *bareChannel) store(b *Bare, posts []barePost, conns []*bareConn) error {
	batch := b.db.NewBatch()
	key := append(make([]byte, 0, 40), ch.id[:]...)[:40]
	frames := make([][]byte, len(posts))
	for i, p := range posts {
		ch.seq++
		binary.BigEndian.PutUint64(key[32:], ch.seq)
		frames[i] = appendEntry(make([]byte, 0, len(p.ciphertext)+80), key[:32], ch.seq, p.ciphertext)
		if err := batch.Set(key, p.ciphertext, nil); err != nil {
			return err
		}
	}
	if err := errors.Join(batch.Commit(pebble.Sync), batch.Close()); err != nil {
		return err
	}
	for _, c := range conns {
		c.push(frames...)
	}
	acks := map[*bareConn][]byte{}
	for i, p := range posts {
		acks[p.from] = appendPosted(acks[p.from], p.id, ch.seq-uint64(len(posts)-1-i))
	}
	for c, b := range acks {
		c.push(b)
	}
	return nil
}

// push queues frames, waiting while there are too many.
func (c *bareConn) push(frames ...[]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.bytes > 4<<20 {
		c.cond.Wait()
	}
	for _, f := range frames {
		c.bytes += len(f)
	}
	c.queue = append(c.queue, frames...)
	if !c.running {
		c.running = true
		go c.write()
	}
}

func (c *bareConn) write() {
	b := make([]byte, 10, 64<<10)
	for {
		c.mu.Lock()
		queue := c.queue
		c.queue, c.bytes = nil, 0
		c.running = len(queue) > 0
		c.cond.Broadcast()
		c.mu.Unlock()
		if len(queue) == 0 {
			return
		}
		for len(queue) > 0 {
			b = b[:10]
			for len(queue) > 0 && (len(b) == 10 || len(b)+len(queue[0]) <= cap(b)) {
				b = append(b, queue[0]...)
				queue = queue[1:]
			}
			if ws.WriteFrame(c.net, ws.NewBinaryFrame(b[10:])) != nil {
				return
			}
		}
	}
}
