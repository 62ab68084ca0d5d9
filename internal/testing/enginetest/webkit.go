// SPDX-License-Identifier: AGPL-3.0-or-later

package enginetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// elementKey is the key of an element in WebDriver's JSON (WebDriver, Section 12.1).
const elementKey = "element-6066-11e4-a52e-4f735466cecf"

// classic is a session of WebDriver (W3C), in which commands go to one tab at a time.
type classic struct {
	base string // address of the driver, and then of the session

	mu      sync.Mutex
	current string // handle of the tab that commands go to
}

// do runs a command.
func (c *classic) do(method, path string, params, result any) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	body, err := json.Marshal(params)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	var said struct{ Value json.RawMessage }
	if err := json.NewDecoder(response.Body).Decode(&said); err != nil {
		return fmt.Errorf("enginetest: %s: %w", path, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("enginetest: %s: %s", path, said.Value)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(said.Value, result)
}

// miniBrowser returns the path of WebKitGTK's browser, empty if there is none.
func miniBrowser() string {
	for _, pattern := range []string{"/usr/lib/*/webkit2gtk-4.*/MiniBrowser", "/usr/lib*/webkit2gtk-4.*/MiniBrowser", "/usr/libexec/webkit2gtk-4.*/MiniBrowser"} {
		if all, _ := filepath.Glob(pattern); len(all) > 0 {
			return all[len(all)-1]
		}
	}
	return ""
}

// openWebKit starts a display, a driver and a browser, which go with the test.
func openWebKit(tb testing.TB) Tab {
	tb.Helper()
	driver, err := exec.LookPath("WebKitWebDriver")
	display, lost := exec.LookPath("Xvfb")
	browser := miniBrowser()
	if err != nil || lost != nil || browser == "" {
		tb.Skip("there is no WebKitWebDriver with MiniBrowser and Xvfb on this machine; .ci/engines installs them")
	}
	screen := exec.Command(display, "-displayfd", "1", "-screen", "0", "1400x1000x24", "-nolisten", "tcp")
	screen.Stderr = io.Discard // the first line of its output is the display's number
	x, number, err := start(screen, "")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(x.stop)
	port, err := freePort()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(driver, "--port="+strconv.Itoa(port))
	cmd.Env = append(cmd.Environ(), "DISPLAY=:"+number, "HOME="+tb.TempDir(), "XDG_RUNTIME_DIR="+tb.TempDir())
	p, err := run(cmd)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.stop)
	c := &classic{base: fmt.Sprintf("http://127.0.0.1:%d", port)}
	if err := c.begin(tb.Context(), browser); err != nil {
		tb.Fatalf("enginetest: starting WebKitGTK's MiniBrowser: %v", err)
	}
	tb.Cleanup(func() { _ = c.do(http.MethodDelete, "", nil, nil) }) // p ends what does not close
	k := &webkit{classic: c}
	if err := c.do(http.MethodGet, "/window", nil, &k.handle); err != nil {
		tb.Fatal(err)
	}
	c.current = k.handle
	if err := k.post("/window/rect", map[string]int{"width": width, "height": height}, nil); err != nil {
		tb.Fatal(err)
	}
	return k
}

// freePort returns a port that nothing listens at, for a program that cannot
// have the system choose one.
func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

// begin begins a session, as soon as the driver answers.
func (c *classic) begin(ctx context.Context, browser string) error {
	options := map[string]any{"binary": browser, "args": []string{"--automation"}}
	wanted := map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{"browserName": "MiniBrowser", "webkitgtk:browserOptions": options}}}
	var made struct{ SessionID string }
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := c.do(http.MethodPost, "/session", wanted, &made)
		var refused *net.OpError
		if !errors.As(err, &refused) {
			c.base += "/session/" + made.SessionID
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

// webkit is a tab of MiniBrowser.
type webkit struct {
	*classic
	handle string
}

// post runs a command in this tab.
func (k *webkit) post(path string, params, result any) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.postLocked(path, params, result)
}

func (k *webkit) postLocked(path string, params, result any) error {
	if k.current != k.handle {
		if err := k.do(http.MethodPost, "/window", map[string]string{"handle": k.handle}, nil); err != nil {
			return err
		}
		k.current = k.handle
	}
	return k.do(http.MethodPost, path, params, result)
}

func (k *webkit) Go(url string) error { return k.post("/url", map[string]string{"url": url}, nil) }

func (k *webkit) Eval(expression string) (json.RawMessage, error) {
	script := "const done = arguments[0]; " + asJSON(expression) + ".then(v => done([v, null]), e => done([null, String(e)]))"
	var said [2]*string
	if err := k.post("/execute/async", map[string]any{"script": script, "args": []any{}}, &said); err != nil {
		return nil, err
	}
	if said[1] != nil || said[0] == nil {
		return nil, fmt.Errorf("enginetest: %s", *said[1])
	}
	return json.RawMessage(*said[0]), nil
}

func (k *webkit) Click(x, y float64) error {
	return k.post("/actions", map[string]any{"actions": []any{pointer(x, y)}}, nil)
}

func (k *webkit) Type(text string) error {
	return k.post("/actions", map[string]any{"actions": []any{keys(text)}}, nil)
}

func (k *webkit) Choose(selector, path string) error {
	var found map[string]string
	if err := k.post("/element", map[string]string{"using": "css selector", "value": selector}, &found); err != nil {
		return err
	}
	return k.post("/element/"+found[elementKey]+"/value", map[string]string{"text": path}, nil)
}

func (k *webkit) Another() (Tab, error) {
	var made struct{ Handle string }
	// A window of its own: events do not reach a tab that is not in front.
	if err := k.post("/window/new", map[string]string{"type": "window"}, &made); err != nil {
		return nil, err
	}
	return &webkit{k.classic, made.Handle}, nil
}

func (k *webkit) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.postLocked("/window", map[string]string{"handle": k.handle}, nil); err != nil {
		return err
	}
	k.current = ""
	return k.do(http.MethodDelete, "/window", nil, nil)
}
