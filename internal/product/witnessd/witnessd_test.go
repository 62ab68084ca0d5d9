// SPDX-License-Identifier: AGPL-3.0-or-later

package witnessd_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/securecrypt/securecrypt/internal/product/witnessd"
	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/logtest"
	"github.com/securecrypt/securecrypt/keytrans/witness"
)

var start = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func now() time.Time { return start }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// served is a witness that serves over loopback.
type served struct {
	t    *testing.T
	dir  string
	keys []*keytrans.SignerKey
	f    *witnessd.Folder
	http *httptest.Server
}

func create(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "witness")
	must(t, witnessd.Create(dir, "witness.example"))
	return dir
}

func serve(t *testing.T, dir string) *served {
	t.Helper()
	s := &served{t: t, dir: dir}
	var err error
	s.keys, err = witnessd.Keys(dir)
	must(t, err)
	s.f, err = witnessd.Open(t.Context(), dir)
	must(t, err)
	s.http = httptest.NewServer(witnessd.Handler(witnessd.Options{Folder: s.f, Keys: s.keys, Now: now, Log: slog.New(slog.DiscardHandler)}))
	t.Cleanup(s.stop)
	return s
}

func (s *served) stop() {
	s.http.Close()
	_ = s.f.Close() // it may be closed already
}

// post sends an add-checkpoint request.
func (s *served) post(body []byte) (status int, answer []byte, header http.Header) {
	s.t.Helper()
	resp, err := s.http.Client().Post(s.http.URL+"/add-checkpoint", "", bytes.NewReader(body))
	must(s.t, err)
	answer, err = io.ReadAll(resp.Body)
	must(s.t, errors.Join(err, resp.Body.Close()))
	return resp.StatusCode, answer, resp.Header
}

// get asks for the latest checkpoint of a log, as a monitor does.
func (s *served) get(origin string) (status int, checkpoint []byte) {
	s.t.Helper()
	resp, err := s.http.Client().Get(s.http.URL + "/" + witness.CheckpointPath(origin))
	must(s.t, err)
	checkpoint, err = io.ReadAll(resp.Body)
	must(s.t, errors.Join(err, resp.Body.Close()))
	return resp.StatusCode, checkpoint
}

func (s *served) verifiers() (all []*keytrans.VerifierKey) {
	for _, k := range s.keys {
		all = append(all, k.Verifier())
	}
	return all
}

func newLog(leaves int) *logtest.Log {
	l := logtest.New("example.org/log")
	for i := range leaves {
		l.Append(keytrans.Release{Version: fmt.Sprint(i)})
	}
	return l
}

func request(l *logtest.Log, old, size int64) []byte {
	r := witness.Request{Old: old, Checkpoint: l.Sign(l.Checkpoint(size), start)}
	if 0 < old && old < size {
		r.Proof = l.Growth(size, old)
	}
	return r.Marshal()
}

// A log grows, and the witness follows it, across a restart.
func TestWitnessFollowsALog(t *testing.T) {
	dir, l := create(t), newLog(12)
	_, err := witnessd.AddLog(dir, l.Keys[0].Verifier().String())
	must(t, err)
	s := serve(t, dir)
	if status, _ := s.get(l.Policy.Origin()); status != http.StatusNotFound {
		t.Errorf("before the first checkpoint: status %d", status)
	}
	old := int64(0)
	for i, size := range []int64{3, 3, 7, 12} {
		if i == 2 {
			s.stop()
			s = serve(t, dir)
		}
		body := request(l, old, size)
		status, lines, _ := s.post(body)
		if status != http.StatusOK {
			t.Fatalf("%d leaves after %d: status %d, %s", size, old, status, lines)
		}
		r, err := witness.ParseRequest(body)
		must(t, err)
		signed, err := l.Policy.OpenCheckpoint(r.Checkpoint)
		must(t, err)
		whole, err := keytrans.AddCosignatures(signed, lines, s.verifiers()...)
		must(t, err)
		if status, stored := s.get(l.Policy.Origin()); status != http.StatusOK || !bytes.Equal(stored, whole) {
			t.Errorf("monitors see (status %d)\n%s\nthe log has\n%s", status, stored, whole)
		}
		old = size
	}
	status, answer, header := s.post(request(l, 3, 12))
	if size, err := witness.ParseConflict(answer); status != http.StatusConflict || header.Get("Content-Type") != witness.ConflictType || err != nil || size.Size != 12 {
		t.Errorf("a log that is behind: status %d, %q, %q", status, header.Get("Content-Type"), answer)
	}
}

