// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon_test

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// kills is how often the server is killed; SECURECRYPT_KILLS changes it.
func kills(t *testing.T) int {
	if n, err := strconv.Atoi(os.Getenv("SECURECRYPT_KILLS")); err == nil {
		return n
	}
	if testing.Short() {
		return 5
	}
	return 20
}

const (
	killChannels = 4
	killWindow   = 32
)

// journal is what one channel's poster sent and its clients were told.
type journal struct {
	id   protocol.ChannelID
	sent uint64 // counter of the last message

	mu   sync.Mutex
	told map[uint64]uint64 // sequence number → counter
	last uint64            // the greatest told
	bad  string
}

func (j *journal) tell(seq, counter uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if before, ok := j.told[seq]; ok && before != counter {
		j.bad = "an entry changed"
	}
	j.told[seq] = counter
	j.last = max(j.last, seq)
}

// TestKilledServerKeepsWhatItAcknowledged kills the server again and again
// under load. Nothing that was acknowledged or delivered may be lost, changed,
// repeated or reordered.
func TestKilledServerKeepsWhatItAcknowledged(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	random := rand.New(rand.NewPCG(rand.Uint64(), 1))
	s := serve(t, data, "--listen", "127.0.0.1:0")
	listen := "127.0.0.1:" + s.url[strings.LastIndexByte(s.url, ':')+1:]
	var journals []*journal
	setup := servertest.Dial(t, s.instance())
	for n := range killChannels {
		j := &journal{id: protocol.ChannelID{byte(n + 1)}, told: map[uint64]uint64{}}
		setup.Create(j.id)
		journals = append(journals, j)
	}
	acks := 0
	for range kills(t) {
		acks += loadAndKill(t, s, journals, 20+random.IntN(600))
		s = serve(t, data, "--listen", listen)
	}
	reader := servertest.Dial(t, s.instance())
	entries := uint64(0)
	for _, j := range journals {
		entries += verify(t, reader, j)
	}
	t.Logf("%d kills, %d acknowledgements, %d entries: none lost, none twice, all in order", kills(t), acks, entries)
	s.stop(t)
	if code, _, errs := run(t, "--data", data, "check"); code != 0 {
		t.Errorf("check: %s", errs)
	}
}

// loadAndKill posts to all channels until so many posts were acknowledged,
// kills the server and returns how many were in the end.
func loadAndKill(t *testing.T, s *served, journals []*journal, target int) (acks int) {
	t.Helper()
	var mu sync.Mutex
	reached := make(chan struct{})
	count := func() {
		mu.Lock()
		defer mu.Unlock()
		if acks++; acks == target {
			close(reached)
		}
	}
	var wait sync.WaitGroup
	for _, j := range journals {
		c, err := servertest.Connect(s.url)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Do(protocol.OpChannelOpen, c.OpenBody(j.id, 0, j.last), &protocol.ChannelState{}); err != nil {
			t.Fatal(err)
		}
		wait.Go(func() { j.load(c, count) })
	}
	<-reached
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait() // it was killed
	wait.Wait()
	return acks
}

// load keeps a window of posts under way until the connection breaks.
func (j *journal) load(c *servertest.Client, acked func()) {
	defer func() { _ = c.Conn.Close() }() // broken already
	pending := map[uint64]uint64{}        // request → counter
	for {
		for len(pending) < killWindow {
			j.sent++
			text := binary.BigEndian.AppendUint64(nil, j.sent)
			id, err := c.Send(protocol.OpChannelPost, &protocol.ChannelPost{Channel: j.id, Ciphertext: text})
			if err != nil {
				return
			}
			pending[id] = j.sent
		}
		f, err := c.ReadFrame()
		if err != nil {
			return
		}
		switch {
		case f.Kind == protocol.KindError:
			j.bad = protocol.ErrorFrom(f).Error()
			return
		case f.Kind == protocol.KindResponse:
			var posted protocol.Posted
			if protocol.DecodeBody(f.Body, &posted) != nil {
				return
			}
			j.tell(posted.Seq, pending[f.ID])
			delete(pending, f.ID)
			acked()
		case protocol.EventType(f.Code) == protocol.EventEntry:
			var e protocol.Entry
			if protocol.DecodeBody(f.Body, &e) != nil {
				return
			}
			j.tell(e.Seq, binary.BigEndian.Uint64(e.Ciphertext))
		}
	}
}

// verify reads a whole channel and compares it with the journal.
func verify(t *testing.T, c *servertest.Client, j *journal) uint64 {
	t.Helper()
	if j.bad != "" {
		t.Errorf("channel %d: %s", j.id[0], j.bad)
	}
	state := c.Open(j.id, 0, 0)
	counter := uint64(0)
	for want := uint64(1); want <= state.Last; want++ {
		e := servertest.Next[*protocol.Entry](c)
		got := binary.BigEndian.Uint64(e.Ciphertext)
		if e.Seq != want || got <= counter {
			t.Fatalf("channel %d: entry %d holds message %d after %d", j.id[0], e.Seq, got, counter)
		}
		counter = got
		if told, ok := j.told[want]; ok && told != got {
			t.Fatalf("channel %d: entry %d holds message %d, but %d was told", j.id[0], want, got, told)
		}
		delete(j.told, want)
	}
	if len(j.told) > 0 {
		t.Errorf("channel %d: %d acknowledged entries are lost", j.id[0], len(j.told))
	}
	servertest.Next[*protocol.CaughtUp](c)
	return state.Last
}
