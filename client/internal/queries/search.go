// SPDX-License-Identifier: AGPL-3.0-or-later

package queries

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fold"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
)

// searchStep is how many messages are looked at in one transaction: a search
// must not hold up what arrives.
const searchStep = 512

// minAttachmentOverhead is the least number of bytes that an attachment adds to
// the text of a message: its location, keys and hash. Shorter messages need no
// decoding, which takes half of the time of a search.
const minAttachmentOverhead = 160

// Search calls fn for the messages of some conversations that a query finds, until
// it returns false or ctx ends: conversation by conversation, in the order given,
// and in each the newest first. Each call of view opens a conversation's history in
// a transaction of its own.
func Search(ctx context.Context, all []chat.Conversation, q chat.SearchQuery, view View, fn func(chat.Message) bool) error {
	if q.In != "" {
		all = slices.DeleteFunc(all, func(conv chat.Conversation) bool { return conv.ID != q.In })
		if len(all) == 0 {
			return chat.ErrNoConversation
		}
	}
	s := searcher{view: view, query: q, words: strings.Fields(fold.Text(q.Text)), from: math.MaxUint64, fn: fn}
	all, err := s.goOn(all)
	if err != nil {
		return err
	}
	for _, conv := range all {
		more, err := s.search(ctx, conv.ID)
		if err != nil || !more {
			return err
		}
		s.from = math.MaxUint64
	}
	return nil
}

// A View calls fn with a conversation's history, within a transaction. It returns
// ErrNoConversation if there is none.
type View func(id chat.ConversationID, fn func(*History) error) error

type searcher struct {
	view  View
	query chat.SearchQuery
	words []string
	from  uint64 // where to begin in the next conversation
	found int
	fn    func(chat.Message) bool
}

// goOn finds where an earlier search ended, and leaves out the conversations
// that it dealt with.
func (s *searcher) goOn(all []chat.Conversation) ([]chat.Conversation, error) {
	if s.query.Before.IsZero() {
		return all, nil
	}
	for i, conv := range all {
		err := s.view(conv.ID, func(h *History) error {
			order, err := records.MessageOrder(h.Tx, h.id, s.query.Before)
			if order > 0 {
				s.from = order - 1
			}
			return err
		})
		if err != nil && !errors.Is(err, chat.ErrNoConversation) {
			return nil, err
		}
		if s.from != math.MaxUint64 {
			return all[i:], nil
		}
	}
	return nil, chat.ErrNoMessage
}

// search looks through one conversation. It reports whether to go on with the
// next one.
func (s *searcher) search(ctx context.Context, id chat.ConversationID) (bool, error) {
	for {
		if err := ctx.Err(); err != nil {
			return false, context.Cause(ctx)
		}
		var hits []chat.Message
		end := true
		err := s.view(id, func(h *History) (err error) {
			hits, end, err = s.step(h)
			return err
		})
		if errors.Is(err, chat.ErrNoConversation) { // deleted meanwhile
			return true, nil
		}
		if err != nil {
			return false, err
		}
		for _, m := range hits { // outside of the transaction: fn may want one of its own
			s.found++
			if !s.fn(m) || s.query.Limit > 0 && s.found >= s.query.Limit {
				return false, nil
			}
		}
		if end {
			return true, nil
		}
	}
}

// step looks at the next messages, and reports whether they were the last.
func (s *searcher) step(h *History) (hits []chat.Message, end bool, err error) {
	seen := 0
	end = true
	err = h.walk(s.from, true, func(order uint64, rec *records.Message) (bool, error) {
		s.from = order - 1
		seen++
		if s.matches(rec) {
			m, err := h.show(order, rec)
			if err != nil {
				return false, err
			}
			hits = append(hits, m)
		}
		end = seen < searchStep
		return end, nil
	})
	return hits, end, err
}

func (s *searcher) matches(rec *records.Message) bool {
	q := &s.query
	switch {
	case rec.Notice || rec.Deleted,
		!q.From.IsZero() && rec.From != q.From.String(),
		!q.Since.IsZero() && rec.SentMillis() < records.Millis(q.Since),
		!q.Until.IsZero() && rec.SentMillis() >= records.Millis(q.Until):
		return false
	}
	if !q.Files && s.contains(rec.Text) {
		return true
	}
	names, any := fileNames(rec)
	return any && s.contains(rec.Text+"\n"+names)
}

// contains reports whether a text has all the words.
func (s *searcher) contains(text string) bool {
	if len(s.words) == 0 {
		return true
	}
	text = fold.Text(text)
	return !slices.ContainsFunc(s.words, func(w string) bool { return !strings.Contains(text, w) })
}

// fileNames returns the names of a message's attachments, and whether there
// are any.
func fileNames(rec *records.Message) (names string, any bool) {
	if len(rec.Content) == 0 || rec.Text != "" && !rec.Edited && len(rec.Content) < len(rec.Text)+minAttachmentOverhead {
		return "", false
	}
	msg, err := content.Decode(rec.Content)
	if err != nil {
		return "", false
	}
	for _, a := range msg.View().Attachments {
		names, any = names+"\n"+a.Name, true
	}
	return names, any
}
