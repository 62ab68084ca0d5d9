// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"crypto/rand"
	"testing"

	"github.com/securecrypt/securecrypt/account"
)

func newReplacement(t *testing.T) *replacement {
	t.Helper()
	r := new(replacement)
	for _, s := range []*account.RecoverySecret{&r.current, &r.next} {
		var err error
		if *s, err = account.NewRecoverySecret(rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// TestReplacementsAreErased follows the secrets of replacements: they are erased when
// another one is begun, when all end, and when one is put back after that.
func TestReplacementsAreErased(t *testing.T) {
	var all replacements
	erased := func(what string, r *replacement, want bool) {
		t.Helper()
		if current, next := r.current.Reveal() == "", r.next.Reveal() == ""; current != want || next != want {
			t.Errorf("%s: the key of now is erased: %t, the next one: %t", what, current, next)
		}
	}
	first, second, third := newReplacement(t), newReplacement(t), newReplacement(t)
	id := all.begin(first)
	if all.take(id+1) != nil || all.take(id) != first || all.take(id) != nil {
		t.Error("a replacement is not taken once, by its number")
	}
	all.putBack(first)
	erased("put back", first, false)
	all.begin(second)
	erased("another one was begun", first, true)
	if all.take(id) != nil {
		t.Error("a replacement that another one followed is there")
	}
	taken := all.take(second.id)
	all.begin(third)
	all.putBack(taken)
	erased("put back after another one was begun", second, true)
	erased("the other one", third, false)
	all.close()
	erased("all ended", third, true)
	late := newReplacement(t)
	all.begin(late)
	erased("begun after the end", late, true)
}
