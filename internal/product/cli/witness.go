// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/loopback"
	"github.com/securecrypt/securecrypt/internal/product/witnessd"
)

type witnessCmd struct {
	Init   witnessInitCmd   `cmd:"" help:"Make a witness with a new key in a folder."`
	AddLog witnessAddLogCmd `cmd:"" name:"add-log" help:"Have a witness cosign a log. A witness that serves takes it in on SIGHUP."`
	Serve  witnessServeCmd  `cmd:"" help:"Serve a witness over HTTP (c2sp.org/tlog-witness)."`
}

type witnessInitCmd struct {
	Dir  string `arg:"" help:"New folder for the witness."`
	Name string `required:"" help:"Name of the witness in signatures: a host, perhaps with a path, such as witness.example." placeholder:"NAME"`
}

// Run makes a witness, and prints the keys that policies name it by.
func (cmd *witnessInitCmd) Run(a *app) error {
	if err := witnessd.Create(cmd.Dir, cmd.Name); err != nil {
		return err
	}
	keys, err := witnessd.Keys(cmd.Dir)
	if err != nil {
		return err
	}
	var texts []string
	for _, k := range keys {
		texts = append(texts, k.Verifier().String())
	}
	if a.JSON {
		a.PrintJSON(map[string]any{"name": cmd.Name, "path": cmd.Dir, "keys": texts})
		return nil
	}
	_, _ = fmt.Fprintln(a.Stdout, "The keys of the witness, for Ed25519 and for ML-DSA-44. Policies of logs name it by one of them:")
	for _, text := range texts {
		_, _ = fmt.Fprintf(a.Stdout, "\n%s\n", text)
	}
	return nil
}

type witnessAddLogCmd struct {
	Dir string `arg:"" help:"Folder of the witness."`
	Key string `arg:"" help:"Verifier key of the log, as it publishes it: NAME+HASH+KEY."`
}

// Run adds a log to those that a witness knows.
func (cmd *witnessAddLogCmd) Run(a *app) error {
	if _, err := witnessd.Keys(cmd.Dir); err != nil {
		return err
	}
	key, err := witnessd.AddLog(cmd.Dir, cmd.Key)
	if err != nil {
		return console.WithCode(fmt.Errorf("the log was not added: %w. Copy its key as the log publishes it", err), console.ExitUsage)
	}
	a.Say("the witness cosigns %s", key.Name())
	return nil
}

type witnessServeCmd struct {
	Dir         string `arg:"" help:"Folder of the witness."`
	Listen      string `help:"Address and port. Elsewhere than on this machine, let a proxy in front speak TLS." default:"localhost:7490" placeholder:"ADDRESS"`
	BehindProxy bool   `help:"All requests come through a proxy, which bounds those of one address."`
}

// Run serves a witness until it is interrupted.
func (cmd *witnessServeCmd) Run(a *app) (err error) {
	keys, err := witnessd.Keys(cmd.Dir)
	if err != nil {
		return err
	}
	f, err := witnessd.Open(a.Ctx, cmd.Dir)
	if errors.Is(err, witnessd.ErrInUse) {
		return console.WithCode(err, console.ExitBusy)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	ln, err := listenAt(a.Ctx, cmd.Listen)
	if err != nil {
		return console.WithCode(fmt.Errorf("%w; choose another address with --listen", err), console.ExitError)
	}
	now := a.now
	if now == nil {
		now = time.Now
	}
	defer a.reloadOnHangup(f)()
	s := witnessd.Server(witnessd.Handler(witnessd.Options{
		Folder: f, Keys: keys, Now: now, BehindProxy: cmd.BehindProxy, Log: slog.New(slog.NewTextHandler(a.Stderr, nil)),
	}))
	s.ErrorLog = log.New(a.Stderr, "securecrypt: ", 0)
	_, _ = fmt.Fprintf(a.Stdout, "The witness %s serves at http://%s\n", keys[0].Verifier().Name(), ln.Addr())
	return a.serveUntilInterrupted(s, ln)
}

// listenAt listens on an address; at localhost, on both addresses of this machine.
func listenAt(ctx context.Context, address string) (net.Listener, error) {
	if loopback.Is(address) {
		return loopback.Listen(ctx, address)
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}

// reloadOnHangup has a witness read its logs again on SIGHUP, until stop is called.
func (a *app) reloadOnHangup(f *witnessd.Folder) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	go func() {
		for range signals {
			if err := f.Reload(); err != nil {
				a.Say("%v; the witness goes on with the logs that it knew", err)
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
	}
}
