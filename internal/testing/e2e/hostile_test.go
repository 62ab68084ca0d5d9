// SPDX-License-Identifier: AGPL-3.0-or-later

package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	ws "github.com/coder/websocket"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/securecrypt/securecrypt/internal/product/termtext/hostile"
	"github.com/securecrypt/securecrypt/protocol"
)

// startHostile starts a server that answers every connection with hostile text,
// and sets $NAME_HOST: hostile NAME status|hello|limit.
func startHostile(ts *testscript.TestScript, neg bool, args []string) {
	serve := map[string]http.HandlerFunc{"status": hostileStatus, "hello": hostileHello, "limit": limited}[args[1]]
	s := httptest.NewServer(serve)
	ts.Defer(s.Close)
	ts.Setenv(args[0]+"_HOST", strings.TrimPrefix(s.URL, "http://"))
}

// limited refuses as a limit of connections does.
func limited(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "47")
	w.WriteHeader(http.StatusTooManyRequests)
}

// hostileStatus refuses with a reason that acts on terminals.
func hostileStatus(w http.ResponseWriter, _ *http.Request) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = fmt.Fprint(c, "HTTP/1.1 403 \x1b]0;PWNED\a\x1b[2J\x1b[31mHACKED\r\nContent-Length: 0\r\n\r\n")
	_ = c.Close()
}

// hostileHello calls itself by a name that acts on terminals.
func hostileHello(w http.ResponseWriter, r *http.Request) {
	c, err := ws.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	hello := protocol.Hello{Version: protocol.Version, Host: strings.ToValidUTF8(hostile.Text, "")}
	b, err := protocol.Append(nil, protocol.KindEvent, 0, uint16(protocol.EventHello), &hello)
	if err == nil {
		_ = c.Write(r.Context(), ws.MessageBinary, b)
	}
	_, _, _ = c.Read(r.Context()) // until the client goes
}

// checkHarmless looks through what the last program wrote.
func checkHarmless(ts *testscript.TestScript, neg bool, args []string) {
	for _, stream := range []string{"stdout", "stderr"} {
		if err := hostile.Find(ts.ReadFile(stream)); err != nil {
			ts.Fatalf("%s: %v", stream, err)
		}
	}
}
