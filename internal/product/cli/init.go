// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/transport/websocket"
	"github.com/securecrypt/securecrypt/internal/product/addressbook"
	"github.com/securecrypt/securecrypt/internal/product/cli/jsonlines"
	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/protocol"
)

// registerTimeout bounds how long init waits for the server.
const registerTimeout = 30 * time.Second

type initCmd struct {
	Server       string `required:"" help:"The server, such as https://chat.example." placeholder:"URL"`
	Name         string `help:"Name part of the address; random by default." placeholder:"NAME"`
	Invite       string `help:"Invitation code, where the server wants one." placeholder:"CODE"`
	Profile      string `help:"Name shown to the people you talk to." placeholder:"NAME"`
	NoPassphrase bool   `help:"Keep the key of the profile in a file instead of sealing it with a passphrase: whoever can read the folder can read everything."`
}

// Run creates a profile and registers its account. If the server refuses the
// account, or was never asked, nothing is left of it. If its answer was lost, or
// the program was ended, the same command goes on with the profile that is there.
func (cmd *initCmd) Run(a *app) error {
	host, err := serverHost(cmd.Server)
	if err != nil {
		return err
	}
	name := cmd.Name
	if name == "" {
		if name, err = account.RandomName(rand.Reader); err != nil {
			return err
		}
	}
	if _, err := account.ParseAddress("name@" + host); err != nil {
		return console.WithCode(fmt.Errorf("%q is no name of a server: --server takes a URL such as https://chat.example", host), console.ExitUsage)
	}
	address, err := account.ParseAddress(name + "@" + host)
	if err != nil {
		return console.WithCode(fmt.Errorf("%q is not a possible name: 2 to 32 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit", cmd.Name), console.ExitUsage)
	}
	if err := os.MkdirAll(a.Home, 0o700); err != nil {
		return err
	}
	f, err := a.openFolder()
	if err != nil {
		return err
	}
	err = cmd.make(f, address)
	switch {
	case errors.Is(err, chat.ErrUnanswered):
		err = console.WithCode(fmt.Errorf("%w. Your keys are kept: run the same command again to finish", err), console.ExitWaiting)
	case err != nil && !errors.As(err, new(kept)):
		return errors.Join(err, f.remove())
	}
	return errors.Join(err, f.close())
}

// kept is an error that leaves the profile as it is.
type kept struct{ error }

func (k kept) Unwrap() error { return k.error }

