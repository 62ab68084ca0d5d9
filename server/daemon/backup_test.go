// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/daemon"
	"github.com/securecrypt/securecrypt/server/servertest"
)

var backups = flag.Int("backups", 4, "how many backups are made under load, and how many are killed")

// load is a server under load: posts to channels, and uploads of which every other
// one is deleted again.
type load struct {
	s        *served
	journals []*journal
	stop     context.CancelFunc
	done     sync.WaitGroup

	mu    sync.Mutex
	blobs map[protocol.BlobID][]byte // that stay
	err   error
}

func startLoad(t *testing.T, s *served, journals []*journal) *load {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &load{s: s, journals: journals, stop: stop, blobs: map[protocol.BlobID][]byte{}}
	for _, j := range journals {
		c, err := servertest.Connect(s.url)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Do(protocol.OpChannelOpen, c.OpenBody(j.id, 0, j.last), &protocol.ChannelState{}); err != nil {
			t.Fatal(err)
		}
		l.done.Go(func() { j.load(c, func() { time.Sleep(4 * time.Millisecond) }) }) // within the rate of one connection
		l.done.Go(func() {
			<-ctx.Done()
			_ = c.Conn.Close() // ends the load
		})
	}
	l.done.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			if err := l.upload(ctx, n); err != nil && ctx.Err() == nil {
				l.mu.Lock()
				l.err = err
				l.mu.Unlock()
				return
			}
		}
	})
	return l
}

// upload uploads a blob in two pieces, and deletes every other one.
func (l *load) upload(ctx context.Context, n int) error {
	var token protocol.UploadToken
	binary.BigEndian.PutUint64(token[:], rand.Uint64())
	binary.BigEndian.PutUint64(token[8:], uint64(n))
	text := bytes.Repeat(token[:], 1+n%2000)
	send := func(method, path string, from, to int, headers ...string) error {
		r, err := http.NewRequestWithContext(ctx, method, l.s.url+path, bytes.NewReader(text[from:to]))
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+token.Text())
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		if resp.StatusCode >= 300 {
			return errors.Join(fmt.Errorf("%s %s: %s", method, path, resp.Status), resp.Body.Close())
		}
		return resp.Body.Close()
	}
	path := protocol.BlobPath + "/" + token.BlobID().String()
	if err := send(http.MethodPost, protocol.BlobPath, 0, 0, protocol.HeaderUploadLength, strconv.Itoa(len(text))); err != nil {
		return err
	}
	for _, piece := range [][2]int{{0, len(text) / 2}, {len(text) / 2, len(text)}} {
		err := send(http.MethodPatch, path, piece[0], piece[1], protocol.HeaderUploadOffset, strconv.Itoa(piece[0]), "Content-Type", protocol.UploadType)
		if err != nil {
			return err
		}
	}
	if n%2 == 0 {
		return send(http.MethodDelete, path, 0, 0)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.blobs[token.BlobID()] = text
	return nil
}

// end ends the load and returns the blobs that stay.
func (l *load) end(t *testing.T) map[protocol.BlobID][]byte {
	t.Helper()
	l.stop()
	l.done.Wait()
	if l.err != nil {
		t.Error(l.err)
	}
	for _, j := range l.journals {
		if j.bad != "" {
			t.Errorf("channel %d: %s", j.id[0], j.bad)
		}
	}
	return l.blobs
}

// known are the blobs that are whole by now.
func (l *load) known() map[protocol.BlobID][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[protocol.BlobID][]byte{}
	for id, text := range l.blobs {
		all[id] = text
	}
	return all
}

// acknowledged returns the greatest number that each channel has told.
func acknowledged(journals []*journal) (last []uint64) {
	for _, j := range journals {
		j.mu.Lock()
		last = append(last, j.last)
		j.mu.Unlock()
	}
	return last
}

func newJournals(t *testing.T, s *served) (journals []*journal) {
	t.Helper()
	setup := servertest.Dial(t, s.instance())
	for n := range 8 {
		j := &journal{id: protocol.ChannelID{byte(n + 1)}, told: map[uint64]uint64{}}
		setup.Create(j.id)
		journals = append(journals, j)
	}
	return journals
}

