// SPDX-License-Identifier: AGPL-3.0-or-later

package enginetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// bidi is a connection that speaks WebDriver BiDi (W3C).
type bidi struct {
	ws *websocket.Conn

	mu      sync.Mutex
	last    int
	pending map[int]chan answer
}

type answer struct {
	Type    string          `json:"type"`
	ID      int             `json:"id"`
	Result  json.RawMessage `json:"result"`
	Error   string          `json:"error"`
	Message string          `json:"message"`
}

// dialBiDi connects and begins a session.
func dialBiDi(ctx context.Context, url string) (*bidi, error) {
	ws, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(64 << 20)
	b := &bidi{ws: ws, pending: map[int]chan answer{}}
	go b.read()
	return b, b.do("session.new", map[string]any{"capabilities": map[string]any{}}, nil)
}

func (b *bidi) read() {
	for {
		var a answer
		if err := wsjson.Read(context.Background(), b.ws, &a); err != nil {
			b.fail()
			return
		}
		b.mu.Lock()
		waiting := b.pending[a.ID]
		delete(b.pending, a.ID)
		b.mu.Unlock()
		if waiting != nil {
			waiting <- a
		}
	}
}

// fail ends all that waits for an answer.
func (b *bidi) fail() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, waiting := range b.pending {
		waiting <- answer{Type: "error", Error: "closed", Message: "the connection with the browser ended"}
		delete(b.pending, id)
	}
}

// do runs a command.
func (b *bidi) do(method string, params, result any) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	waiting := make(chan answer, 1)
	b.mu.Lock()
	b.last++
	id := b.last
	b.pending[id] = waiting
	err := wsjson.Write(ctx, b.ws, map[string]any{"id": id, "method": method, "params": params})
	b.mu.Unlock()
	if err != nil {
		return fmt.Errorf("enginetest: %s: %w", method, err)
	}
	select {
	case a := <-waiting:
		switch {
		case a.Type == "error":
			return fmt.Errorf("enginetest: %s: %s: %s", method, a.Error, a.Message)
		case result == nil:
			return nil
		}
		return json.Unmarshal(a.Result, result)
	case <-ctx.Done():
		return fmt.Errorf("enginetest: %s: %w", method, ctx.Err())
	}
}

// firefox is a tab of Firefox.
type firefox struct {
	*bidi
	profile, context string // a user context, and a browsing context in it
}

// openFirefox starts a browser, whose profile goes with the test.
func openFirefox(tb testing.TB) Tab {
	tb.Helper()
	path, err := exec.LookPath("firefox-esr")
	if err != nil {
		path, err = exec.LookPath("firefox")
	}
	if err != nil {
		tb.Skip("there is no Firefox on this machine; .ci/engines installs it")
	}
	dir := tb.TempDir()
	cmd := exec.Command(path, "--headless", "--no-remote", "--profile", dir, "--remote-debugging-port=0")
	cmd.Env = append(cmd.Environ(), "HOME="+dir, "MOZ_CRASHREPORTER_DISABLE=1")
	p, url, err := start(cmd, "WebDriver BiDi listening on ")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.stop)
	b, err := dialBiDi(tb.Context(), url+"/session")
	if err != nil {
		tb.Fatalf("enginetest: connecting with Firefox: %v", err)
	}
	tb.Cleanup(func() { _ = b.ws.CloseNow() })
	tab, err := (&firefox{bidi: b, profile: "default"}).Another()
	if err != nil {
		tb.Fatal(err)
	}
	return tab
}

func (f *firefox) Another() (Tab, error) {
	next := &firefox{bidi: f.bidi, profile: f.profile}
	var made struct{ Context string }
	if err := f.do("browsingContext.create", map[string]any{"type": "tab", "userContext": f.profile}, &made); err != nil {
		return nil, err
	}
	next.context = made.Context
	size := map[string]any{"context": next.context, "viewport": map[string]int{"width": width, "height": height}}
	return next, f.do("browsingContext.setViewport", size, nil)
}

func (f *firefox) Close() error {
	return f.do("browsingContext.close", map[string]any{"context": f.context}, nil)
}

func (f *firefox) Go(url string) error {
	return f.do("browsingContext.navigate", map[string]any{"context": f.context, "url": url, "wait": "complete"}, nil)
}

// A remote is a value in the page (WebDriver BiDi, script.RemoteValue).
type remote struct {
	Value    any    `json:"value"`
	SharedID string `json:"sharedId"`
}

func (f *firefox) evaluate(expression string) (remote, error) {
	var said struct {
		Type             string
		Result           remote
		ExceptionDetails struct{ Text string }
	}
	err := f.do("script.evaluate", map[string]any{"expression": expression, "target": map[string]any{"context": f.context}, "awaitPromise": true, "userActivation": false}, &said)
	if err == nil && said.Type != "success" {
		err = errors.New(said.ExceptionDetails.Text)
	}
	return said.Result, err
}

func (f *firefox) Eval(expression string) (json.RawMessage, error) {
	r, err := f.evaluate(asJSON(expression))
	text, _ := r.Value.(string)
	return json.RawMessage(text), err
}

func (f *firefox) Click(x, y float64) error {
	return f.perform(pointer(x, y))
}

func (f *firefox) Type(text string) error {
	return f.perform(keys(text))
}

// perform performs the actions of one input device.
func (f *firefox) perform(device map[string]any) error {
	if err := f.do("browsingContext.activate", map[string]any{"context": f.context}, nil); err != nil {
		return err
	}
	return f.do("input.performActions", map[string]any{"context": f.context, "actions": []any{device}}, nil)
}

func (f *firefox) Choose(selector, path string) error {
	input, err := f.evaluate(fmt.Sprintf("document.querySelector(%q)", selector))
	if err != nil {
		return err
	}
	return f.do("input.setFiles", map[string]any{"context": f.context, "element": map[string]any{"sharedId": input.SharedID}, "files": []string{path}}, nil)
}

// pointer is a click, and keys are pressed keys, as both WebDrivers take them
// (WebDriver, Section 15).
func pointer(x, y float64) map[string]any {
	return map[string]any{"type": "pointer", "id": "mouse", "actions": []any{
		map[string]any{"type": "pointerMove", "x": int(x), "y": int(y)},
		map[string]any{"type": "pointerDown", "button": 0},
		map[string]any{"type": "pointerUp", "button": 0},
	}}
}

func keys(text string) map[string]any {
	var all []any
	for _, r := range text {
		all = append(all, map[string]any{"type": "keyDown", "value": string(r)}, map[string]any{"type": "keyUp", "value": string(r)})
	}
	return map[string]any{"type": "key", "id": "keyboard", "actions": all}
}
