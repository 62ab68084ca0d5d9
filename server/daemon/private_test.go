// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon_test

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// TestFilesArePrivate serves a folder that everybody may read: nobody may read
// what the server puts there.
func TestFilesArePrivate(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	for _, dir := range []string{data, filepath.Join(data, "store")} { // the second as an earlier version left it
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, 0o755); err != nil { // whatever this process's mask is
			t.Fatal(err)
		}
	}
	s := serve(t, data, "--listen", "127.0.0.1:0")
	servertest.Dial(t, s.instance()).Must(protocol.OpRegister, servertest.NewPerson(t, s.host, "bob").Registration(), &protocol.Empty{})
	check := func() {
		seen := 0
		err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
			if err != nil || path == data {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return nil // gone meanwhile
			}
			seen++
			if info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has the mode %s", strings.TrimPrefix(path, data), info.Mode())
			}
			return nil
		})
		if err != nil || seen < 5 {
			t.Errorf("%d files, %v", seen, err)
		}
	}
	check()
	s.stop(t)
	check()
}

// TestMetricsAnswerToTheirNamesAlone asks under a name that leads to this
// machine.
func TestMetricsAnswerToTheirNamesAlone(t *testing.T) {
	s := serve(t, filepath.Join(t.TempDir(), "data"), "--listen", "127.0.0.1:0")
	defer s.stop(t)
	for host, want := range map[string]int{"": http.StatusOK, "evil.example": http.StatusMisdirectedRequest} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.metrics, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close() // its status is what counts
		if resp.StatusCode != want {
			t.Errorf("under the name %q: %s", host, resp.Status)
		}
	}
}

func TestReserveIsSaid(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	code, _, errs := run(t, "--data", data, "serve", "--listen", "127.0.0.1:0", "--reserve-mib", "999999999")
	if code != 1 || !strings.Contains(errs, "reserve of 999999999 MiB") || !strings.Contains(errs, "--reserve-mib") {
		t.Errorf("exit code %d, %q", code, errs)
	}
	s := serve(t, data, "--listen", "127.0.0.1:0", "--reserve-mib", "7")
	s.stop(t)
	if !strings.Contains(s.log.String(), "reserve_mib=7") {
		t.Errorf("the log does not name the reserve: %q", s.log.String())
	}
}

// TestUnknownProxyIsTold passes a request on as a proxy on this machine does.
func TestUnknownProxyIsTold(t *testing.T) {
	s := serve(t, filepath.Join(t.TempDir(), "data"), "--listen", "127.0.0.1:0")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+protocol.WebSocketPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Upgrade", "websocket")
	req.Header.Set("X-Forwarded-For", "192.0.2.77")
	for range 3 {
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close() // the log is what counts
	}
	s.stop(t)
	if log := s.log.String(); strings.Count(log, "--trusted-proxies") != 1 || strings.Contains(log, "192.0.2.77") {
		t.Errorf("the log: %q", log)
	}
}
