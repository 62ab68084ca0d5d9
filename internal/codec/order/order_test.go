// SPDX-License-Identifier: AGPL-3.0-or-later

package order_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/securecrypt/securecrypt/internal/codec/order"
)

// By sorts as package slices does.
func TestBySorts(t *testing.T) {
	type pair struct{ key, place int }
	compare := func(a, b pair) int { return cmp.Compare(a.key, b.key) }
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 200 {
		all := make([]pair, n)
		for i := range all {
			all[i] = pair{r.IntN(10), i}
		}
		want := slices.Clone(all)
		slices.SortStableFunc(want, compare)
		order.By(all, compare)
		if !slices.Equal(all, want) {
			t.Fatalf("%v, want %v", all, want)
		}
	}
}
