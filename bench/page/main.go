// SPDX-License-Identifier: AGPL-3.0-or-later

// Page measures the application in Chromium: how soon the list is visible, how
// fast a long conversation opens, whether the page goes on answering while
// messages pour in, how fast they get from one browser to another, how lists
// scroll, and whether memory grows. Server, bundle, core and IndexedDB are the
// real ones.
//
// The profiles are made by native clients against the same server, message by
// message, and then put into the browsers' databases as they are, sealed: in a
// browser that would take an hour. A folder given with -dir keeps them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/internal/product/webapp"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "page:", err)
		os.Exit(1)
	}
}

type options struct {
	dir, measure            string
	conversations, messages int
	runs                    int
	traffic, every          time.Duration
}

func run(ctx context.Context, args []string) (err error) {
	var o options
	flags := flag.NewFlagSet("page", flag.ExitOnError)
	flags.StringVar(&o.dir, "dir", "", "folder that keeps server and profiles for the next run; default: a temporary one")
	flags.StringVar(&o.measure, "measure", "start,open,scroll,burst,send,memory", "which measurements; none only fills the folder")
	flags.IntVar(&o.conversations, "conversations", 10_000, "of the crowded profile")
	flags.IntVar(&o.messages, "messages", 50_000, "of its longest conversation")
	flags.IntVar(&o.runs, "runs", 5, "of each measurement")
	flags.DurationVar(&o.traffic, "traffic", 5*time.Minute, "for which memory is watched")
	flags.DurationVar(&o.every, "every", time.Second, "between two messages of each side meanwhile")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if !webapp.Built() {
		return errors.New("this program was built without the application; run `make web` first")
	}
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "pagebench-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	}
	t, err := openTown(o.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	if err := t.fill(ctx, o); err != nil {
		return fmt.Errorf("filling the profiles: %w", err)
	}
	return t.measure(ctx, o)
}

// fill makes what a folder does not hold yet.
func (t *town) fill(ctx context.Context, o options) error {
	if t.Conversations != 0 {
		if t.Conversations != o.conversations || t.Messages != o.messages {
			return fmt.Errorf("the folder is one for -conversations %d -messages %d", t.Conversations, t.Messages)
		}
		return nil
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	began := time.Now()
	if err := t.people(ctx, o); err != nil {
		return err
	}
	fmt.Printf("%d conversations, %d messages in one of them, filled in %s\n", o.conversations, o.messages, time.Since(began).Round(time.Second))
	t.Conversations, t.Messages = o.conversations, o.messages
	return t.keep()
}

func (t *town) measure(ctx context.Context, o options) error {
	var r report
	for name := range t.Profiles {
		if err := t.refresh(name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	steps := map[string]func() error{
		"none":   func() error { return nil },
		"start":  func() error { return errors.Join(t.starts(r, small, o.runs), t.starts(r, crowded, o.runs)) },
		"open":   func() error { return t.opens(r, o.runs) },
		"scroll": func() error { return t.scrolls(r) },
		"burst":  func() error { return t.bursts(ctx, r) },
		"send":   func() error { return t.sends(r) },
		"memory": func() error { return t.watch(ctx, o) },
	}
	for m := range strings.SplitSeq(o.measure, ",") {
		step, ok := steps[m]
		if !ok {
			return fmt.Errorf("unknown measurement %q", m)
		}
		if err := step(); err != nil {
			return fmt.Errorf("%s: %w", m, err)
		}
	}
	return ctx.Err()
}
