// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/internal/product/termtext"
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/blob/folder"
	"github.com/securecrypt/securecrypt/server/store/pebble"
)

// maxInvites bounds the codes made at one time.
const maxInvites = 1000

type inviteCmd struct {
	Create inviteCreateCmd `cmd:"" default:"withargs" help:"Create codes, each for one account, and print them, one a line."`
	List   inviteListCmd   `cmd:"" help:"List unused codes by their first characters. The codes themselves are not stored."`
}

type inviteCreateCmd struct {
	Count   int           `help:"How many." default:"1" placeholder:"N"`
	Expires time.Duration `help:"How long they are valid." default:"168h" placeholder:"DURATION"`
}

// Run creates codes.
func (c *inviteCreateCmd) Run(ctx context.Context, w *console, all *cli) error {
	if c.Count < 1 || c.Count > maxInvites {
		return usage("--count is between 1 and %d", maxInvites)
	}
	if c.Expires < time.Minute {
		return usage("--expires is a minute or more, such as 48h")
	}
	return withAdmin(all.Data, func(o adminAPI) error {
		codes, err := o.createInvites(ctx, newInvites{c.Count, c.Expires})
		for _, code := range codes {
			_, _ = fmt.Fprintln(w.out, code)
		}
		return err
	})
}

type inviteListCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run lists codes.
func (c *inviteListCmd) Run(ctx context.Context, w *console, all *cli) error {
	return withAdmin(all.Data, func(o adminAPI) error {
		infos, err := o.invites(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(w.out).Encode(infos)
		}
		for _, i := range infos {
			_, _ = fmt.Fprintf(w.out, "%s…  created %s, valid until %s\n", i.Hint, i.Created.Format(time.DateTime), i.Expires.Format(time.DateTime))
		}
		if len(infos) == 0 {
			_, _ = fmt.Fprintln(w.out, "No unused codes.")
		}
		return nil
	})
}

type accountCmd struct {
	Free accountFreeCmd `cmd:"" help:"Let anybody register a name again that is reserved for a deleted account."`
}

type accountFreeCmd struct {
	Name string `arg:"" help:"The part of the address before the @."`
}

// Run frees a name.
func (c *accountFreeCmd) Run(ctx context.Context, w *console, all *cli) error {
	name, _, _ := strings.Cut(c.Name, "@")
	err := withAdmin(all.Data, func(o adminAPI) error { return o.freeName(ctx, name) })
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.out, "%s can be registered again, by anybody.\n", name)
	return err
}

type clockCmd struct {
	Show    clockShowCmd    `cmd:"" default:"1" help:"Show whether the server trusts its clock."`
	Confirm clockConfirmCmd `cmd:"" help:"Say that the clock is right. What has expired by it is then deleted."`
}

type (
	clockShowCmd    struct{}
	clockConfirmCmd struct{}
)

// Run shows the clock.
func (clockShowCmd) Run(ctx context.Context, w *console, all *cli) error {
	return runClock(ctx, w, all, false)
}

// Run confirms it.
func (clockConfirmCmd) Run(ctx context.Context, w *console, all *cli) error {
	return runClock(ctx, w, all, true)
}

func runClock(ctx context.Context, w *console, all *cli, confirm bool) error {
	return withAdmin(all.Data, func(o adminAPI) error {
		state, err := o.clock(ctx, confirm)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w.out, "The clock says %s (UTC).\n", state.Clock.Format(time.DateTime))
		if state.Trusted {
			_, _ = fmt.Fprintln(w.out, "The server trusts it.")
			return err
		}
		_, _ = fmt.Fprintf(w.out, "The server does not trust it: the newest time that it knows is %s. Nothing expires until the clock is right.\n"+
			"If it is wrong, set it. If it is right: securecryptd clock confirm\n", state.Newest.Format(time.DateTime))
		return err
	})
}

type discloseCmd struct {
	Address string `arg:"" help:"The account: name@host."`
	JSON    bool   `name:"json" help:"Print JSON."`
}

// Run prints a disclosure.
func (c *discloseCmd) Run(ctx context.Context, w *console, all *cli) error {
	return withAdmin(all.Data, func(o adminAPI) error {
		d, err := o.disclose(ctx, c.Address)
		if err != nil {
			return err
		}
		if c.JSON {
			b, err := json.MarshalIndent(d, "", "  ")
			if err == nil {
				_, err = w.out.Write(append(termtext.JSON(b), '\n'))
			}
			return err
		}
		return d.WriteText(w.out)
	})
}

// errDamaged says that check found something, and told it.
var errDamaged = errors.New("damaged")

type checkCmd struct{}

// Run verifies the folder.
func (checkCmd) Run(ctx context.Context, w *console, all *cli) (err error) {
	if _, err := os.Stat(filepath.Join(all.Data, "store")); err != nil {
		return fmt.Errorf("there is no server's data at %s: say where with --data", all.Data)
	}
	data, err := openData(all.Data, nil, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.close()) }()
	found, err := data.store.Check(ctx, hostOf(all.Data))
	if err != nil {
		found = &pebble.Findings{Problems: []string{"the store cannot be read to its end"}}
	}
	blobProblems, unverified := checkBlobs(ctx, data.blobs, found.Blobs)
	problems := append(found.Problems, blobProblems...)
	for _, table := range server.Tables() {
		_, _ = fmt.Fprintf(w.out, "%-12s %d\n", table.Name, found.Rows[table.Name])
	}
	if unverified > 0 {
		_, _ = fmt.Fprintf(w.out, "Of %d files only the length was checked: they were stored before the server kept hashes.\n", unverified)
	}
	if len(problems) == 0 {
		_, _ = fmt.Fprintln(w.out, "No problems found.")
		return nil
	}
	for _, p := range problems {
		_, _ = fmt.Fprintf(w.err, "problem: %s\n", p)
	}
	_, _ = fmt.Fprintf(w.err, "%d problems found. Put a backup back with securecryptd restore, or keep the folder and ask for help.\n", len(problems))
	return errDamaged
}

// checkBlobs compares the content of blobs with what is known about them, and
// counts those of which only the length is known: they were whole before servers
// kept hashes.
func checkBlobs(ctx context.Context, blobs *folder.Folder, rows map[protocol.BlobID]server.BlobRow) (problems []string, unverified int) {
	sizes := map[protocol.BlobID]uint64{}
	err := blobs.All(ctx, func(id protocol.BlobID, size uint64) error {
		sizes[id] = size
		return nil
	})
	if err != nil {
		problems = append(problems, "blobs: the folder cannot be read, or has files that are none")
	}
	for id, row := range rows {
		switch {
		case sizes[id] < row.Offset || row.Complete() && sizes[id] != row.Length:
			problems = append(problems, "blob: its content is shorter or longer than it should be")
		case row.Complete() && len(row.Hash) == 0:
			unverified++
		case row.Complete():
			if sum, err := hashBlob(ctx, blobs, id); err != nil || !bytes.Equal(sum, row.Hash) {
				problems = append(problems, "blob: its content is not what was received")
			}
		}
		delete(sizes, id)
	}
	for range sizes {
		problems = append(problems, "blob: content that belongs to nothing (the server removes it when it starts)")
	}
	slices.Sort(problems)
	return problems, unverified
}

func hashBlob(ctx context.Context, blobs *folder.Folder, id protocol.BlobID) (sum []byte, err error) {
	content, err := blobs.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	hash := sha256.New()
	_, err = io.Copy(hash, content)
	return hash.Sum(nil), errors.Join(err, content.Close(), ctx.Err())
}
