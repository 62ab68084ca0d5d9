// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import (
	"slices"

	"github.com/securecrypt/securecrypt/client/chat"
)

// Whole is the message as it was before an own deletion that is not sent yet:
// until then the others have all of it, and the server may refuse.
func (r *Message) Whole() *Message {
	for _, u := range r.Undo {
		if u.Whole != nil {
			return u.Whole
		}
	}
	return r
}

// undone takes what an item did out of Undo, and returns it with the version
// of the message that it was done to.
func (r *Message) undone(n uint64) (*Message, Undo) {
	i := slices.IndexFunc(r.Undo, func(u Undo) bool { return u.Item == n })
	if i < 0 {
		if whole := r.Whole(); whole != r {
			return whole.undone(n)
		}
		return r, Undo{}
	}
	u := r.Undo[i]
	r.Undo = slices.Delete(r.Undo, i, i+1)
	return r, u
}

// Confirm forgets how to take back what an item did. It returns the message if
// that was a deletion.
func (r *Message) Confirm(n uint64) *Message {
	_, u := r.undone(n)
	return u.Whole
}

// RollBack takes back what an item did, and leaves what others did before and
// after it.
func (r *Message) RollBack(n uint64) {
	r, u := r.undone(n)
	switch {
	case u.Whole != nil:
		state, reason, why, recipients := r.State, r.Reason, r.Cause, r.Recipients // what became of it goes on
		*r = *u.Whole
		r.State, r.Reason, r.Cause, r.Recipients = state, reason, why, recipients
	case u.Text != nil:
		r.unedit(u)
	case !u.Reaction.IsZero():
		r.unreact(u)
	}
}

// unedit takes back an edit. One of a message that failed itself stays: it is
// sent when that is sent again.
func (r *Message) unedit(u Undo) {
	if r.State == chat.StateFailed {
		return
	}
	if i := slices.IndexFunc(r.Undo, func(later Undo) bool { return later.Text != nil }); i >= 0 {
		r.Undo[i].Text, r.Undo[i].Edited = u.Text, u.Edited
		return
	}
	r.Text, r.Edited = *u.Text, u.Edited
}

func (r *Message) unreact(u Undo) {
	same := func(x Reaction) bool { return x.ID == u.Reaction }
	r.Reactions = slices.DeleteFunc(r.Reactions, same)
	for i := range r.Undo {
		r.Undo[i].Gone = slices.DeleteFunc(r.Undo[i].Gone, same)
	}
	r.Reactions = append(r.Reactions, u.Gone...)
}
