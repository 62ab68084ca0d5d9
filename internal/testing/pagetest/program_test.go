// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// opens starts `securecrypt app` and returns the address that it prints.
func opens(t *testing.T, args ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "securecrypt")
	build := exec.Command("go", "build", "-o", program, "./cmd/securecrypt")
	build.Dir = filepath.Join("..", "..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	run := exec.Command(program, append([]string{"app", "--listen", "localhost:0"}, args...)...)
	run.Env, run.Stderr = append(os.Environ(), "HOME="+t.TempDir()), os.Stderr
	out, err := run.StdoutPipe()
	must(t, err)
	must(t, run.Start())
	t.Cleanup(func() {
		must(t, run.Process.Signal(os.Interrupt))
		_ = run.Wait() // interrupted
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	address := regexp.MustCompile(`http://localhost:\d+`).FindString(line)
	if address == "" {
		t.Fatalf("it says %q", line)
	}
	return address
}

// The application from the own program talks with whoever has it from a
// server, and is invited to by links to that server.
func TestApplicationOfTheProgram(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := &person{browsertest.Open(t), t, w, "ana"}, w.settle(t, phone, "bea", "")
	ana.Size(desktop.width, desktop.height, false)
	ana.Go(opens(t))
	ana.Click("button", "Get started")
	ana.Write("Your name", "Ana")
	ana.Write("Server", w.Host)
	ana.Click("DisclosureTriangle", "More options")
	ana.Write("Address", "ana")
	ana.Click("button", "Create account")
	ana.Click("checkbox", "I have written it down")
	ana.Click("button", "Continue")
	ana.meet(bea)
	ana.Do(reload())
	ana.reads("Hello, I am bea")
	ana.at("/")
	ana.Click("button", "New conversation")
	ana.Click("button", "Share your address")
	bea.Allow("camera")
	bea.films(ana)
	bea.at("/")
	bea.Click("button", "New conversation")
	bea.Click("button", "Scan a code")
	bea.reads("Hello, I am ana")
}
