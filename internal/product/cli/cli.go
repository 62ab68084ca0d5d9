// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/secretmem"
	"github.com/securecrypt/securecrypt/internal/product/stdio"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
	"github.com/securecrypt/securecrypt/internal/product/vaultcli"
	"github.com/securecrypt/securecrypt/protocol"
)

type commands struct {
	console.Flags

	Init          initCmd          `cmd:"" group:"begin" help:"Create a profile and register its account."`
	Register      registerCmd      `cmd:"" group:"begin" help:"Create the account again, with its keys, on a server that lost it."`
	Takeover      takeoverCmd      `cmd:"" group:"begin" help:"Go on with this copy of the profile; another copy stops."`
	Recovery      recoveryCmd      `cmd:"" group:"begin" help:"Check or replace the recovery key."`
	Recover       recoverCmd       `cmd:"" group:"begin" help:"Come back to an account with its recovery key alone, on a new device."`
	Device        deviceCmd        `cmd:"" group:"begin" help:"Link, list and revoke the account's devices."`
	Erase         eraseCmd         `cmd:"" group:"begin" help:"Erase the profile from this device, and its account if wanted."`
	Whoami        whoamiCmd        `cmd:"" group:"begin" help:"Print the own address."`
	Profile       profileCmd       `cmd:"" group:"begin" help:"Print or change the name shown to others."`
	Settings      settingsCmd      `cmd:"" group:"begin" help:"Print or change what others are told, and the timer of new conversations."`
	App           appCmd           `cmd:"" group:"begin" help:"Run the application in a browser, from this program."`
	Conversations conversationsCmd `cmd:"" group:"talk" help:"List conversations."`
	History       historyCmd       `cmd:"" group:"talk" help:"Print the messages of a conversation."`
	Send          sendCmd          `cmd:"" group:"talk" help:"Send a message."`
	React         reactCmd         `cmd:"" group:"talk" help:"React to a message."`
	Edit          editCmd          `cmd:"" group:"talk" help:"Change the text of a sent message."`
	Delete        deleteCmd        `cmd:"" group:"talk" help:"Delete a sent message for everybody."`
	Receive       receiveCmd       `cmd:"" group:"talk" help:"Fetch and print what is new."`
	Save          saveCmd          `cmd:"" group:"talk" help:"Save the attachments of a message."`
	Chat          chatCmd          `cmd:"" group:"talk" help:"Talk in the terminal."`
	Timer         timerCmd         `cmd:"" group:"talk" help:"Let messages of a conversation disappear."`
	Contacts      contactsCmd      `cmd:"" group:"people" help:"List contacts, or name one."`
	Requests      requestsCmd      `cmd:"" group:"people" help:"List people who want to talk."`
	Accept        acceptCmd        `cmd:"" group:"people" help:"Accept a request."`
	Block         blockCmd         `cmd:"" group:"people" help:"Block somebody, or unblock them."`
	Verify        verifyCmd        `cmd:"" group:"people" help:"Compare safety numbers with somebody."`
	Group         groupCmd         `cmd:"" group:"groups" help:"Create and manage groups."`

	Vault vaultcli.Commands `cmd:"" group:"vault" help:"Encrypted backups of files in a folder. Exit code 9: done, but for some files, which are named."`

	Witness witnessCmd `cmd:"" group:"witness" help:"A witness, which cosigns what transparency logs publish."`

	Completion kongcompletion.Completion `cmd:"" group:"begin" help:"Say how to switch on shell completion."`
}

// groupTitles are the titles of commands that belong together, in their order.
var groupTitles = []kong.Group{
	{Key: "begin", Title: "An account:"}, {Key: "talk", Title: "Messages:"}, {Key: "people", Title: "People:"}, {Key: "groups", Title: "Groups:"},
	{Key: "vault", Title: "Backups:"}, {Key: "witness", Title: "Transparency:"},
}

// examples stand in the help text.
const examples = `Examples:
  securecrypt init --server https://chat.example --name alice
  echo 'Hello Bob' | securecrypt send bob@chat.example - --attach photo.jpg
  securecrypt receive --follow
  securecrypt history bob@chat.example --search holiday`

// exitHelp stands at the end of the help text.
const exitHelp = `Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 saved but not sent yet, 5 passphrase, 6 refused, 7 profile in use, 8 output or file not written, 130 interrupted.

The passphrase comes from --passphrase-file, SECURECRYPT_PASSPHRASE or the terminal.`

// app is what commands of accounts work with.
type app struct {
	console.Console
	now  func() time.Time // nil is time.Now
	args []string
	// lender, if not nil, is the open profile that another process's command
	// works with.
	lender *session
}

// variables of the environment count as not set if they are empty.
var variables = []string{"SECURECRYPT_HOME", "SECURECRYPT_JSON", "SECURECRYPT_PASSPHRASE_FILE"}

// Main runs the command with the given arguments and returns its exit code.
func Main(args []string) int { return MainAt(time.Now, args) }

