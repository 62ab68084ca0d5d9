// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"bytes"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/storage"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// brakeAfter is how many bytes a connection may bring before it waits.
const brakeAfter = 3 << 20

// brakeTime is how long it waits in all: a server that stops waits longer.
const brakeTime = 10 * time.Second

// A brake is a listener that lets nothing large pass until it is released.
type brake struct {
	net.Listener
	released chan struct{}
}

// slow has whatever is uploaded from now on wait half way. It has to start
// before anybody connects.
func (w *town) slow() *brake {
	w.t.Helper()
	w.Stop(w.t)
	ln, err := net.Listen("tcp", w.at)
	must(w.t, err)
	b := &brake{ln, make(chan struct{})}
	w.serve(b)
	return b
}

func (b *brake) Accept() (net.Conn, error) {
	conn, err := b.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &brakedConn{Conn: conn, brake: b, closed: make(chan struct{})}, nil
}

type brakedConn struct {
	net.Conn
	brake  *brake
	got    int
	once   sync.Once
	closed chan struct{}
}

func (c *brakedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.got += n; c.got > brakeAfter {
		select {
		case <-c.brake.released:
		case <-c.closed:
		case <-time.After(brakeTime):
			c.got = math.MinInt // once
		}
	}
	return n, err
}

func (c *brakedConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// noise is a file of so many bytes that nothing makes smaller.
func noise(t *testing.T, name string, size int) (path string, data []byte) {
	t.Helper()
	data = make([]byte, size)
	source := rand.NewChaCha8([32]byte{})
	_, _ = source.Read(data) // never fails
	path = filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, data, 0o600))
	return path, data
}

// sends sends a file.
func (p *person) sends(path, text string) {
	p.t.Helper()
	p.Choose(`input[type=file]:not([accept])`, path)
	p.sees(".card")
	p.writes(text)
}

// An upload under way is cancelled by a click, and one that the server's end
// interrupts arrives whole when it is back.
func TestUploadsAreInterrupted(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	brake := w.slow()
	ana, ted := w.settle(t, phone, "ana", ""), w.terminal(t, "ted")
	ana.Expect("WebSocket|net::ERR_")
	ana.writeTo("ted@"+w.Host, "There is more to come")
	with := accepts(t, ted)

	unwanted, _ := noise(t, "unwanted.bin", 12<<20)
	ana.sends(unwanted, "this was a mistake")
	ana.sees(".message.own .ring")
	ana.Click("button", "Cancel:")
	ana.Until(`!document.querySelector(".timeline").textContent.includes("mistake")`)

	film, data := noise(t, "film.bin", 12<<20)
	ana.sends(film, "our film")
	ana.sees(".message.own .ring")
	w.Stop(t)
	ana.shows("Offline.")
	ana.sees(`.message.own [aria-label="Waiting"]`)
	close(brake.released)
	w.open(w.at)
	_, files := got(t, ted, with, "our film")
	if len(files) != 1 || !bytes.Equal(files[0], data) {
		t.Error("what arrived is not what was sent")
	}
	ana.Until(`!document.querySelector(".ring") && !document.querySelector('[aria-label="Waiting"]')`)
	must(t, ted.Messages().History(with, func(m chat.Message) bool {
		if m.Text == "this was a mistake" {
			t.Error("what was cancelled arrived")
		}
		return true
	}))
}

// A device without room for a file that was sent to it says so, and gets it
// once there is room.
func TestFullDeviceReceives(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktopDark, "ana", ""), w.visit(t, phoneLight, "bea")
	quota := func(size float64) {
		browsertest.Call(bea.Page, storage.OverrideQuotaForOrigin, storage.OverrideQuotaForOriginParams{Origin: w.home(), QuotaSize: &size})
	}
	quota(17 << 20) // the core takes 14; before the browser remembers how much room there is
	bea.create("")
	ana.meet(bea)
	file, _ := noise(t, "large.bin", 16<<20)
	ana.sends(file, "the plans")
	bea.reads("the plans")
	ana.marked("Read")
	bea.Click("button", "large.bin")
	bea.shows("This device is full")
	bea.say("I have no room")
	ana.reads("I have no room")
	quota(1 << 30)
	bea.Until(`(() => {
		globalThis.saved = 0
		const make = URL.createObjectURL
		URL.createObjectURL = b => { saved = b.size; return make.call(URL, b) }
		return true
	})()`)
	bea.Click("button", "large.bin")
	bea.Until(`saved === 16 * 1024 * 1024`)
}
