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
	"github.com/securecrypt/securecrypt/client/transport/websocket"
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

// Run creates a profile. If the server refuses the account, nothing is left of
// it; if it cannot be reached, the same command can be run again.
func (cmd *initCmd) Run(a *app) error {
	host, err := serverHost(cmd.Server)
	if err != nil {
		return err
	}
	if cmd.Name == "" {
		if cmd.Name, err = account.RandomName(rand.Reader); err != nil {
			return err
		}
	}
	address, err := account.ParseAddress(cmd.Name + "@" + host)
	if err != nil {
		return coded{fmt.Errorf("%q is not a possible name: 2 to 32 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit", cmd.Name), exitUsage}
	}
	if err := os.MkdirAll(a.Home, 0o700); err != nil {
		return err
	}
	f, err := a.openFolder()
	if err != nil {
		return err
	}
	if f.exists(fileStore) || f.exists(fileKey) || f.exists(fileSealed) {
		return errors.Join(coded{fmt.Errorf("there is a profile in %s already; use another --home for another one", a.Home), exitError}, f.close())
	}
	recovery, err := cmd.create(f, address)
	if err != nil {
		return errors.Join(err, f.remove())
	}
	if err := f.close(); err != nil {
		return err
	}
	cmd.announce(a, address, recovery)
	return nil
}

// create makes the profile and registers it.
func (cmd *initCmd) create(f *folder, address account.Address) (recovery string, err error) {
	k, err := f.newKey(cmd.NoPassphrase)
	if err != nil {
		return "", err
	}
	if err := f.openStore(); err != nil {
		return "", err
	}
	transport := websocket.New()
	defer transport.Close()
	cfg := f.app.config(f, k, transport, nil)
	secret, err := client.Create(cfg, client.CreateParams{Address: address, Invite: cmd.Invite, Profile: cmd.Profile})
	if err != nil {
		return "", err
	}
	defer secret.Erase()
	c, err := client.Open(cfg)
	if err != nil {
		return "", err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(f.app.ctx, registerTimeout)
	defer cancel()
	return secret.Reveal(), explainRegistration(address, c.Register(ctx))
}

func explainRegistration(address account.Address, err error) error {
	switch {
	case errors.Is(err, &protocol.Error{Code: protocol.CodeExists}):
		return coded{fmt.Errorf("the name %s is taken; choose another --name", address.Name), exitRefused}
	case errors.Is(err, &protocol.Error{Code: protocol.CodeInviteRequired}):
		return coded{errors.New("this server needs a valid invitation: ask its operator for a code and pass it with --invite"), exitRefused}
	case errors.Is(err, client.ErrOffline):
		return coded{fmt.Errorf("%w; nothing was created", err), exitError}
	}
	return err
}

// remove undoes what create made.
func (f *folder) remove() error {
	err := f.close()
	for _, name := range []string{fileStore, fileStore + "-wal", fileStore + "-shm", fileKey, fileSealed} {
		if e := os.Remove(f.file(name)); e != nil && !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

func (cmd *initCmd) announce(a *app, address account.Address, recovery string) {
	if a.JSON {
		a.printJSON(map[string]any{"address": address.String(), "recovery_key": recovery, "home": a.Home})
		return
	}
	_, _ = fmt.Fprintf(a.stdout, "%s\n", address)
	_, _ = fmt.Fprintf(a.stderr, "\nThis is your address: give it to those who may write to you.\n\nRecovery key, shown only now. Write it down and keep it away from this device:\n\n    %s\n\n", recovery)
	if cmd.NoPassphrase {
		_, _ = fmt.Fprintf(a.stderr, "The profile has no passphrase: whoever can read %s can read your messages.\n", a.Home)
	}
}

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
		return "", coded{errors.New("--server takes a URL such as https://chat.example"), exitUsage}
	}
	loopback := websocket.Loopback(u.Host)
	switch {
	case u.Scheme == "https" && !loopback, u.Scheme == "http" && loopback:
		return strings.ToLower(u.Host), nil
	case u.Scheme == "https":
		return "", coded{errors.New("connections to this machine itself are plain: use http://"), exitUsage}
	}
	return "", coded{errors.New("--server must begin with https://; plain connections are made to this machine only"), exitUsage}
}

type whoamiCmd struct{}

// Run prints the own address.
func (*whoamiCmd) Run(a *app) error {
	return a.with(func(s *session) error {
		name, _, err := s.Client.Profile()
		if err != nil {
			return err
		}
		if a.JSON {
			a.printJSON(map[string]any{"address": s.Address().String(), "profile": name})
			return nil
		}
		_, _ = fmt.Fprintln(a.stdout, s.Address())
		return nil
	})
}

type profileCmd struct {
	Name *string `arg:"" optional:"" help:"New name; empty for none."`
}

// Run prints or changes the profile name.
func (cmd *profileCmd) Run(a *app) error {
	return a.with(func(s *session) error {
		if cmd.Name != nil {
			if err := s.SetProfile(a.ctx, *cmd.Name); err != nil {
				return err
			}
			return s.settleAll()
		}
		name, _, err := s.Client.Profile()
		if err != nil {
			return err
		}
		if a.JSON {
			a.printJSON(map[string]any{"address": s.Address().String(), "profile": name})
			return nil
		}
		_, _ = fmt.Fprintln(a.stdout, name)
		return nil
	})
}
