// SPDX-License-Identifier: AGPL-3.0-or-later

package uploads_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/blob/folder"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/servertest"
)

func content(n int) []byte {
	b := make([]byte, n)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(b) // never fails
	return b
}

const offsetType = "application/offset+octet-stream"

func TestBlobsResume(t *testing.T) {
	i := servertest.Start(t, servertest.Options{})
	token := protocol.UploadToken{7}
	auth := "Bearer " + token.Text()
	path := protocol.BlobPath + "/" + token.BlobID().String()
	whole := content(3 << 20)
	length := strconv.Itoa(len(whole))
	for range 2 {
		resp, _ := i.Ask(t, "POST", protocol.BlobPath, nil, "Authorization", auth, "Upload-Length", length, "Upload-Expires-In", "3600")
		servertest.WantStatus(t, resp, http.StatusCreated)
		if resp.Header.Get("Location") != path {
			t.Fatalf("location %s", resp.Header.Get("Location"))
		}
	}
	resp, _ := i.Ask(t, "POST", protocol.BlobPath, nil, "Authorization", auth, "Upload-Length", "5")
	servertest.WantStatus(t, resp, http.StatusConflict)
	resp, _ = i.Ask(t, "GET", path, nil)
	servertest.WantStatus(t, resp, http.StatusNotFound)

	cutUpload(t, i, path, auth, whole[:1<<20])
	resp, _ = i.Ask(t, "PATCH", path, bytes.NewReader(whole[5:]), "Authorization", auth, "Upload-Offset", "5", "Content-Type", offsetType)
	servertest.WantStatus(t, resp, http.StatusConflict)
	resp, _ = i.Ask(t, "HEAD", path, nil)
	servertest.WantStatus(t, resp, http.StatusOK)
	offset, err := strconv.Atoi(resp.Header.Get("Upload-Offset"))
	if err != nil || offset == 0 || offset > 1<<20 || resp.Header.Get("Upload-Length") != length {
		t.Fatalf("offset %d of %s after the cut", offset, resp.Header.Get("Upload-Length"))
	}
	resp, _ = i.Ask(t, "PATCH", path, bytes.NewReader(whole[offset:]), "Authorization", auth, "Upload-Offset", strconv.Itoa(offset), "Content-Type", offsetType)
	servertest.WantStatus(t, resp, http.StatusNoContent)
	if resp.Header.Get("Upload-Offset") != length {
		t.Fatalf("offset %s", resp.Header.Get("Upload-Offset"))
	}
	resp, got := i.Ask(t, "GET", path, nil)
	servertest.WantStatus(t, resp, http.StatusOK)
	if !bytes.Equal(got, whole) {
		t.Error("the blob differs")
	}
	resp, got = i.Ask(t, "GET", path, nil, "Range", "bytes=1000-1999")
	servertest.WantStatus(t, resp, http.StatusPartialContent)
	if !bytes.Equal(got, whole[1000:2000]) {
		t.Error("the range differs")
	}
	other := protocol.UploadToken{8}
	resp, _ = i.Ask(t, "DELETE", path, nil, "Authorization", "Bearer "+other.Text())
	servertest.WantStatus(t, resp, http.StatusUnauthorized)
	resp, _ = i.Ask(t, "DELETE", path, nil, "Authorization", auth)
	servertest.WantStatus(t, resp, http.StatusNoContent)
	resp, _ = i.Ask(t, "GET", path, nil)
	servertest.WantStatus(t, resp, http.StatusNotFound)
}

// cutUpload sends the beginning of a body and breaks the connection, then
// waits until the server has stored what it got.
func cutUpload(t *testing.T, i *servertest.Instance, path, auth string, part []byte) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(i.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	head := "PATCH " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: " + auth + "\r\nUpload-Offset: 0\r\nContent-Type: " + offsetType +
		"\r\nContent-Length: " + strconv.Itoa(3<<20) + "\r\n\r\n"
	if _, err := io.WriteString(c, head); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(part); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		resp, _ := i.Ask(t, "HEAD", path, nil)
		if resp.Header.Get("Upload-Offset") != "0" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing of the cut upload was kept")
		}
	}
}