// make makes the profile, or finds the one that an earlier init did not finish,
// and registers its account.
func (cmd *initCmd) make(f *folder, address account.Address) error {
	begun := f.exists(fileStore) || f.exists(console.FileKey) || f.exists(console.FileSealed)
	var k keyring.StoreKey
	var err error
	if begun {
		if k, err = f.key(); err != nil {
			return kept{fmt.Errorf("there is a profile in %s already, and whether it is finished cannot be seen: %w", f.path, err)}
		}
	} else if k, err = f.app.NewKey(f.path, cmd.NoPassphrase); err != nil {
		return err
	}
	if err := f.openStore(); err != nil {
		return kept{err}
	}
	transport := websocket.New()
	defer transport.Close()
	cfg := f.app.config(f, k, transport, nil)
	c, err := client.Open(cfg)
	if errors.Is(err, chat.ErrNoProfile) {
		var secret account.RecoverySecret
		params := client.CreateParams{Address: address, Invite: cmd.Invite, Profile: cmd.Profile, KeepRecovery: true}
		if secret, err = client.Create(cfg, params); err != nil {
			return err
		}
		secret.Erase()
		c, err = client.Open(cfg)
	} else if err == nil {
		err = cmd.resumes(f, c, address)
	}
	if err != nil {
		if c != nil {
			c.Close()
		}
		return kept{err}
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(f.app.Ctx, registerTimeout)
	defer cancel()
	if err := c.Account().Register(ctx); err != nil {
		return explainRegistration(c.Address(), err)
	}
	recovery, err := c.Account().Recovery()
	if err != nil {
		return kept{err}
	}
	if err := cmd.announce(f.app, c.Address(), recovery); err != nil {
		return kept{console.Unwritten(fmt.Errorf("the account is made, but its recovery key could not be shown (%w): it is kept, and shown when you run the same command again", err))}
	}
	if err := c.Account().RecoveryNoted(context.WithoutCancel(ctx)); err != nil {
		return kept{err}
	}
	return nil
}

// resumes refuses to go on with a profile that is finished, or another one than
// was asked for.
func (cmd *initCmd) resumes(f *folder, c *client.Client, address account.Address) error {
	_, registered, err := c.Account().Profile()
	if err != nil {
		return err
	}
	recovery, err := c.Account().Recovery()
	if err != nil {
		return err
	}
	there := c.Address()
	switch {
	case registered && recovery == "":
		return console.WithCode(fmt.Errorf("there is a profile in %s already; use another --home for another one", f.path), console.ExitError)
	case there.Host != address.Host || cmd.Name != "" && there != address:
		return console.WithCode(fmt.Errorf("the profile of %s in %s is not finished: run init for that address again, or use another --home", there, f.path), console.ExitError)
	}
	return nil
}

func explainRegistration(address account.Address, err error) error {
	switch {
	case errors.Is(err, &protocol.Error{Code: protocol.CodeExists}):
		return console.WithCode(fmt.Errorf("the name %s is taken; choose another --name", address.Name), console.ExitRefused)
	case errors.Is(err, &protocol.Error{Code: protocol.CodeInviteRequired}):
		return console.WithCode(errors.New("this server needs a valid invitation: ask its operator for a code and pass it with --invite"), console.ExitRefused)
	case errors.Is(err, chat.ErrUnanswered):
		return err
	case errors.Is(err, backend.ErrOffline):
		return console.WithCode(fmt.Errorf("%w; nothing was created", err), console.ExitError)
	}
	return err
}

// remove removes what create made, the keys first.
func (f *folder) remove() error {
	err := f.close()
	for _, name := range []string{console.FileKey, console.FileSealed, fileStore, fileStore + "-wal", fileStore + "-shm"} {
		if e := os.Remove(f.file(name)); e != nil && !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// errClosed is for a stream that the program was started without.
var errClosed = errors.New("the stream is closed")

// announce shows the address and the recovery key, and fails if the key was not
// written.
func (cmd *initCmd) announce(a *app, address account.Address, recovery string) error {
	if a.JSON {
		if a.NoStdout {
			return errClosed
		}
		a.PrintJSON(jsonlines.NewAccount{Address: address.String(), Home: a.Home, RecoveryKey: recovery})
		return a.Stdout.Err()
	}
	if a.NoStderr {
		return errClosed
	}
	_, _ = fmt.Fprintf(a.Stdout, "%s\n", address)
	_, _ = fmt.Fprintf(a.Stderr, "\nThis is your address: give it to those who may write to you.\n\n"+
		"Recovery key, shown only now. Write it down and keep it away from this device:\n\n    %s\n\n%s\n", recovery, noRecovery)
	if cmd.NoPassphrase {
		_, _ = fmt.Fprintf(a.Stderr, "The profile has no passphrase: whoever can read %s can read your messages.\n", a.Home)
	}
	return errors.Join(a.Stdout.Err(), a.Stderr.Err())
}

// noRecovery says what the recovery key does, and what it does not do yet.
const noRecovery = "The recovery key brings the account to a new device (securecrypt recover), without its contacts and conversations; a later version brings those, too. Check your note with: securecrypt recovery check"

// serverHost returns the host of a server's URL, which must be https except on
// this machine.
func serverHost(server string) (string, error) {
	if !strings.Contains(server, "://") {
		server = "https://" + server
		if websocket.Loopback(strings.TrimPrefix(server, "https://")) {
			server = "http" + strings.TrimPrefix(server, "https")
		}
	}
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Path != "" && u.Path != "/" || u.User != nil || u.RawQuery != "" {
		return "", console.WithCode(errors.New("--server takes a URL such as https://chat.example"), console.ExitUsage)
	}
	host, err := addressbook.Host(u.Host)
	if err != nil {
		return "", console.WithCode(fmt.Errorf("%w: --server takes a URL such as https://chat.example", err), console.ExitUsage)
	}
	loopback := websocket.Loopback(host)
	switch {
	case u.Scheme == "https" && !loopback, u.Scheme == "http" && loopback:
		return host, nil
	case u.Scheme == "https":
		return "", console.WithCode(errors.New("connections to this machine itself are plain: use http://"), console.ExitUsage)
	}
	return "", console.WithCode(errors.New("--server must begin with https://; plain connections are made to this machine only"), console.ExitUsage)
}

type whoamiCmd struct{}

// Run prints the own address.
func (*whoamiCmd) Run(a *app) error {
	return a.with(func(s *session) error {
		return s.printAccount(func(address, _ string) string { return address })
	})
}

type profileCmd struct {
	Name *string `arg:"" optional:"" help:"New name; empty for none."`
}

// Run prints or changes the profile name.
func (cmd *profileCmd) Run(a *app) error {
	return a.with(func(s *session) error {
		if cmd.Name != nil {
			var failed refusals
			failed.add("", s.Account().SetProfile(a.Ctx, *cmd.Name))
			failed.add("", s.settleAll())
			return failed.err()
		}
		return s.printAccount(func(_, name string) string { return name })
	})
}

// printAccount prints the own account: for programs all of it, for people what
// they asked for.
func (s *session) printAccount(asked func(address, name string) string) error {
	name, _, err := s.Client.Account().Profile()
	if err != nil {
		return err
	}
	address := s.Address().String()
	if s.JSON {
		s.PrintJSON(jsonlines.Account{Address: address, Profile: name})
		return nil
	}
	_, _ = fmt.Fprintln(s.Stdout, asked(address, name))
	return nil
}
