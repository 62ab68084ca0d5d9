// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/securecrypt/securecrypt/internal/product/secretmem"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/push/webpush"
	"github.com/securecrypt/securecrypt/server/store/pebble"
)

// Exit codes.
const (
	ExitOK      = 0
	ExitFailure = 1 // it did not work; the message says why
	ExitUsage   = 2 // the command line or the configuration is wrong
	ExitDamaged = 3 // check found something wrong
)

// Version is set when a release is built.
var Version = "development"

type cli struct {
	Data   string     `help:"Folder for everything the server keeps. Default: ${default}." default:"securecrypt-data" type:"path" placeholder:"DIR"`
	Config configFile `help:"TOML file with settings named like the flags. Flags and environment go before it." type:"existingfile" placeholder:"FILE"`

	Serve    serveCmd    `cmd:"" help:"Run the server."`
	Invite   inviteCmd   `cmd:"" help:"Create or list invitation codes. Works while the server runs and when it does not."`
	Check    checkCmd    `cmd:"" help:"Verify the whole data folder. The server must not be running."`
	Disclose discloseCmd `cmd:"" help:"Print everything that is stored about an account. Works while the server runs and when it does not."`
	Backup   backupCmd   `cmd:"" help:"Copy everything that the server keeps into a folder, and verify it. Works while the server runs and when it does not."`
	Restore  restoreCmd  `cmd:"" help:"Put a backup back, after all of it was verified. The server must not be running."`
	Clock    clockCmd    `cmd:"" help:"Show whether the server trusts its clock, or confirm that it is right."`
	Account  accountCmd  `cmd:"" help:"Free the name of an account that was deleted."`
	Version  versionCmd  `cmd:"" help:"Print the version."`
}

// console is where a command writes, and the clock of the server that serve runs.
type console struct {
	out, err io.Writer
	now      func() time.Time
}

// errUsage is wrapped by errors about flags and configuration.
var errUsage = errors.New("usage")

// Main runs the command and returns its exit code. It stops on an interrupt or
// a termination signal.
func Main(args []string, stdout, stderr io.Writer) int {
	return MainAt(time.Now, args, stdout, stderr)
}

// MainAt is Main with another clock for the server that the command serve runs.
func MainAt(now func() time.Time, args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := secretmem.Harden(); err != nil {
		_, _ = fmt.Fprintf(stderr, "securecryptd: a crash may leave what is in memory on the disk (%s)\n", err)
	}
	return run(ctx, now, args, stdout, stderr)
}

// Run is Main that stops when ctx ends.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return run(ctx, time.Now, args, stdout, stderr)
}

func run(ctx context.Context, now func() time.Time, args []string, stdout, stderr io.Writer) (code int) {
	keepPrivate()
	stdout, stderr = termtext.NewWriter(stdout), termtext.NewWriter(stderr)
	var c cli
	exited := -1
	parser, err := newParser(&c, stdout, stderr,
		kong.Exit(func(code int) { exited = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(&console{stdout, stderr, now}, commandLine(args)),
	)
	if err != nil {
		return fail(stderr, err)
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		return fail(stderr, fmt.Errorf("%w: %w", errUsage, err))
	}
	if err := parsed.Run(&c); err != nil {
		return fail(stderr, err)
	}
	return ExitOK
}

// commandLine is what the command was started with.
type commandLine []string

func newParser(c *cli, stdout, stderr io.Writer, more ...kong.Option) (*kong.Kong, error) {
	return kong.New(c, append([]kong.Option{
		kong.Name("securecryptd"),
		kong.Description("The SecureCrypt server: it relays and keeps what it cannot read.\n\n" +
			"Every flag can also be set in the environment, as shown, or in a TOML file given with --config, " +
			"under the flag's name without the dashes. Flags go before the environment, the environment before the file."),
		kong.DefaultEnvars("SECURECRYPTD"),
		kong.Writers(stdout, stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, Tree: true}),
		variables(),
	}, more...)...)
}

// variables are the defaults that help texts name.
func variables() kong.Vars {
	l := fairness.DefaultLimits()
	return kong.Vars{
		"plainListen":           plainListen,
		"pushServices":          strings.Join(webpush.DefaultServices, ","),
		"tlsListen":             tlsListen,
		"maxConnections":        fmt.Sprint(l.MaxConnections),
		"maxAddressConnections": fmt.Sprint(l.MaxAddressConnections),
		"maxAccounts":           fmt.Sprint(l.MaxAccounts),
		"maxChannels":           fmt.Sprint(l.MaxChannels),
		"maxChannelMiB":         fmt.Sprint(l.MaxChannelBytes >> 20),
		"maxMailboxLetters":     fmt.Sprint(l.MaxMailboxLetters),
		"maxOpenings":           fmt.Sprint(l.MaxAllOpenings),
		"maxTransfers":          fmt.Sprint(l.MaxTransfers),
		"maxRowsMiB":            fmt.Sprint(l.MaxRowBytes >> 20),
		"reserveMiB":            fmt.Sprint(pebble.DefaultReserve >> 20),
		"heldShare":             fmt.Sprint(int(100 * l.HeldPart)),
		"keptShare":             fmt.Sprint(int(100 * l.KeptPart)),
		"rates":                 rateTexts(&l),
		"maxBlobMiB":            fmt.Sprint(l.MaxBlob >> 20),
		"maxBlobsMiB":           fmt.Sprint(l.MaxBlobBytes >> 20),
		"maxVaultsMiB":          fmt.Sprint(l.MaxVaultBytes >> 20),
		"vaultQuotaMiB":         fmt.Sprint(l.VaultQuota >> 20),
		"vaultKeepDays":         fmt.Sprint(int(l.VaultKeep / (24 * time.Hour))),
		"maxMemoryMiB":          fmt.Sprint(l.MaxMemory >> 20),
	}
}

func fail(stderr io.Writer, err error) int {
	switch {
	case errors.Is(err, errDamaged):
		return ExitDamaged // it has been told
	case errors.Is(err, errUsage):
		text := strings.ReplaceAll(err.Error(), errUsage.Error()+": ", "")
		_, _ = fmt.Fprintf(stderr, "securecryptd: %s\nTry: securecryptd --help\n", text)
		return ExitUsage
	}
	_, _ = fmt.Fprintf(stderr, "securecryptd: %s\n", err)
	return ExitFailure
}

func usage(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUsage, fmt.Sprintf(format, args...))
}

type versionCmd struct{}

// Run prints version, protocol and toolchain.
func (versionCmd) Run(w *console) error {
	goVersion := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		goVersion = info.GoVersion
	}
	_, err := fmt.Fprintf(w.out, "securecryptd %s, protocol %d, %s\n", Version, protocol.Version, goVersion)
	return err
}