func TestBlobRefusals(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true, Limits: func(l *fairness.Limits) { l.MaxBlob, l.MaxBlobBytes = 100, 150 }})
	auth := func(n byte) string { return "Bearer " + protocol.UploadToken{n}.Text() }
	path := protocol.BlobPath + "/" + protocol.UploadToken{1}.BlobID().String()
	create := func(n byte, length string, more ...string) *http.Response {
		resp, _ := i.Ask(t, "POST", protocol.BlobPath, nil, append([]string{"Authorization", auth(n), "Upload-Length", length}, more...)...)
		return resp
	}
	servertest.WantStatus(t, create(1, "100"), http.StatusCreated)
	servertest.WantStatus(t, create(2, "101"), http.StatusRequestEntityTooLarge)
	servertest.WantStatus(t, create(2, "99"), http.StatusCreated) // announcing takes no room
	servertest.WantStatus(t, create(2, "-1"), http.StatusBadRequest)
	servertest.WantStatus(t, create(2, "0"), http.StatusBadRequest)
	servertest.WantStatus(t, create(2, "1", "Upload-Expires-In", "99999999999"), http.StatusBadRequest)
	resp, _ := i.Ask(t, "POST", protocol.BlobPath, nil, "Upload-Length", "1")
	servertest.WantStatus(t, resp, http.StatusUnauthorized)
	patch := func(auth, offset, kind string, n int) *http.Response {
		resp, _ := i.Ask(t, "PATCH", path, bytes.NewReader(content(n)), "Authorization", auth, "Upload-Offset", offset, "Content-Type", kind)
		return resp
	}
	servertest.WantStatus(t, patch(auth(2), "0", offsetType, 10), http.StatusUnauthorized)
	servertest.WantStatus(t, patch(auth(1), "0", "text/plain", 10), http.StatusUnsupportedMediaType)
	servertest.WantStatus(t, patch(auth(1), "x", offsetType, 10), http.StatusBadRequest)
	servertest.WantStatus(t, patch(auth(1), "0", offsetType, 101), http.StatusRequestEntityTooLarge)
	resp, _ = i.Ask(t, "PATCH", path, io.MultiReader(bytes.NewReader(content(101))), "Authorization", auth(1), "Upload-Offset", "0", "Content-Type", offsetType)
	servertest.WantStatus(t, resp, http.StatusRequestEntityTooLarge)
	servertest.WantStatus(t, patch(auth(1), "0", offsetType, 100), http.StatusNoContent)
	servertest.WantStatus(t, create(3, "99"), http.StatusInsufficientStorage) // it could not arrive
	path = protocol.BlobPath + "/" + protocol.UploadToken{2}.BlobID().String()
	servertest.WantStatus(t, patch(auth(2), "0", offsetType, 99), http.StatusInsufficientStorage)
	resp, _ = i.Ask(t, "GET", protocol.BlobPath+"/nonsense", nil)
	servertest.WantStatus(t, resp, http.StatusNotFound)
}

func TestExpiredBlobsAndAbandonedUploadsGo(t *testing.T) {
	clock := time.Now()
	i := servertest.Start(t, servertest.Options{Change: func(c *server.Config) { c.Now = func() time.Time { return clock } }})
	whole, half := protocol.UploadToken{1}, protocol.UploadToken{2}
	for _, token := range []protocol.UploadToken{whole, half} {
		auth := "Bearer " + token.Text()
		resp, _ := i.Ask(t, "POST", protocol.BlobPath, nil, "Authorization", auth, "Upload-Length", "10")
		servertest.WantStatus(t, resp, http.StatusCreated)
		n := 10
		if token == half {
			n = 5
		}
		resp, _ = i.Ask(t, "PATCH", protocol.BlobPath+"/"+token.BlobID().String(), bytes.NewReader(content(n)), "Authorization", auth, "Upload-Offset", "0", "Content-Type", offsetType)
		servertest.WantStatus(t, resp, http.StatusNoContent)
	}
	status := func(token protocol.UploadToken) int {
		resp, _ := i.Ask(t, "HEAD", protocol.BlobPath+"/"+token.BlobID().String(), nil)
		return resp.StatusCode
	}
	clock = clock.Add(25 * time.Hour)
	if err := i.Server.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	if status(whole) != http.StatusOK || status(half) != http.StatusNotFound {
		t.Errorf("after a day: %d and %d", status(whole), status(half))
	}
	clock = clock.Add(protocol.DefaultExpiry)
	if err := i.Server.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	if status(whole) != http.StatusNotFound {
		t.Error("an expired blob is still there")
	}
}

