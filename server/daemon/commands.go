// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

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
	return withOrders(all.Data, func(o orders) error {
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
	return withOrders(all.Data, func(o orders) error {
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

type discloseCmd struct {
	Address string `arg:"" help:"The account: name@host."`
	JSON    bool   `name:"json" help:"Print JSON."`
}

// Run prints a disclosure.
func (c *discloseCmd) Run(ctx context.Context, w *console, all *cli) error {
	return withOrders(all.Data, func(o orders) error {
		d, err := o.disclose(ctx, c.Address)
		if err != nil {
			return err
		}
		if c.JSON {
			e := json.NewEncoder(w.out)
			e.SetIndent("", "  ")
			return e.Encode(d)
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
	data, err := openData(all.Data, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.close()) }()
	found, err := data.store.Check(ctx, hostOf(all.Data))
	if err != nil {
		found = &pebble.Findings{Problems: []string{"the store cannot be read to its end"}}
	}
	problems := append(found.Problems, checkBlobs(ctx, data.blobs, found.Blobs)...)
	for _, table := range server.Tables() {
		_, _ = fmt.Fprintf(w.out, "%-12s %d\n", table.Name, found.Rows[table.Name])
	}
	if len(problems) == 0 {
		_, _ = fmt.Fprintln(w.out, "No problems found.")
		return nil
	}
	for _, p := range problems {
		_, _ = fmt.Fprintf(w.err, "problem: %s\n", p)
	}
	_, _ = fmt.Fprintf(w.err, "%d problems found. Restore the folder from a backup, or keep it and ask for help.\n", len(problems))
	return errDamaged
}

// checkBlobs compares the content of blobs with what is known about them. A
// blob's name is the hash of a secret, not of its content: clients verify that.
func checkBlobs(ctx context.Context, blobs *folder.Folder, rows map[protocol.BlobID]server.BlobRow) (problems []string) {
	sizes := map[protocol.BlobID]uint64{}
	err := blobs.All(ctx, func(id protocol.BlobID, size uint64) error {
		sizes[id] = size
		return nil
	})
	if err != nil {
		problems = append(problems, "blobs: the folder cannot be read, or has files that are none")
	}
	for id, row := range rows {
		if sizes[id] < row.Offset || row.Complete() && sizes[id] != row.Length {
			problems = append(problems, "blob: its content is shorter or longer than it should be")
		}
		delete(sizes, id)
	}
	for range sizes {
		problems = append(problems, "blob: content that belongs to nothing (the server removes it when it starts)")
	}
	slices.Sort(problems)
	return problems
}