// The witness follows a log that another implementation keeps and signs:
// golang.org/x/mod's.
func TestWitnessFollowsAForeignLog(t *testing.T) {
	secret, vkey, err := note.GenerateKey(nil, "foreign.example/log")
	must(t, err)
	signer, err := note.NewSigner(secret)
	must(t, err)
	dir := create(t)
	_, err = witnessd.AddLog(dir, vkey)
	must(t, err)
	s := serve(t, dir)
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(at []int64) (out []tlog.Hash, _ error) {
		for _, i := range at {
			out = append(out, hashes[i])
		}
		return out, nil
	})
	old := int64(0)
	for size := int64(1); size <= 20; size++ {
		more, err := tlog.StoredHashes(size-1, fmt.Appendf(nil, "record %d", size), reader)
		must(t, err)
		hashes = append(hashes, more...)
		root, err := tlog.TreeHash(size, reader)
		must(t, err)
		signed, err := note.Sign(&note.Note{Text: fmt.Sprintf("foreign.example/log\n%d\n%s\n", size, root)}, signer)
		must(t, err)
		r := witness.Request{Old: old, Checkpoint: signed}
		if old > 0 {
			r.Proof, err = tlog.ProveTree(size, old, reader)
			must(t, err)
		}
		status, lines, _ := s.post(r.Marshal())
		if status != http.StatusOK {
			t.Fatalf("%d leaves: status %d, %s", size, status, lines)
		}
		both, err := note.Open(append(append([]byte{}, bytes.SplitAfter(signed, []byte("\n\n"))[0]...), lines...), note.VerifierList(s.keys[0].Verifier(), s.keys[1].Verifier()))
		if err != nil || len(both.Sigs) != 2 {
			t.Fatalf("x/mod verifies %v of the cosignatures: %v", both, err)
		}
		old = size
	}
}

// What is refused has the status of the specification, and changes nothing.
func TestRefusals(t *testing.T) {
	dir, l := create(t), newLog(8)
	_, err := witnessd.AddLog(dir, l.Keys[0].Verifier().String())
	must(t, err)
	s := serve(t, dir)
	if status, answer, _ := s.post(request(l, 0, 5)); status != http.StatusOK {
		t.Fatalf("status %d, %s", status, answer)
	}
	_, before := s.get(l.Policy.Origin())
	fork := l.Checkpoint(8)
	fork.Hash[0]++
	for name, c := range map[string]struct {
		body   []byte
		status int
	}{
		"nothing":             {nil, http.StatusBadRequest},
		"another log":         {request(logtest.New("other.example/log"), 0, 0), http.StatusNotFound},
		"a forged signature":  {bytes.Replace(request(l, 5, 8), []byte("\n8\n"), []byte("\n7\n"), 1), http.StatusForbidden},
		"a fork":              {witness.Request{Old: 5, Proof: l.Growth(8, 5), Checkpoint: l.Sign(fork, start)}.Marshal(), http.StatusUnprocessableEntity},
		"more than a request": {make([]byte, witness.MaxRequest+1), http.StatusRequestEntityTooLarge},
	} {
		if status, answer, _ := s.post(c.body); status != c.status {
			t.Errorf("%s: status %d (%s), want %d", name, status, bytes.TrimSpace(answer), c.status)
		}
	}
	if _, after := s.get(l.Policy.Origin()); !bytes.Equal(after, before) {
		t.Error("a refused request changed the checkpoint")
	}
	resp, err := s.http.Client().Get(s.http.URL + "/" + strings.Repeat("%2e", 64) + "/checkpoint")
	must(t, err)
	must(t, resp.Body.Close())
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("a path that leads out of the folder: status %d", resp.StatusCode)
	}
}

// Of two checkpoints that contradict each other, sent at the same time again and again,
// one is cosigned.
func TestForksRace(t *testing.T) {
	a, b := newLog(1), logtest.New("example.org/log")
	b.Append(keytrans.Release{Version: "another"})
	for range 20 {
		dir := create(t)
		_, err := witnessd.AddLog(dir, a.Keys[0].Verifier().String())
		must(t, err)
		s := serve(t, dir)
		statuses := make([]int, 2)
		var wait sync.WaitGroup
		for i, l := range []*logtest.Log{a, b} {
			body := request(l, 0, 1)
			wait.Go(func() {
				resp, err := s.http.Client().Post(s.http.URL+"/add-checkpoint", "", bytes.NewReader(body))
				if err == nil {
					statuses[i] = resp.StatusCode
					_ = resp.Body.Close() // only the status matters
				}
			})
		}
		wait.Wait()
		if (statuses[0] == http.StatusOK) == (statuses[1] == http.StatusOK) {
			t.Fatalf("two trees of one size were answered with %v", statuses)
		}
		s.stop()
	}
}

