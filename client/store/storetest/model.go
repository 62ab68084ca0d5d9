// SPDX-License-Identifier: AGPL-3.0-or-later

package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/store/memory"
)

const modelRounds = 60

// likeTheModel does the same at random to a store and to one in memory, and
// compares whatever they say, in the middle of updates too. Keys are short, so
// that they meet, and of all kinds of bytes.
func likeTheModel(t *testing.T, s backend.Store) {
	defer func() { _ = s.Close() }()
	model := memory.New()
	r := rand.New(rand.NewPCG(1, 2))
	for range modelRounds {
		writes := make([][2][]byte, r.IntN(60))
		for i := range writes {
			writes[i][0] = someKey(r)
			if r.IntN(4) > 0 {
				writes[i][1] = fmt.Append(nil, r.Int())
			}
		}
		seed := r.Uint64()
		undo := r.IntN(5) == 0
		run := func(s backend.Store) (said []string) {
			err := s.Update(func(tx backend.Tx) error {
				said = look(tx, writes, rand.New(rand.NewPCG(seed, 0)))
				if undo {
					return errUndo
				}
				return nil
			})
			if err != nil && !errors.Is(err, errUndo) {
				t.Fatal(err)
			}
			err = s.View(func(tx backend.Tx) error {
				said = append(said, look(tx, nil, rand.New(rand.NewPCG(seed, 1)))...)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return said
		}
		got, want := run(s), run(model)
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("the store says\n%.2000s\nthe model\n%.2000s", got[i], want[i])
			}
		}
	}
}

var errUndo = errors.New("undo")

func someKey(r *rand.Rand) []byte {
	k := make([]byte, 1+r.IntN(3))
	for i := range k {
		k[i] = []byte{0, 1, 'a', 'b', 0xfe, 0xff}[r.IntN(6)]
	}
	return k
}

// look writes, and reads this and that.
func look(tx backend.Tx, writes [][2][]byte, r *rand.Rand) (said []string) {
	for _, w := range writes {
		if w[1] == nil {
			said = append(said, fmt.Sprint(tx.Delete(w[0])))
		} else {
			said = append(said, fmt.Sprint(tx.Put(w[0], w[1])))
		}
	}
	for range 5 {
		keys := make([][]byte, r.IntN(6))
		for i := range keys {
			keys[i] = someKey(r)
		}
		var err error
		fetch := r.IntN(2) == 0
		if f, ok := tx.(backend.Fetcher); ok && fetch {
			err = f.Fetch(keys)
		}
		said = append(said, fmt.Sprint(err))
		for _, key := range keys {
			v, err := tx.Get(key)
			said = append(said, fmt.Sprintf("%q %t %v", v, v == nil, err))
		}
		var prefix, from []byte
		if r.IntN(2) == 0 {
			prefix = someKey(r)[:1]
		}
		if r.IntN(2) == 0 {
			from = append(bytes.Clone(prefix), someKey(r)...)
		}
		reverse, most := r.IntN(2) == 0, r.IntN(300)
		text := fmt.Sprintf("scan %q %q %t %d:", prefix, from, reverse, most)
		n := 0
		err = tx.Scan(prefix, from, reverse, func(k, v []byte) (bool, error) {
			text += fmt.Sprintf(" %q=%q", k, v)
			n++
			return n < most, nil
		})
		said = append(said, text, fmt.Sprint(err))
	}
	return said
}
