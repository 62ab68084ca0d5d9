// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/files/disk"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/product/cli/jsonlines"
	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
	"github.com/securecrypt/securecrypt/protocol"
)

type saveCmd struct {
	ID  string `arg:"" help:"Identifier of the message."`
	Dir string `arg:"" optional:"" default:"." help:"Folder to save to." type:"path"`
}

// Run downloads the attachments of a message.
func (cmd *saveCmd) Run(a *app) error {
	return a.with(func(s *session) error {
		m, err := s.Messages().Find("", cmd.ID)
		if err != nil {
			return fmt.Errorf("%s: %w", cmd.ID, err)
		}
		if len(m.Attachments) == 0 {
			return errors.New("the message has no attachments: choose another one")
		}
		var failed refusals
		for i := range m.Attachments {
			x := &m.Attachments[i]
			path, err := s.saveOne(&m, x, cmd.Dir)
			failed.add("", err)
			if x.Path = path; err == nil && !s.JSON {
				_, _ = fmt.Fprintln(s.Stdout, disk.Path(path))
			}
		}
		if s.JSON {
			s.PrintJSON(jsonlines.MessageOf(m))
		}
		return failed.err()
	})
}

// saveOne downloads one attachment.
func (s *session) saveOne(m *chat.Message, x *chat.Attachment, dir string) (string, error) {
	path, err := s.Files().Save(s.Ctx, m.Conversation, m.ID, x.Index, dir)
	if err == nil {
		return path, nil
	}
	err = fmt.Errorf("saving %s: %w", termtext.Quote(x.Name), err)
	if errors.As(err, new(*fs.PathError)) || errors.As(err, new(*os.LinkError)) {
		err = console.WithCode(err, console.ExitUnwritten)
	}
	return "", err
}

// A saver saves what comes with messages while they are received. What cannot be
// saved is reported, and tried again by the next receive that saves.
type saver struct {
	*session
	dir   string
	away  map[string]bool            // servers that cannot be reached
	later map[content.MessageID]bool // of which files are left for the next time
	code  int                        // of the first failure
}

// final reports whether trying to save again is of no use.
func final(err error) bool {
	return errors.Is(err, chat.ErrFileGone) || errors.Is(err, chat.ErrNoMessage) || errors.Is(err, chat.ErrElsewhere) ||
		errors.Is(err, protocol.ErrMalformed) || errors.Is(err, attach.ErrTooLarge)
}

// save saves the attachments of a message that are not saved yet and notes their
// paths in it. It reports whether some are to be tried again; what is damaged is
// only if again.
func (s *saver) save(m *chat.Message, again bool) (later bool, err error) {
	host := ""
	if c, err := s.Conversation(m.Conversation); err == nil {
		host = c.Host
	}
	for i := range m.Attachments {
		x := &m.Attachments[i]
		if x.Path != "" {
			continue
		}
		if s.away[host] { // one failure says it for all
			later = true
			continue
		}
		x.Path, err = s.saveOne(m, x, s.dir)
		if s.Ctx.Err() != nil {
			return false, s.Ctx.Err()
		}
		if err == nil {
			continue
		}
		if s.code == 0 {
			s.code = codeOf(err)
		}
		s.away[host] = s.away[host] || errors.Is(err, backend.ErrOffline)
		switch {
		case final(err):
			s.Say("%s; ask %s to send it again", err, m.From)
			continue
		case errors.Is(err, attach.ErrCorrupt) && !again:
			s.Say("%s; ask %s to send it again, or try once more with securecrypt save %s", err, m.From, shortID(m.ID))
			continue
		}
		s.Say("%s; the next receive --save tries again", err)
		later = true
	}
	s.later[m.ID] = s.later[m.ID] || later
	return later, nil
}

// saveAgain saves files that could not be saved when their message was printed.
func (r *receiver) saveAgain(item chat.Received) error {
	m := &item.Message
	if r.dir == "" || r.saver.later[m.ID] {
		return chat.ErrLater
	}
	before := unsaved(m)
	later, err := r.saver.save(m, false)
	if err != nil {
		return err
	}
	if unsaved(m) < before {
		r.printed++
		r.showSaved(item)
		if err := r.Stdout.Err(); err != nil {
			return console.Unwritten(fmt.Errorf("the output cannot be written (%w): make room, or choose another place", err))
		}
	}
	if later {
		return chat.ErrLater
	}
	return nil
}

func unsaved(m *chat.Message) (n int) {
	for _, x := range m.Attachments {
		if x.Path == "" {
			n++
		}
	}
	return n
}

func (r *receiver) showSaved(item chat.Received) {
	if r.JSON {
		r.PrintJSON(jsonlines.ReceivedOf(item))
		return
	}
	for _, x := range item.Message.Attachments {
		if x.Path != "" {
			_, _ = fmt.Fprintf(r.Stdout, "  + %s of [%s] → %s\n", termtext.Quote(x.Name), shortID(item.Message.ID), termtext.Line(disk.Path(x.Path)))
		}
	}
}

// ended returns what receive ends with: if nothing else went wrong, files that
// were not saved, which was said of each.
func (r *receiver) ended(err error) error {
	if err == nil && r.saver.code != 0 {
		return lentExit{r.saver.code}
	}
	return err
}