// TestConnectionsOutliveLongDownloads reads a blob for longer than a body may
// take to come: what is asked for next on the same connection is answered.
func TestConnectionsOutliveLongDownloads(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Limits: func(l *fairness.Limits) { l.HeaderTimeout = 100 * time.Millisecond }})
	token := protocol.UploadToken{8}
	whole := content(16 << 20)
	resp, _ := i.Ask(t, "POST", protocol.BlobPath, nil, "Authorization", "Bearer "+token.Text(), "Upload-Length", strconv.Itoa(len(whole)))
	servertest.WantStatus(t, resp, http.StatusCreated)
	path := protocol.BlobPath + "/" + token.BlobID().String()
	resp, _ = i.Ask(t, "PATCH", path, bytes.NewReader(whole), "Authorization", "Bearer "+token.Text(), "Upload-Offset", "0", "Content-Type", offsetType)
	servertest.WantStatus(t, resp, http.StatusNoContent)
	var made atomic.Int64
	web := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		made.Add(1)
		return new(net.Dialer).DialContext(ctx, network, address)
	}}}
	defer web.CloseIdleConnections()
	get := func(path string, wait time.Duration) int {
		resp, err := web.Get(i.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(wait)
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode
	}
	for _, status := range []int{get(path, 300*time.Millisecond), get("/health", 0), get(path, 0)} {
		if status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	}
	if made.Load() != 1 {
		t.Errorf("%d connections", made.Load())
	}
}

// TestLongUploadsArrive sends a blob in one request that takes longer than an
// announcement and an upload without progress are kept.
func TestLongUploadsArrive(t *testing.T) {
	var later atomic.Int64
	i := servertest.Start(t, servertest.Options{Change: func(c *server.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	}})
	token := protocol.UploadToken{9}
	id := token.BlobID()
	whole := content(10 << 20)
	resp, _ := i.Ask(t, "POST", protocol.BlobPath, nil, "Authorization", "Bearer "+token.Text(), "Upload-Length", strconv.Itoa(len(whole)))
	servertest.WantStatus(t, resp, http.StatusCreated)
	path := protocol.BlobPath + "/" + id.String()
	name := hex.EncodeToString(id[:])
	file := filepath.Join(i.Dir, "blobs", name[:2], name)
	sent := int64(0)
	pass := passingReader{bytes.NewReader(whole), func(n int) {
		for sent > 0 { // until the server has what was sent
			info, err := os.Stat(file)
			if errors.Is(err, fs.ErrNotExist) && sent > 256<<10 {
				t.Error("the blob is gone")
				break
			}
			if err == nil && info.Size() == sent {
				break
			}
			time.Sleep(time.Millisecond)
		}
		sent += int64(n)
		later.Add(int64(2 * time.Minute))
		if err := i.Server.Sweep(t.Context()); err != nil {
			t.Error(err)
		}
	}}
	resp, _ = i.Ask(t, "PATCH", path, pass, "Authorization", "Bearer "+token.Text(), "Upload-Offset", "0", "Content-Type", offsetType)
	servertest.WantStatus(t, resp, http.StatusNoContent)
	if resp, got := i.Ask(t, "GET", path, nil); resp.StatusCode != http.StatusOK || !bytes.Equal(got, whole) {
		t.Errorf("%s, %d bytes", resp.Status, len(got))
	}
}

// passingReader has time pass before each piece that it yields, of as many bytes
// as the server stores at a time.
type passingReader struct {
	r    *bytes.Reader
	pass func(n int)
}

