// SPDX-License-Identifier: AGPL-3.0-or-later

package foreign_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/internal/product/foreign"
	"github.com/securecrypt/securecrypt/vault/mountfs"
)

const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// program has a shell script take the place of restic or borg, and returns a
// repository of it.
func program(t *testing.T, name, script string) *foreign.Repository {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("TMPDIR", t.TempDir())
	r, err := foreign.Open(name, "the place")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestProgramsAreToldWhatTheyNeed looks at the arguments and the environment of a
// program: passwords are in neither the arguments nor, if they are ours, at all.
func TestProgramsAreToldWhatTheyNeed(t *testing.T) {
	t.Setenv("SECURECRYPT_PASSPHRASE", "ours")
	seen := filepath.Join(t.TempDir(), "seen")
	r := program(t, "restic", `{ echo "arguments: $*"; env; } >"`+seen+`"; echo '[]'`)
	r.SetPassword("theirs")
	if all, err := r.List(t.Context()); err != nil || len(all) != 0 {
		t.Fatalf("%v, %v", all, err)
	}
	b, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	arguments, env, _ := strings.Cut(string(b), "\n")
	if arguments != "arguments: snapshots --json --quiet" {
		t.Errorf("%q", arguments)
	}
	if strings.Contains(env, "ours") || !strings.Contains(env, "\nRESTIC_PASSWORD=theirs\n") || !strings.Contains(env, "\nRESTIC_REPOSITORY=the place\n") {
		t.Errorf("the environment is %q", env)
	}
}

// TestListsAreChecked has programs print lists that are right, and such as only
// somebody hostile would make.
func TestListsAreChecked(t *testing.T) {
	when := time.Date(2020, 1, 2, 3, 4, 5, 6000, time.UTC)
	for _, c := range []struct {
		name, list string
		want       []foreign.Snapshot
	}{
		{"restic", `[{"time":"2021-01-02T03:04:05Z","id":"f` + id[1:] + `"},{"time":"2020-01-02T04:04:05.000006+01:00","paths":["/a"],"hostname":"h","tags":["t"],"id":"` + id + `"}]`,
			[]foreign.Snapshot{{ID: id, Name: id[:8], Time: when, Host: "h", Paths: []string{"/a"}, Tags: []string{"t"}}, {ID: "f" + id[1:], Name: "f" + id[1:8], Time: when.AddDate(1, 0, 0).Truncate(time.Second)}}},
		{"restic", `[{"time":"2020-01-02T03:04:05Z","id":"../../../../etc"}]`, nil},
		{"restic", `[{"time":"2020-01-02T03:04:05Z","id":""}]`, nil},
		{"restic", `not a list`, nil},
		{"borg", `{"archives":[{"id":"` + id + `","name":"first","start":"2020-01-02T03:04:05.000006","hostname":"h","command_line":["borg","create","-C","zstd","::first","--stats","/a","b"]}]}`,
			[]foreign.Snapshot{{ID: id, Name: "first", Time: when, Host: "h", Paths: []string{"/a", "b"}, Tags: []string{"first"}}}},
		{"borg", `{"archives":[{"id":"` + id + `","name":"first","start":"2020-01-02T03:04:05.000006","command_line":["borg","import-tar"]}]}`,
			[]foreign.Snapshot{{ID: id, Name: "first", Time: when, Paths: []string{"/"}, Tags: []string{"first"}}}},
		{"borg", `{"archives":[{"id":"` + id + `","name":"first","start":"yesterday"}]}`, nil},
		{"borg", `{"archives":[{"id":"x","name":"first","start":"2020-01-02T03:04:05.000006"}]}`, nil},
	} {
		file := filepath.Join(t.TempDir(), "list")
		if err := os.WriteFile(file, []byte(c.list), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := program(t, c.name, "cat "+file).List(t.Context())
		if (err != nil) != (c.want == nil) || len(got) != len(c.want) {
			t.Errorf("%s %s: %v, %v", c.name, c.list, got, err)
			continue
		}
		for i, s := range got {
			w := c.want[i]
			if s.ID != w.ID || s.Name != w.Name || !s.Time.Equal(w.Time) || s.Host != w.Host || strings.Join(s.Paths, " ") != strings.Join(w.Paths, " ") || strings.Join(s.Tags, " ") != strings.Join(w.Tags, " ") {
				t.Errorf("%s: %+v, want %+v", c.name, s, w)
			}
		}
	}
}

// TestProgramsSayWhyTheyFail has a program fail, be missing, and not mount.
func TestProgramsSayWhyTheyFail(t *testing.T) {
	_, err := program(t, "borg", "echo 'no such\nrepository' >&2; exit 2").List(t.Context())
	if !errors.Is(err, foreign.ErrProgram) || !strings.HasSuffix(err.Error(), ": no such repository") {
		t.Errorf("a program that fails: %v", err)
	}
	s := foreign.Snapshot{ID: id, Name: "first"}
	_, err = program(t, "borg", "echo 'no mount today' >&2; exit 2").Mount(t.Context(), &s)
	if errors.Is(err, mountfs.ErrNoDevice) || errors.Is(err, mountfs.ErrNoHelper) {
		t.Skipf("nothing can be mounted here: %v", err)
	}
	if !errors.Is(err, foreign.ErrProgram) || !strings.Contains(err.Error(), "no mount today") {
		t.Errorf("a program that does not mount: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	began := filepath.Join(t.TempDir(), "began")
	if err := os.WriteFile(began, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := program(t, "restic", "rm "+began+"; exec sleep 600")
	go func() {
		for _, err := os.Stat(began); err == nil; _, err = os.Stat(began) {
			time.Sleep(time.Millisecond) // until the program runs
		}
		cancel()
	}()
	if _, err := r.Mount(ctx, &s); !errors.Is(err, context.Canceled) {
		t.Errorf("a program that never mounts: %v", err)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	t.Setenv("PATH", "")
	if _, err := foreign.Open("restic", "x"); !errors.Is(err, foreign.ErrNoProgram) {
		t.Errorf("a program that is not installed: %v", err)
	}
}