// MainAt is Main with another clock.
func MainAt(now func() time.Time, args []string) int {
	for _, name := range variables {
		if os.Getenv(name) == "" {
			_ = os.Unsetenv(name) // it fails for names that cannot be
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	signal.Ignore(syscall.SIGPIPE) // writing into a closed pipe is an error like others
	a := &app{
		Console: console.Console{Ctx: ctx, Stdin: os.Stdin, Stdout: termtext.NewWriter(os.Stdout), Stderr: termtext.NewWriter(os.Stderr),
			NoStdout: stdio.WasClosed(1), NoStderr: stdio.WasClosed(2)},
		now: now,
	}
	if err := secretmem.Harden(); err != nil {
		a.Say("a crash may leave what is in memory on the disk (%s)", err)
	}
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
			if code == console.ExitOK && a.Stdout.Err() != nil {
				code = console.ExitUnwritten
			}
		default:
			_, _ = fmt.Fprintf(a.Stderr, "securecrypt: this should not have happened (%v); nothing was lost, please report it\n", p)
			if a.Verbose {
				_, _ = fmt.Fprintf(a.Stderr, "%s", debug.Stack())
			}
			code = console.ExitError
		}
	}()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	var cmds commands
	parser := kong.Must(&cmds,
		kong.Name("securecrypt"),
		kong.Description("Private messages through servers that cannot read them.\n\n"+examples+"\n\n"+noRecovery+"\n\n"+exitHelp),
		kong.ExplicitGroups(groupTitles),
		kong.UsageOnError(),
		kong.Writers(a.Stdout, a.Stderr),
		kong.Vars{"version": version()},
		kong.Exit(func(code int) { panic(exited{code}) }),
		kong.Bind(a, &a.Console, vaultcli.Grantor(a.grantStorage)),
		kong.NamedMapper("path", kong.MapperFunc(a.mapPath)),
	)
	kongcompletion.Register(parser)
	k, err := parser.Parse(args)
	if err != nil {
		_, _ = fmt.Fprintf(a.Stderr, "securecrypt: %s\nRun securecrypt --help to see how it is used.\n", err)
		return console.ExitUsage
	}
	a.Flags = cmds.Flags
	if a.Home == "" {
		if a.Home, err = defaultHome(); err != nil {
			return a.report(err)
		}
	}
	return a.report(a.printed(k.Run(a)))
}

// mapPath makes paths absolute, from where the command was given. A list of
// arguments takes all that follow, up to the next flag.
func (a *app) mapPath(ctx *kong.DecodeContext, target reflect.Value) error {
	for {
		token, err := ctx.Scan.PopValue("file") // PopValueInto would make UTF-8 of it
		if err != nil {
			return err
		}
		path := kong.ExpandPath(token.String())
		if a.Dir != "" && !filepath.IsAbs(path) {
			path = filepath.Join(a.Dir, path)
		}
		if target.Kind() != reflect.Slice {
			target.SetString(path)
			return nil
		}
		target.Set(reflect.Append(target, reflect.ValueOf(path)))
		if ctx.Value.Flag != nil || !ctx.Scan.Peek().IsValue() {
			return nil
		}
	}
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

// printed returns what a command ended with, which is an error if its output
// could not be written.
func (a *app) printed(err error) error {
	why := a.Stdout.Err()
	if why == nil || console.IsUnwritten(err) {
		return err
	}
	var all refusals
	all.add("", err)
	all.add("", console.Unwritten(fmt.Errorf("the output cannot be written (%w): what was to be printed is missing; run the command again", why)))
	return all.err()
}

// report prints an error as a sentence and returns its exit code.
func (a *app) report(err error) int {
	if err == nil {
		return console.ExitOK
	}
	if a.Ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return console.ExitInterrupt
	}
	var lent lentExit
	if errors.As(err, &lent) {
		return lent.code
	}
	all, many := []error{err}, new(refusals)
	if errors.As(err, &many) {
		all = many.all
	}
	for _, one := range all {
		if errors.Is(one, syscall.EPIPE) && console.IsUnwritten(one) {
			continue // the reader of the pipe has closed it and wants no more
		}
		a.Say("%s", nextStep(one))
	}
	return codeOf(err)
}

func codeOf(err error) int {
	var many *refusals
	var refused *protocol.Error
	code, coded := console.CodeOf(err)
	switch {
	case errors.As(err, &many):
		return many.code()
	case coded:
		return code
	case console.IsUnwritten(err):
		return console.ExitUnwritten
	case errors.Is(err, keyring.ErrPassphrase):
		return console.ExitLocked
	case errors.Is(err, chat.ErrNoConversation), errors.Is(err, chat.ErrNoMessage), errors.Is(err, chat.ErrFileGone), errors.Is(err, chat.ErrNoProfile),
		errors.Is(err, &protocol.Error{Code: protocol.CodeNotFound}):
		return console.ExitNotFound
	case errors.Is(err, account.ErrAddress), errors.Is(err, chat.ErrAmbiguous):
		return console.ExitUsage
	case errors.Is(err, chat.ErrNoDevice):
		return console.ExitNotFound
	case chat.NeedsPerson(err), errors.Is(err, chat.ErrLastDevice):
		return console.ExitRefused
	case errors.Is(err, chat.ErrOtherKey), errors.As(err, new(*chat.ReplacedKeyError)):
		return console.ExitRefused
	case errors.Is(err, backend.ErrOffline):
		return console.ExitWaiting
	case errors.As(err, &refused), errors.Is(err, chat.ErrNotAllowed), errors.Is(err, chat.ErrLastOwner), errors.Is(err, chat.ErrClosed),
		errors.Is(err, chat.ErrRequest), errors.Is(err, backend.ErrPrivateHost), errors.Is(err, chat.ErrNotYours), errors.Is(err, chat.ErrImpostor):
		return console.ExitRefused
	}
	return console.ExitError
}
