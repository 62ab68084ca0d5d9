// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/protocol"
)

// The exit codes.
const (
	exitOK        = 0
	exitError     = 1 // anything else
	exitUsage     = 2 // the command line is wrong
	exitNotFound  = 3 // no such account, conversation or message
	exitWaiting   = 4 // saved, but not sent yet: the server cannot be reached
	exitLocked    = 5 // wrong passphrase, or none given
	exitRefused   = 6 // not allowed, or refused by the server
	exitBusy      = 7 // another process uses the profile
	exitInterrupt = 130
)

// globals are the flags of every command.
type globals struct {
	Home           string           `help:"Folder of the profile." type:"path" env:"SECURECRYPT_HOME" placeholder:"DIR"`
	JSON           bool             `help:"Print JSON Lines." env:"SECURECRYPT_JSON"`
	PassphraseFile string           `help:"Read the passphrase from the first line of FILE." type:"path" env:"SECURECRYPT_PASSPHRASE_FILE" placeholder:"FILE"`
	Verbose        bool             `help:"Say on standard error what the connections do." short:"v"`
	Version        kong.VersionFlag `help:"Print the version."`
}

type commands struct {
	globals

	Init          initCmd          `cmd:"" help:"Create a profile and register its account."`
	Whoami        whoamiCmd        `cmd:"" help:"Print the own address."`
	Profile       profileCmd       `cmd:"" help:"Print or change the name shown to others."`
	Settings      settingsCmd      `cmd:"" help:"Print or change what others are told, and the timer of new conversations."`
	Contacts      contactsCmd      `cmd:"" help:"List contacts, or name one."`
	Conversations conversationsCmd `cmd:"" help:"List conversations."`
	History       historyCmd       `cmd:"" help:"Print the messages of a conversation."`
	Send          sendCmd          `cmd:"" help:"Send a message."`
	React         reactCmd         `cmd:"" help:"React to a message."`
	Edit          editCmd          `cmd:"" help:"Change the text of a sent message."`
	Delete        deleteCmd        `cmd:"" help:"Delete a sent message for everybody."`
	Receive       receiveCmd       `cmd:"" help:"Fetch and print what is new."`
	Save          saveCmd          `cmd:"" help:"Save the attachments of a message."`
	Group         groupCmd         `cmd:"" help:"Create and manage groups."`
	Timer         timerCmd         `cmd:"" help:"Let messages of a conversation disappear."`
	Requests      requestsCmd      `cmd:"" help:"List people who want to talk."`
	Accept        acceptCmd        `cmd:"" help:"Accept a request."`
	Block         blockCmd         `cmd:"" help:"Block somebody, or unblock them."`
	Chat          chatCmd          `cmd:"" help:"Talk in the terminal."`
	Verify        verifyCmd        `cmd:"" help:"Compare safety numbers with somebody."`
	App           appCmd           `cmd:"" help:"Run the application in a browser, from this program."`

	Completion kongcompletion.Completion `cmd:"" help:"Say how to switch on shell completion."`
}

// exitHelp stands at the end of the help text.
const exitHelp = `Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 saved but not sent yet, 5 passphrase, 6 refused, 7 profile in use, 130 interrupted.

The passphrase comes from --passphrase-file, SECURECRYPT_PASSPHRASE or the terminal.`

// app is what commands work with.
type app struct {
	globals
	ctx    context.Context
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	args   []string
	// dir is what relative paths begin at; empty is the process's own.
	dir string
	// lender, if not nil, is the open profile that another process's command
	// works with.
	lender *session
}

// Main runs the command with the given arguments and returns its exit code.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{ctx: ctx, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	return a.main(args)
}

// exited carries the code that kong wants to exit with out of its parser.
type exited struct{ code int }

func (a *app) main(args []string) (code int) {
	a.args = args
	defer func() {
		switch p := recover().(type) {
		case nil:
		case exited:
			code = p.code
		default:
			_, _ = fmt.Fprintf(a.stderr, "securecrypt: this should not have happened (%v); nothing was lost, please report it\n", p)
			if a.Verbose {
				_, _ = fmt.Fprintf(a.stderr, "%s", debug.Stack())
			}
			code = exitError
		}
	}()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	var cmds commands
	parser := kong.Must(&cmds,
		kong.Name("securecrypt"),
		kong.Description("Private messages through servers that cannot read them.\n\n"+exitHelp),
		kong.UsageOnError(),
		kong.Writers(a.stdout, a.stderr),
		kong.Vars{"version": version()},
		kong.Exit(func(code int) { panic(exited{code}) }),
		kong.Bind(a),
		kong.NamedMapper("path", kong.MapperFunc(a.mapPath)),
	)
	kongcompletion.Register(parser)
	k, err := parser.Parse(args)
	if err != nil {
		_, _ = fmt.Fprintf(a.stderr, "securecrypt: %s\nRun securecrypt --help to see how it is used.\n", err)
		return exitUsage
	}
	a.globals = cmds.globals
	if a.Home == "" {
		if a.Home, err = defaultHome(); err != nil {
			return a.report(err)
		}
	}
	return a.report(k.Run(a))
}

// mapPath makes paths absolute, from where the command was given.
func (a *app) mapPath(ctx *kong.DecodeContext, target reflect.Value) error {
	var path string
	if err := ctx.Scan.PopValueInto("file", &path); err != nil {
		return err
	}
	path = kong.ExpandPath(path)
	if a.dir != "" && !filepath.IsAbs(path) {
		path = filepath.Join(a.dir, path)
	}
	switch target.Kind() {
	case reflect.Slice:
		target.Set(reflect.Append(target, reflect.ValueOf(path)))
	default:
		target.SetString(path)
	}
	return nil
}

func defaultHome() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("say with --home where the profile is to lie: %w", err)
	}
	return filepath.Join(dir, "securecrypt"), nil
}

// version returns what the build recorded.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "securecrypt (unknown version)"
	}
	return "securecrypt " + info.Main.Version + " " + info.GoVersion
}

// coded is an error that names its exit code.
type coded struct {
	error
	code int
}

func (c coded) Unwrap() error { return c.error }

// report prints an error as a sentence and returns its exit code.
func (a *app) report(err error) int {
	if err == nil {
		return exitOK
	}
	if a.ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return exitInterrupt
	}
	var lent lentExit
	if errors.As(err, &lent) {
		return lent.code
	}
	_, _ = fmt.Fprintf(a.stderr, "securecrypt: %s\n", err)
	return codeOf(err)
}

func codeOf(err error) int {
	var c coded
	var refused *protocol.Error
	switch {
	case errors.As(err, &c):
		return c.code
	case errors.Is(err, keyring.ErrPassphrase):
		return exitLocked
	case errors.Is(err, client.ErrNoConversation), errors.Is(err, client.ErrNoMessage), errors.Is(err, client.ErrFileGone), errors.Is(err, client.ErrNoProfile),
		errors.Is(err, &protocol.Error{Code: protocol.CodeNotFound}):
		return exitNotFound
	case errors.Is(err, account.ErrAddress), errors.Is(err, client.ErrAmbiguous):
		return exitUsage
	case errors.Is(err, client.ErrOffline):
		return exitWaiting
	case errors.As(err, &refused), errors.Is(err, client.ErrNotAllowed), errors.Is(err, client.ErrClosed),
		errors.Is(err, client.ErrRequest), errors.Is(err, client.ErrNotYours), errors.Is(err, client.ErrImpostor):
		return exitRefused
	}
	return exitError
}