func (p passingReader) Read(b []byte) (int, error) {
	n := min(len(b), p.r.Len(), 32<<10)
	if (p.r.Size()-int64(p.r.Len()))%(256<<10) == 0 && n > 0 {
		p.pass(min(p.r.Len(), 256<<10))
	}
	return p.r.Read(b[:n])
}

// TestTooLongUploadsLeaveNothing sends more than was announced.
func TestTooLongUploadsLeaveNothing(t *testing.T) {
	i := servertest.Start(t, servertest.Options{})
	token := protocol.UploadToken{10}
	resp, _ := i.Ask(t, "POST", protocol.BlobPath, nil, "Authorization", "Bearer "+token.Text(), "Upload-Length", strconv.Itoa(1<<20))
	servertest.WantStatus(t, resp, http.StatusCreated)
	path := protocol.BlobPath + "/" + token.BlobID().String()
	more := io.MultiReader(bytes.NewReader(content(1<<20 + 1))) // of a length that is not said
	resp, _ = i.Ask(t, "PATCH", path, more, "Authorization", "Bearer "+token.Text(), "Upload-Offset", "0", "Content-Type", offsetType)
	servertest.WantStatus(t, resp, http.StatusRequestEntityTooLarge)
	blobs, err := folder.New(filepath.Join(i.Dir, "blobs"), nil)
	if err != nil {
		t.Fatal(err)
	}
	err = blobs.All(t.Context(), func(_ protocol.BlobID, size uint64) error {
		if size > 0 {
			t.Errorf("%d bytes stay on the disk, and count for nobody", size)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Of a blob that is whole the store has the hash of its content, however it came.
func TestBlobsAreHashed(t *testing.T) {
	dir, host, text := t.TempDir(), "chat.example", content(300<<10)
	token := protocol.UploadToken{1}
	i := servertest.Start(t, servertest.Options{Dir: dir, Host: host})
	auth := []string{"Authorization", "Bearer " + token.Text()}
	resp, _ := i.Ask(t, http.MethodPost, protocol.BlobPath, nil, append(auth, protocol.HeaderUploadLength, strconv.Itoa(len(text)))...)
	servertest.WantStatus(t, resp, http.StatusCreated)
	patch := func(from, to, status int) {
		t.Helper()
		body := append([]byte(nil), text[from:min(to, len(text))]...)
		body = append(body, make([]byte, max(0, to-len(text)))...)
		resp, _ := i.Ask(t, http.MethodPatch, protocol.BlobPath+"/"+token.BlobID().String(), io.MultiReader(bytes.NewReader(body)), // of a length that is not told
			append(auth, protocol.HeaderUploadOffset, strconv.Itoa(from), "Content-Type", protocol.UploadType)...)
		servertest.WantStatus(t, resp, status)
	}
	row := func() (row server.BlobRow) {
		t.Helper()
		err := i.Store.View(t.Context(), func(tx server.ReadTx) (err error) {
			row, err = tx.Blobs().Blob(token.BlobID())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return row
	}
	patch(0, 1000, http.StatusNoContent)
	patch(1000, len(text)+1, http.StatusRequestEntityTooLarge) // what came is taken back
	patch(1000, 5000, http.StatusNoContent)
	i.Stop(t)
	i = servertest.Start(t, servertest.Options{Dir: dir, Host: host})
	before := row()
	if len(before.Hash) != 0 || len(before.HashState) == 0 {
		t.Errorf("on its way: %+v", before)
	}
	before.HashState = nil // as an earlier version left it
	err := i.Store.Update(t.Context(), func(tx server.WriteTx) error { return tx.Blobs().Put(before) })
	if err != nil {
		t.Fatal(err)
	}
	patch(5000, 200_000, http.StatusNoContent)
	patch(200_000, len(text), http.StatusNoContent)
	want := sha256.Sum256(text)
	if got := row(); !bytes.Equal(got.Hash, want[:]) || len(got.HashState) != 0 {
		t.Errorf("whole: %+v", got)
	}
}
