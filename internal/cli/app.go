// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/securecrypt/securecrypt/internal/webapp"
)

// How long the application's server waits for a request, and for its end.
const (
	pageHeaderTimeout = 10 * time.Second
	pageShutdown      = 2 * time.Second
)

type appCmd struct {
	Server string `help:"The server for new accounts, such as https://chat.example; asked for in the browser if not given." placeholder:"URL"`
	Listen string `help:"Loopback address and port. Keep the port: the browser keeps what you have by it." default:"localhost:7488" placeholder:"ADDRESS"`
}

// Run serves the application for browsers on this machine, from this program
// instead of from a server that somebody else controls.
func (cmd *appCmd) Run(a *app) error {
	if !webapp.Built() {
		return coded{errors.New("this program was built without the browser's application: run `make web` and build it again"), exitError}
	}
	server := ""
	if cmd.Server != "" {
		var err error
		if server, err = serverHost(cmd.Server); err != nil {
			return err
		}
	}
	ln, err := net.Listen("tcp", cmd.Listen)
	if err != nil {
		return coded{fmt.Errorf("%w; choose another address with --listen", err), exitError}
	}
	if at, ok := ln.Addr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() {
		return errors.Join(coded{errors.New("--listen must be on this machine alone, such as localhost:7488"), exitUsage}, ln.Close())
	}
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	_, _ = fmt.Fprintf(a.stdout, "Open http://localhost:%s in your browser. Ctrl-C ends it; what you have stays in the browser.\n", port)
	return a.serve(ln, webapp.Handler(webapp.Options{Loopback: true, Server: server}))
}

// serve answers until the program is interrupted.
func (a *app) serve(ln net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: pageHeaderTimeout}
	stop := context.AfterFunc(a.ctx, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(a.ctx), pageShutdown)
		defer cancel()
		if s.Shutdown(ctx) != nil {
			_ = s.Close() // cut what did not finish
		}
	})
	defer stop()
	if err := s.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
