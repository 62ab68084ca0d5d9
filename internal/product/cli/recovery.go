// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/product/cli/jsonlines"
	"github.com/securecrypt/securecrypt/internal/product/console"
)

type recoveryCmd struct {
	Check   recoveryCheckCmd   `cmd:"" help:"Type the recovery key in, to see whether your note of it is right."`
	Replace recoveryReplaceCmd `cmd:"" help:"Replace the recovery key, for example if somebody may have seen it."`
}

type recoveryCheckCmd struct {
	RecoveryFile string `help:"Read the recovery key from the first line of FILE." type:"path" placeholder:"FILE"`
}

// Run says whether a recovery key is the account's.
func (cmd *recoveryCheckCmd) Run(a *app) error {
	return a.with(func(s *session) error {
		secret, err := newKeyReader(a).recoveryKey(cmd.RecoveryFile, "Recovery key: ")
		if err != nil {
			return err
		}
		defer secret.Erase()
		ctx, cancel := context.WithTimeout(a.Ctx, answerTimeout)
		defer cancel()
		err = s.Account().CheckRecovery(ctx, secret)
		var replaced *chat.ReplacedKeyError
		line := jsonlines.Recovery{State: "current"}
		switch {
		case errors.As(err, &replaced):
			line = jsonlines.Recovery{State: "replaced", ReplacedAt: &replaced.At}
		case errors.Is(err, chat.ErrOtherKey):
			line.State = "unknown"
		case errors.Is(err, backend.ErrOffline):
			err = fmt.Errorf("as far as this device knows, this is the recovery key of %s; check it again once your server answers: %w", s.Address(), err)
		case err != nil:
			return err
		}
		if a.JSON {
			a.PrintJSON(line)
		} else if err == nil {
			_, _ = fmt.Fprintf(a.Stdout, "this is the recovery key of %s\n", s.Address())
		}
		return err
	})
}

type recoveryReplaceCmd struct {
	RecoveryFile string `help:"Read the recovery key of now from the first line of FILE." type:"path" placeholder:"FILE"`
}

// recoveryAttempts is how often a new recovery key can be typed in.
const recoveryAttempts = 3

// Run replaces the recovery key, once the new one was typed in.
func (cmd *recoveryReplaceCmd) Run(a *app) error {
	if a.NoStderr && !a.JSON || a.NoStdout {
		return console.Unwritten(errors.New("the new recovery key cannot be shown, as the stream for it is closed: nothing was changed; run the command with an open output"))
	}
	return a.with(func(s *session) error {
		in := newKeyReader(a)
		current, err := in.recoveryKey(cmd.RecoveryFile, "Recovery key of now: ")
		if err != nil {
			return err
		}
		defer current.Erase()
		ctx, cancel := context.WithTimeout(a.Ctx, answerTimeout)
		defer cancel()
		if err := s.Account().CheckRecovery(ctx, current); err != nil {
			return err
		}
		next, err := account.NewRecoverySecret(rand.Reader)
		if err != nil {
			return err
		}
		defer next.Erase()
		if err := in.prove(next); err != nil {
			return err
		}
		ctx, cancel = context.WithTimeout(a.Ctx, answerTimeout)
		defer cancel()
		err = s.Account().ReplaceRecovery(ctx, current, next)
		if errors.Is(err, chat.ErrNewKeyWaits) {
			return err
		}
		if err != nil {
			return fmt.Errorf("the recovery key was not replaced, and the old one still counts: %w", err)
		}
		a.Say("the recovery key is replaced; destroy your notes of the old one")
		return nil
	})
}

// keyReader reads recovery keys from the terminal, or line by line from another
// program.
type keyReader struct {
	app   *app
	lines *bufio.Reader
}

// maxKeyInput bounds what is read of standard input.
const maxKeyInput = 4096

func newKeyReader(a *app) *keyReader {
	return &keyReader{app: a, lines: bufio.NewReader(io.LimitReader(a.Stdin, maxKeyInput))}
}

// recoveryKey finds a recovery key: in a file, in the environment, or on standard
// input.
func (r *keyReader) recoveryKey(file, prompt string) (account.RecoverySecret, error) {
	text := os.Getenv("SECURECRYPT_RECOVERY_KEY")
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return account.RecoverySecret{}, err
		}
		text, _, _ = strings.Cut(string(b), "\n")
	}
	if text == "" {
		var err error
		if text, err = r.line(prompt); err != nil {
			return account.RecoverySecret{}, err
		}
	}
	secret, err := account.ParseRecoverySecret(text)
	if err != nil {
		return secret, console.WithCode(err, console.ExitUsage)
	}
	return secret, nil
}

func (r *keyReader) line(prompt string) (string, error) {
	if !r.app.JSON {
		_, _ = fmt.Fprint(r.app.Stderr, prompt)
	}
	text, err := r.lines.ReadString('\n')
	if err != nil && text == "" {
		return "", console.WithCode(errors.New("no recovery key was typed in: nothing was changed; run the command again and type it in"), console.ExitUsage)
	}
	return text, nil
}

// prove shows a new recovery key and has it typed in, so that the note of it is
// right before it counts.
func (r *keyReader) prove(next account.RecoverySecret) error {
	a := r.app
	if a.JSON {
		a.PrintJSON(jsonlines.Recovery{State: "new", RecoveryKey: next.Reveal()})
	} else {
		_, _ = fmt.Fprintf(a.Stderr, "\nNew recovery key, shown only now. Write it down and keep it away from this device:\n\n    %s\n\n"+
			"The old one counts until you have typed in the new one.\n", next.Reveal())
	}
	if err := errors.Join(a.Stdout.Err(), a.Stderr.Err()); err != nil {
		return console.Unwritten(fmt.Errorf("the new recovery key could not be shown, and nothing was changed; run the command again: %w", err))
	}
	for range recoveryAttempts {
		text, err := r.line("New recovery key: ")
		if err != nil {
			return err
		}
		typed, err := account.ParseRecoverySecret(text)
		same := err == nil && typed.Equal(next)
		typed.Erase()
		if same {
			return nil
		}
		a.Say("this is not the new recovery key: check each character")
	}
	return console.WithCode(errors.New("the new recovery key was not typed in: nothing was changed, and the old one still counts; run the command again for another new key"), console.ExitUsage)
}
