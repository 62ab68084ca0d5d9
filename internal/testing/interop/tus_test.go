// SPDX-License-Identifier: AGPL-3.0-or-later

package interop

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// tusTask is the argument of tusjs/upload.mjs, tusResult what it prints.
type tusTask struct {
	Endpoint string `json:"endpoint"`
	Token    string `json:"token"`
	File     string `json:"file"`
	Chunk    int    `json:"chunk"`
	Stop     int    `json:"stop,omitempty"`
	Resume   string `json:"resume,omitempty"`
	Override bool   `json:"override,omitempty"`
	End      bool   `json:"end,omitempty"`
}

type tusResult struct {
	URL  string `json:"url"`
	Sent int    `json:"sent"`
	Done bool   `json:"done"`
}

func (task tusTask) run(t *testing.T) (result tusResult) {
	t.Helper()
	arg, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	cmd, err := TusJS(t.Context(), string(arg))
	need(t, err)
	var failure bytes.Buffer
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &failure)
	}
	if err := json.Unmarshal(out, &result); err != nil {
		t.Fatalf("%v: %q", err, out)
	}
	return result
}

// A foreign client of tus uploads to the real server, goes on where an upload
// was cut off, and takes one back.
func TestForeignUploads(t *testing.T) {
	const size, chunk = 3<<20 + 17, 1 << 20
	content := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(content) // never fails
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	i := servertest.Start(t, servertest.Options{Memory: true, Change: func(c *server.Config) { c.Limits.MaxBlob = size }})
	task := func(token byte) tusTask {
		return tusTask{Endpoint: i.URL + protocol.BlobPath, Token: protocol.UploadToken{token}.Text(), File: file, Chunk: chunk}
	}
	where := func(token byte) string {
		return i.URL + protocol.BlobPath + "/" + protocol.UploadToken{token}.BlobID().String()
	}
	stored := func(token byte, status int) {
		t.Helper()
		resp, err := http.Get(where(token))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if err != nil || resp.Body.Close() != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != status || status == http.StatusOK && !bytes.Equal(got, content) {
			t.Errorf("upload %d: %s, %d bytes", token, resp.Status, len(got))
		}
	}

	if got := task(1).run(t); got != (tusResult{where(1), size, true}) {
		t.Errorf("an upload: %+v", got)
	}
	stored(1, http.StatusOK)

	half := task(2)
	half.Stop = 2 * chunk
	if got := half.run(t); got != (tusResult{where(2), 2 * chunk, false}) {
		t.Errorf("a cut upload: %+v", got)
	}
	stored(2, http.StatusNotFound)
	rest := task(2)
	rest.Resume, rest.Override = where(2), true
	if got := rest.run(t); got != (tusResult{where(2), size - 2*chunk, true}) {
		t.Errorf("the rest, by the overridden method: %+v", got)
	}
	stored(2, http.StatusOK)

	back := task(3)
	back.Stop, back.End = chunk, true
	back.run(t)
	resp, err := http.Head(where(3))
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("an upload that was taken back: %s, %v", resp.Status, err)
	}
}
