// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
	"github.com/securecrypt/securecrypt/internal/product/webapp"
)

// opened runs `securecrypt app` until the test ends and returns the port that
// it prints.
func opened(t *testing.T, args ...string) (port string) {
	t.Helper()
	if !webapp.Built() {
		t.Skip("the application for browsers is not built; `make web` builds it")
	}
	ctx, stop := context.WithCancel(context.Background())
	out, in := io.Pipe()
	var errs bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		a := &app{Console: console.Console{Ctx: ctx, Stdin: strings.NewReader(""), Stdout: termtext.NewWriter(in), Stderr: termtext.NewWriter(&errs)}}
		ended <- a.main(append([]string{"app"}, args...))
		_ = in.Close() // a pipe's end always closes
	}()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != console.ExitOK {
			t.Errorf("exit %d: %s", code, errs.String())
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	at := regexp.MustCompile(`Open http://localhost:(\d+) `).FindStringSubmatch(line)
	if at == nil {
		t.Fatalf("it says %q", line)
	}
	return at[1]
}

// Whichever address of localhost a browser tries first is this program's.
func TestAppHasBothAddresses(t *testing.T) {
	probe, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skipf("needs IPv6 on this machine: %v", err)
	}
	if err := probe.Close(); err != nil {
		t.Fatal(err)
	}
	port := opened(t, "--listen", "localhost:0")
	for _, host := range []string{"localhost", "127.0.0.1", "[::1]"} {
		resp, err := http.Get("http://" + host + ":" + port + "/")
		if err != nil {
			t.Error(err)
			continue
		}
		if resp.StatusCode != http.StatusOK || resp.Body.Close() != nil {
			t.Errorf("%s: %s", host, resp.Status)
		}
	}
}

// A site elsewhere whose name leads to this machine gets nothing.
func TestAppAnswersToItsNamesAlone(t *testing.T) {
	port := opened(t, "--listen", "localhost:0")
	for host, want := range map[string]int{
		"localhost:" + port: http.StatusOK, "127.0.0.1:" + port: http.StatusOK,
		"rebound.example:" + port: http.StatusMisdirectedRequest, "localhost": http.StatusMisdirectedRequest,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+port+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != want || resp.Body.Close() != nil {
			t.Errorf("%s: got %s, want %d", host, resp.Status, want)
		}
	}
}

func TestAppRefusesWhatIsNotItsOwn(t *testing.T) {
	if !webapp.Built() {
		t.Skip("the application for browsers is not built; `make web` builds it")
	}
	taken, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skipf("needs IPv6 on this machine: %v", err)
	}
	defer func() { _ = taken.Close() }() // the test is over
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second) // if it starts all the same
	defer stop()
	for listen, want := range map[string]struct {
		code int
		says string
	}{
		"localhost:" + port: {console.ExitError, "another port with --listen"},
		"127.0.0.1:" + port: {console.ExitError, "[::1]:" + port + " is taken"},
		"0.0.0.0:0":         {console.ExitUsage, "on this machine alone"},
		"localhost":         {console.ExitUsage, "on this machine alone"},
	} {
		var out, errs bytes.Buffer
		a := &app{Console: console.Console{Ctx: ctx, Stdin: strings.NewReader(""), Stdout: termtext.NewWriter(&out), Stderr: termtext.NewWriter(&errs)}}
		if code := a.main([]string{"app", "--listen", listen}); code != want.code || !strings.Contains(errs.String(), want.says) || out.Len() != 0 {
			t.Errorf("%s: exit %d, %q %q; want %d and %q", listen, code, out.String(), errs.String(), want.code, want.says)
		}
	}
}
