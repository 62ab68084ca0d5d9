// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/loopback"
	"github.com/securecrypt/securecrypt/internal/product/webapp"
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
		return console.WithCode(errors.New("this program was built without the browser's application: run `make web` and build it again"), console.ExitError)
	}
	server := ""
	if cmd.Server != "" {
		var err error
		if server, err = serverHost(cmd.Server); err != nil {
			return err
		}
	}
	ln, err := cmd.listen(a.Ctx)
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	_, _ = fmt.Fprintf(a.Stdout, "Open http://localhost:%s in your browser. Ctrl-C ends it; what you have stays in the browser.\n", port)
	page := webapp.Handler(webapp.Options{Loopback: true, Server: server})
	return a.serve(ln, loopback.Only(page, port))
}

func (cmd *appCmd) listen(ctx context.Context) (net.Listener, error) {
	if !loopback.Is(cmd.Listen) {
		return nil, console.WithCode(errors.New("--listen must be on this machine alone, such as localhost:7488"), console.ExitUsage)
	}
	ln, err := loopback.Listen(ctx, cmd.Listen)
	switch {
	case errors.Is(err, loopback.ErrTaken):
		return nil, console.WithCode(fmt.Errorf("%w, and your browser might open that instead; end it, or choose another port with --listen. "+
			"What the browser keeps belongs to the port: with another one you start over", err), console.ExitError)
	case err != nil:
		return nil, console.WithCode(fmt.Errorf("%w; choose another address with --listen", err), console.ExitError)
	}
	return ln, nil
}

// serve answers until the program is interrupted.
func (a *app) serve(ln net.Listener, h http.Handler) error {
	return a.serveUntilInterrupted(&http.Server{Handler: h, ReadHeaderTimeout: pageHeaderTimeout, ErrorLog: log.New(a.Stderr, "securecrypt: ", 0)}, ln)
}

// serveUntilInterrupted has a server answer, and lets it finish what is under way.
func (a *app) serveUntilInterrupted(s *http.Server, ln net.Listener) error {
	stop := context.AfterFunc(a.Ctx, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(a.Ctx), pageShutdown)
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
