// SPDX-License-Identifier: AGPL-3.0-or-later

// Command runlocal is `make run`: it builds the server and the client, starts
// a server on this machine alone and prints the lines that let two people
// chat. It runs until Ctrl-C; the folder .run keeps what was said.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/securecrypt/securecrypt/internal/product/loopback"
)

const dir = ".run"

func main() {
	port := flag.Int("port", 7480, "port of the server, on loopback; another one is found if it is taken")
	fresh := flag.Bool("fresh", false, "forget what earlier runs left behind")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *port, *fresh); err != nil {
		fmt.Fprintln(os.Stderr, "runlocal:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, port int, fresh bool) error {
	if fresh {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	for _, name := range []string{"securecryptd", "securecrypt"} {
		fmt.Println("building", binary(name))
		if err := shown(exec.CommandContext(ctx, "go", "build", "-o", binary(name), "./cmd/"+name)).Run(); err != nil {
			return fmt.Errorf("building %s: %w", name, err)
		}
	}
	port, err := freePort(ctx, port)
	if err != nil {
		return err
	}
	home := filepath.Join(dir, fmt.Sprint(port)) // addresses end in the port
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	return serve(ctx, port, home)
}

// freePort returns the wanted port, or any other if something listens there on
// either address of localhost.
func freePort(ctx context.Context, wanted int) (int, error) {
	l, err := loopback.Listen(ctx, fmt.Sprintf("localhost:%d", wanted))
	if errors.Is(err, loopback.ErrTaken) {
		l, err = loopback.Listen(ctx, "localhost:0")
	}
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// serve runs the server until ctx ends, and lets it stop in peace.
func serve(ctx context.Context, port int, home string) error {
	address, host := fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf("localhost:%d", port)
	cmd := shown(exec.CommandContext(ctx, binary("securecryptd"), "serve",
		"--listen", host, "--host", host, "--data", filepath.Join(home, "server")))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if err := reachable(ctx, address, ended); err != nil {
		return err
	}
	guide(host, home)
	if err := <-ended; err != nil && ctx.Err() == nil {
		return fmt.Errorf("the server stopped: %w", err)
	}
	return nil
}

// reachable waits until the server answers.
func reachable(ctx context.Context, address string, ended <-chan error) error {
	for {
		if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			return c.Close()
		}
		select {
		case err := <-ended:
			return errors.Join(errors.New("the server did not start"), err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func guide(host, home string) {
	sc := binary("securecrypt")
	a, b := filepath.Join(home, "alice"), filepath.Join(home, "bob")
	fmt.Printf(`
Open in a browser, once for each person (a private window is another person):

  http://%[2]s

Or in a second terminal, in this folder:

  # once: two people, with a key file each instead of a passphrase
  %[1]s --home %[3]s init --server http://%[2]s --name alice --no-passphrase
  %[1]s --home %[4]s init --server http://%[2]s --name bob --no-passphrase

  # alice writes to bob, who accepts
  %[1]s --home %[3]s send bob@%[2]s "Hello Bob"
  %[1]s --home %[4]s requests
  %[1]s --home %[4]s accept alice@%[2]s
  %[1]s --home %[4]s receive

  # and in two terminals they talk
  %[1]s --home %[3]s chat bob@%[2]s
  %[1]s --home %[4]s chat alice@%[2]s

Ctrl-C stops the server.

`, sc, host, a, b)
}

func binary(name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join("bin", name)
}

func shown(cmd *exec.Cmd) *exec.Cmd {
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd
}
