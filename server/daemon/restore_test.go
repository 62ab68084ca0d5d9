// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/daemon"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// backedUp is a server's folder with an account, and a backup of it.
func backedUp(t *testing.T) (data, backup string, bob servertest.Person, hello protocol.Hello) {
	t.Helper()
	dir := t.TempDir()
	data, backup = filepath.Join(dir, "data"), filepath.Join(dir, "backup")
	s := serve(t, data, "--listen", "127.0.0.1:0")
	bob, c := servertest.Register(t, s.instance(), "bob")
	c.Must(protocol.OpKeyPackagesPublish, &protocol.KeyPackagesPublish{KeyPackages: [][]byte{[]byte("one-time")}, LastResort: []byte("last")}, &protocol.KeyPackagesStatus{})
	hello = c.Hello
	if code, _, errs := run(t, "--data", data, "backup", backup); code != 0 {
		t.Fatal(errs)
	}
	s.stop(t)
	return data, backup, bob, hello
}

// A restore begins another incarnation, in which one-time key packages that may
// have been used are gone, and keeps the keys of the folder.
func TestRestoreBeginsAnotherIncarnation(t *testing.T) {
	data, backup, _, before := backedUp(t)
	key, err := os.ReadFile(filepath.Join(data, "push.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if code, _, errs := run(t, "--data", data, "restore", backup); code != daemon.ExitFailure || !strings.Contains(errs, "--replace") {
		t.Fatalf("into a folder with data: %d %q", code, errs)
	}
	code, out, errs := run(t, "--data", data, "restore", backup, "--replace")
	if code != 0 || !strings.Contains(out, "What was there before is in") {
		t.Fatalf("%d %q %q", code, out, errs)
	}
	if got, err := os.ReadFile(filepath.Join(data, "push.pem")); err != nil || string(got) != string(key) {
		t.Errorf("push.pem: %v", err)
	}
	replaced, err := filepath.Glob(filepath.Join(data, "replaced-*", "store", "CURRENT*"))
	if aside, _ := filepath.Glob(filepath.Join(data, "replaced-*", "store")); err != nil || len(aside) != 1 {
		t.Errorf("what was there: %v, %v, %v", aside, replaced, err)
	}
	s := serve(t, data, "--listen", "127.0.0.1:0", "--host", before.Host)
	c := servertest.Dial(t, s.instance())
	if c.Hello.Incarnation == before.Incarnation {
		t.Error("the incarnation is the one before")
	}
	var got protocol.KeyPackages
	c.Must(protocol.OpKeyPackagesTake, &protocol.KeyPackagesTake{Name: "bob"}, &got)
	if len(got.KeyPackages) != 1 || string(got.KeyPackages[0].KeyPackage) != "last" {
		t.Errorf("key packages: %+v", got)
	}
	s.stop(t)
}

func TestDamagedBackupsAreRefused(t *testing.T) {
	_, backup, _, _ := backedUp(t)
	var m struct {
		Files []struct{ Path string }
	}
	b, err := os.ReadFile(filepath.Join(backup, "backup.json"))
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil || len(m.Files) < 4 {
		t.Fatalf("%s, %v", b, err)
	}
	for _, f := range m.Files {
		path := filepath.Join(backup, f.Path)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for what, spoilt := range map[string][]byte{"longer": append(append([]byte(nil), whole...), 0), "missing": nil, "changed": changed(whole)} {
			if what == "changed" && len(whole) == 0 {
				continue
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if spoilt != nil {
				if err := os.WriteFile(path, spoilt, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			to := filepath.Join(t.TempDir(), "restored")
			code, _, errs := run(t, "restore", backup, to)
			if code != daemon.ExitFailure || !strings.Contains(errs, "damaged") || !strings.Contains(errs, "Use another backup") {
				t.Errorf("%s is %s: %d %q", f.Path, what, code, errs)
			}
			for _, left := range []string{"store", "restoring"} {
				if _, err := os.Stat(filepath.Join(to, left)); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s is %s: %s is there", f.Path, what, left)
				}
			}
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if code, out, errs := run(t, "restore", backup, filepath.Join(t.TempDir(), "restored")); code != 0 {
		t.Errorf("whole again: %q %q", out, errs)
	}
}

func changed(b []byte) []byte {
	c := append([]byte(nil), b...)
	if len(c) > 0 {
		c[len(c)/2] ^= 1
	}
	return c
}

// What cannot be backed up or restored is refused in words.
func TestBackupRefusals(t *testing.T) {
	data, backup, _, _ := backedUp(t)
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	if err := os.MkdirAll(other, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, "letter.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	evil := filepath.Join(dir, "evil")
	if err := os.MkdirAll(evil, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(evil, "backup.json"), []byte(`{"version":1,"files":[{"path":"store/../../x"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		args []string
		want string
	}{
		"over another backup":       {[]string{"--data", data, "backup", backup}, "choose a new folder"},
		"into a folder of others":   {[]string{"--data", data, "backup", other}, "choose a new folder"},
		"of nothing":                {[]string{"--data", filepath.Join(dir, "none"), "backup", filepath.Join(dir, "b")}, "--data"},
		"restore of nothing":        {[]string{"restore", other, filepath.Join(dir, "r")}, "there is no backup"},
		"paths that lead elsewhere": {[]string{"restore", evil, filepath.Join(dir, "r")}, "damaged"},
	} {
		if code, _, errs := run(t, c.args...); code != daemon.ExitFailure || !strings.Contains(errs, c.want) {
			t.Errorf("%s: %d %q", what, code, errs)
		}
	}
	if _, err := os.Stat(filepath.Join(other, "letter.txt")); err != nil {
		t.Error(err)
	}
	s := serve(t, data, "--listen", "127.0.0.1:0")
	if code, _, errs := run(t, "--data", data, "restore", backup, "--replace"); code != daemon.ExitFailure || !strings.Contains(errs, "stop it first") {
		t.Errorf("while the server runs: %d %q", code, errs)
	}
	s.stop(t)
}

// A folder that was copied or put back by other means is known by its marker.
func TestCopiedFoldersAreNoticed(t *testing.T) {
	data, _, _, before := backedUp(t)
	serveOnce := func(dir string) (hello protocol.Hello, noticed bool) {
		t.Helper()
		s := serve(t, dir, "--listen", "127.0.0.1:0", "--host", before.Host)
		defer s.stop(t)
		return servertest.Dial(t, s.instance()).Hello, strings.Contains(s.log.String(), "copied or put back")
	}
	saved := filepath.Join(t.TempDir(), "saved")
	if err := os.CopyFS(saved, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	if hello, noticed := serveOnce(data); noticed || hello.Incarnation != before.Incarnation {
		t.Error("a restart is taken for a copy")
	}
	hello, noticed := serveOnce(saved)
	if !noticed || hello.Incarnation == before.Incarnation {
		t.Error("a copy is not noticed")
	}
	if again, noticed := serveOnce(saved); noticed || again.Incarnation != hello.Incarnation {
		t.Error("a copy that was noticed is noticed again")
	}
	marker, err := os.ReadFile(filepath.Join(data, "incarnation.json"))
	if err != nil {
		t.Fatal(err)
	}
	later := strings.Replace(string(marker), `"newest":`, `"newest":1`, 1) // as if the store beside it were an older one
	if err := os.WriteFile(filepath.Join(data, "incarnation.json"), []byte(later), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, noticed := serveOnce(data); !noticed {
		t.Error("a store that was put back beside its marker is not noticed")
	}
	if err := os.Remove(filepath.Join(data, "incarnation.json")); err != nil {
		t.Fatal(err)
	}
	if _, noticed := serveOnce(data); !noticed {
		t.Error("a folder without a marker is not noticed")
	}
}