// A checkpoint that cannot be stored is not cosigned: there is a file where the folder
// was.
func TestCheckpointsThatCannotBeStored(t *testing.T) {
	dir, l := create(t), newLog(2)
	_, err := witnessd.AddLog(dir, l.Keys[0].Verifier().String())
	must(t, err)
	s := serve(t, dir)
	folder := filepath.Join(dir, "checkpoints")
	must(t, os.Remove(folder))
	must(t, os.WriteFile(folder, nil, 0o600))
	if status, answer, _ := s.post(request(l, 0, 1)); status != http.StatusInternalServerError || bytes.Contains(answer, []byte("— ")) {
		t.Errorf("status %d, %s", status, answer)
	}
	must(t, os.Remove(folder))
	must(t, os.Mkdir(folder, 0o700))
	if status, answer, _ := s.post(request(l, 0, 1)); status != http.StatusOK {
		t.Errorf("once there is room: status %d, %s", status, answer)
	}
}

func TestOneProcessServes(t *testing.T) {
	dir := create(t)
	s := serve(t, dir)
	if _, err := witnessd.Open(t.Context(), dir); !errors.Is(err, witnessd.ErrInUse) {
		t.Errorf("a second process: %v", err)
	}
	s.stop()
	f, err := witnessd.Open(t.Context(), dir)
	must(t, err)
	must(t, f.Close())
}

// What a crash leaves beside a checkpoint is removed, and what is damaged is named.
func TestFolders(t *testing.T) {
	dir := create(t)
	left := filepath.Join(dir, "checkpoints", ".new-1")
	must(t, os.WriteFile(left, []byte("half"), 0o600))
	f, err := witnessd.Open(t.Context(), dir)
	must(t, err)
	must(t, f.Close())
	if _, err := os.Stat(left); err == nil {
		t.Error("what a crash left is still there")
	}
	if err := witnessd.Create(dir, "witness.example"); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a folder that is in use: %v", err)
	}
	if err := witnessd.Create(filepath.Join(t.TempDir(), "x"), "two words"); err == nil {
		t.Error("a name with a space is taken")
	}
	if _, err := witnessd.Keys(t.TempDir()); !errors.Is(err, witnessd.ErrNone) {
		t.Errorf("an empty folder: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "logs"), []byte("# fine\n\nnot a key\n"), 0o600))
	if _, err := witnessd.Open(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("a list of logs with a mistake: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "key"), []byte("nonsense"), 0o600))
	if _, err := witnessd.Keys(dir); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged key: %v", err)
	}
	info, err := os.Stat(filepath.Join(dir, "key"))
	must(t, err)
	if info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others can read the key: %v", info.Mode())
	}
}

// One address with many requests that never end has 16 of them, and the next ones are turned
// away. Another address is served meanwhile.
func TestOneAddressTakesItsShare(t *testing.T) {
	dir, l := create(t), newLog(1)
	_, err := witnessd.AddLog(dir, l.Keys[0].Verifier().String())
	must(t, err)
	s := serve(t, dir)
	for tries := 0; ; tries++ { // a request that ends may have taken the place of one of these
		c, err := net.Dial("tcp", s.http.Listener.Addr().String())
		must(t, err)
		t.Cleanup(func() { _ = c.Close() })
		_, err = io.WriteString(c, "POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nold")
		must(t, err)
		status, _, _ := s.post(request(l, 0, 1))
		if status == http.StatusTooManyRequests {
			break
		}
		if tries > 200 {
			t.Fatalf("after %d requests that hold their places: status %d", tries, status)
		}
	}
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	other := &http.Client{Transport: &http.Transport{DialContext: from.DialContext}}
	resp, err := other.Post(s.http.URL+"/add-checkpoint", "", bytes.NewReader(request(l, 0, 1)))
	must(t, err)
	must(t, resp.Body.Close())
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusConflict { // a try above may have been in time
		t.Errorf("another address: status %d", resp.StatusCode)
	}
}