// perServer is how many backups are made of one server, which grows meanwhile.
const perServer = 4

// Each backup that is made while people write has all that was acknowledged
// before it began, and is right in itself.
func TestBackupsUnderLoad(t *testing.T) {
	for done := 0; done < *backups; done += perServer {
		backUpUnderLoad(t, min(perServer, *backups-done))
	}
}

func backUpUnderLoad(t *testing.T, times int) {
	t.Helper()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	s := serve(t, data, "--listen", "127.0.0.1:0", "--rates", "upload=1e9+1e6")
	before := servertest.Dial(t, s.instance()).Hello
	l := startLoad(t, s, newJournals(t, s))
	for n := range times {
		to, restored := filepath.Join(dir, "backup", strconv.Itoa(n)), filepath.Join(dir, "restored", strconv.Itoa(n))
		time.Sleep(50 * time.Millisecond) // for some load
		least, blobs := acknowledged(l.journals), l.known()
		if code, out, errs := run(t, "--data", data, "backup", to); code != 0 || !strings.Contains(out, "verified") {
			t.Fatalf("backup: %d %q %q", code, out, errs)
		}
		if code, out, errs := run(t, "restore", to, restored); code != 0 || !strings.Contains(out, "everything was verified") {
			t.Fatalf("restore: %d %q %q", code, out, errs)
		}
		if code, _, errs := run(t, "--data", restored, "check"); code != 0 {
			t.Fatalf("check of what was restored: %s", errs)
		}
		checkRestored(t, restored, before, l.journals, least, blobs)
		checkPrivate(t, to)
		checkPrivate(t, restored)
	}
	l.end(t)
	s.stop(t)
	if strings.Contains(s.log.String(), "not completed") {
		t.Errorf("the log: %s", s.log.String())
	}
	for _, name := range []string{"checkpoint", "blobs-held"} {
		if _, err := os.Stat(filepath.Join(data, name)); err == nil {
			t.Errorf("%s is left in the data folder", name)
		}
	}
	if code, _, errs := run(t, "--data", data, "check"); code != 0 {
		t.Errorf("check: %s", errs)
	}
}

// checkRestored serves a restored folder: it is another incarnation, and has what
// it must have at least.
func checkRestored(t *testing.T, data string, before protocol.Hello, journals []*journal, least []uint64, blobs map[protocol.BlobID][]byte) {
	t.Helper()
	s := serve(t, data, "--listen", "127.0.0.1:0", "--rates", "upload=1e9+1e6")
	defer s.stop(t)
	c := servertest.Dial(t, s.instance())
	if c.Hello.Incarnation == before.Incarnation || c.Hello.Incarnation == (protocol.Incarnation{}) || c.Hello.Host != before.Host {
		t.Errorf("the restored server says %+v, the other one %+v", c.Hello, before)
	}
	defer func() {
		if strings.Contains(s.log.String(), "copied or put back") {
			t.Error("a restored folder is taken for a copied one")
		}
	}()
	for n, j := range journals {
		state := c.Open(j.id, 0, 0)
		if state.Last < least[n] {
			t.Errorf("channel %d: %d entries, %d were acknowledged before the backup", n, state.Last, least[n])
		}
		for seq := uint64(1); seq <= state.Last; seq++ {
			e := servertest.Next[*protocol.Entry](c)
			j.mu.Lock()
			told, ok := j.told[seq]
			j.mu.Unlock()
			if got := binary.BigEndian.Uint64(e.Ciphertext); e.Seq != seq || ok && told != got {
				t.Fatalf("channel %d: entry %d holds message %d, told was %d", n, e.Seq, got, told)
			}
		}
		servertest.Next[*protocol.CaughtUp](c)
	}
	for id, text := range blobs {
		resp, err := http.Get(s.url + protocol.BlobPath + "/" + id.String())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if err != nil || resp.Body.Close() != nil || !bytes.Equal(got, text) {
			t.Fatalf("a file that was whole before the backup: %s, %d bytes of %d, %v", resp.Status, len(got), len(text), err)
		}
	}
}

// checkPrivate checks that nobody but the owner reads any of it.
func checkPrivate(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %s", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A backup that is killed, or whose server is, is none, says so, and is made again
// in the same folder.
func TestKilledBackups(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	s := serve(t, data, "--listen", "127.0.0.1:0", "--rates", "upload=1e9+1e6")
	journals := newJournals(t, s)
	l := startLoad(t, s, journals)
	time.Sleep(300 * time.Millisecond) // for something to back up
	interrupted := 0
	for n := range *backups {
		to := filepath.Join(dir, "backup", strconv.Itoa(n))
		cmd := command("--data", data, "backup", to)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(5+rand.IntN(120)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed, or had ended
		restored := filepath.Join(dir, "restored", strconv.Itoa(n))
		code, out, errs := run(t, "restore", to, restored)
		whole := code == 0 && strings.Contains(out, "everything was verified")
		if named := strings.Contains(errs, "interrupted before it was whole") || strings.Contains(errs, "there is no backup at"); !whole && (code != daemon.ExitFailure || !named) {
			t.Fatalf("restore of what is left: %d %q %q", code, out, errs)
		}
		if whole {
			continue
		}
		interrupted++
		if _, err := os.Stat(filepath.Join(restored, "store")); err == nil {
			t.Error("something was restored from it")
		}
		if code, out, errs := run(t, "--data", data, "backup", to); code != 0 || !strings.Contains(out, "verified") {
			t.Fatalf("backup into the same folder: %d %q %q", code, out, errs)
		}
	}
	l.end(t)

	to := filepath.Join(dir, "of-a-killed-server") // whose checkpoint and held files stay
	for name, text := range map[string]string{"checkpoint/x": "x", "blobs-held/y": "y"} {
		path := filepath.Join(data, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait() // it was killed
	if code, out, errs := run(t, "--data", data, "backup", to); code != 0 || !strings.Contains(out, "verified") {
		t.Fatalf("backup of a stopped server: %d %q %q", code, out, errs)
	}
	t.Logf("%d of %d backups were interrupted", interrupted, *backups)
}

// A restore that is killed leaves what was there, or goes on with the next command.
func TestKilledRestores(t *testing.T) {
	dir := t.TempDir()
	data, to := filepath.Join(dir, "data"), filepath.Join(dir, "backup")
	s := serve(t, data, "--listen", "127.0.0.1:0", "--rates", "upload=1e9+1e6")
	l := startLoad(t, s, newJournals(t, s))
	time.Sleep(300 * time.Millisecond) // for something to restore
	blobs, hello := l.end(t), servertest.Dial(t, s.instance()).Hello
	if code, _, errs := run(t, "--data", data, "backup", to); code != 0 {
		t.Fatal(errs)
	}
	s.stop(t)
	for n := range *backups {
		restored := filepath.Join(dir, "restored", strconv.Itoa(n))
		replace := n%2 == 1
		args := []string{"restore", to, restored}
		if replace {
			if code, _, errs := run(t, append(args, "--replace")...); code != 0 {
				t.Fatal(errs)
			}
			args = append(args, "--replace")
		}
		cmd := command(args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(5+rand.IntN(150)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed, or had ended
		if _, err := os.Stat(filepath.Join(restored, "restoring")); err == nil {
			code, _, errs := run(t, "--data", restored, "check")
			if code != 0 && !strings.Contains(errs, "restore into this folder was interrupted") && !strings.Contains(errs, "no server's data") {
				t.Fatalf("check of an interrupted restore: %d %q", code, errs)
			}
		}
		if code, out, errs := run(t, args...); code != 0 && !strings.Contains(errs, "--replace") {
			t.Fatalf("restore again: %d %q %q", code, out, errs)
		}
		checkRestored(t, restored, hello, l.journals, acknowledged(l.journals), blobs)
	}
}
