// SPDX-License-Identifier: AGPL-3.0-or-later

// Package storetest is the conformance suite of client stores: every
// implementation must pass it.
package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/securecrypt/securecrypt/client/backend"
)

// Run checks a store implementation. open returns the same store each time
// that it is called within one test, reopened, after the suite closed it; a
// store that keeps nothing passes durable = false.
func Run(t *testing.T, durable bool, open func(t *testing.T) backend.Store) {
	t.Run("ReadsItsWrites", func(t *testing.T) { readsItsWrites(t, open(t)) })
	t.Run("ScansInOrder", func(t *testing.T) { scansInOrder(t, open(t)) })
	t.Run("ScansWithinScans", func(t *testing.T) { scansWithinScans(t, open(t)) })
	t.Run("RollsBack", func(t *testing.T) { rollsBack(t, open(t)) })
	t.Run("ViewsDoNotWrite", func(t *testing.T) { viewsDoNotWrite(t, open(t)) })
	t.Run("UpdatesDoNotOverlap", func(t *testing.T) { updatesDoNotOverlap(t, open(t)) })
	t.Run("DoesWhatTheModelDoes", func(t *testing.T) { likeTheModel(t, open(t)) })
	if durable {
		t.Run("KeepsWhatItAcknowledged", func(t *testing.T) { keeps(t, open) })
	}
}

func update(t *testing.T, s backend.Store, fn func(backend.Tx) error) {
	t.Helper()
	if err := s.Update(fn); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, s backend.Store, key, value string) {
	t.Helper()
	update(t, s, func(tx backend.Tx) error { return tx.Put([]byte(key), []byte(value)) })
}

func wantValue(t *testing.T, s backend.Store, key string, want []byte) {
	t.Helper()
	err := s.View(func(tx backend.Tx) error {
		got, err := tx.Get([]byte(key))
		if err == nil && (!bytes.Equal(got, want) || (got == nil) != (want == nil)) {
			err = fmt.Errorf("%q holds %q, want %q", key, got, want)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func readsItsWrites(t *testing.T, s backend.Store) {
	defer func() { _ = s.Close() }()
	update(t, s, func(tx backend.Tx) error {
		if err := tx.Put([]byte("a"), []byte("1")); err != nil {
			return err
		}
		got, err := tx.Get([]byte("a"))
		if err == nil && string(got) != "1" {
			err = fmt.Errorf("within the transaction: %q", got)
		}
		return err
	})
	put(t, s, "a", "2")
	wantValue(t, s, "a", []byte("2"))
	put(t, s, "empty", "")
	wantValue(t, s, "empty", []byte{})
	update(t, s, func(tx backend.Tx) error { return errors.Join(tx.Delete([]byte("a")), tx.Delete([]byte("never"))) })
	wantValue(t, s, "a", nil)
	big := bytes.Repeat([]byte{0, 0xff}, 1<<20)
	update(t, s, func(tx backend.Tx) error { return tx.Put([]byte{0, 0xff, 1}, big) })
	wantValue(t, s, "\x00\xff\x01", big)
}

func scansInOrder(t *testing.T, s backend.Store) {
	defer func() { _ = s.Close() }()
	for _, k := range []string{"b\x02", "a\xff", "b\x00", "b\xff\xff", "c", "b", "b\x01\x00"} {
		put(t, s, k, "v"+k)
	}
	scanFrom := func(prefix string, from []byte, reverse bool, most int) (got []string) {
		err := s.View(func(tx backend.Tx) error {
			return tx.Scan([]byte(prefix), from, reverse, func(k, v []byte) (bool, error) {
				if string(v) != "v"+string(k) {
					return false, fmt.Errorf("%q holds %q", k, v)
				}
				got = append(got, string(k))
				return len(got) < most, nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	scan := func(prefix string, reverse bool, most int) []string { return scanFrom(prefix, nil, reverse, most) }
	check := func(name string, got, want []string) {
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	up := []string{"b", "b\x00", "b\x01\x00", "b\x02", "b\xff\xff"}
	check("ascending", scan("b", false, 10), up)
	check("descending", scan("b", true, 2), []string{"b\xff\xff", "b\x02"})
	check("prefix of ones", scan("b\xff", false, 10), []string{"b\xff\xff"})
	check("nothing", scan("zz", false, 10), nil)
	check("all", scan("", false, 10), append(append([]string{"a\xff"}, up...), "c"))
	for _, at := range []struct {
		name, prefix, from string
		up, down           []string
	}{
		{"a key", "b", "b\x01\x00", up[2:], []string{up[2], up[1], up[0]}},
		{"between keys", "b", "b\x01\x01", up[3:], []string{up[2], up[1], up[0]}},
		{"the prefix", "b", "b", up, up[:1]},
		{"the empty key", "b", "", up, nil},
		{"before the prefix", "b", "a", up, nil},
		{"after the prefix", "b", "c", nil, []string{up[4], up[3], up[2], up[1], up[0]}},
		{"within all", "", "b\xff", []string{up[4], "c"}, []string{up[3], up[2], up[1], up[0], "a\xff"}},
	} {
		check("up from "+at.name, scanFrom(at.prefix, []byte(at.from), false, 10), at.up)
		check("down from "+at.name, scanFrom(at.prefix, []byte(at.from), true, 10), at.down)
	}
	check("some from a key", scanFrom("b", []byte(up[1]), false, 2), up[1:3])
	check("some down from a key", scanFrom("b", []byte(up[3]), true, 2), []string{up[3], up[2]})
}

func scansWithinScans(t *testing.T, s backend.Store) {
	defer func() { _ = s.Close() }()
	for _, k := range []string{"a1", "a2", "b1", "b2"} {
		put(t, s, k, k)
	}
	pairs := 0
	update(t, s, func(tx backend.Tx) error {
		return tx.Scan([]byte("a"), nil, false, func(_, _ []byte) (bool, error) {
			if _, err := tx.Get([]byte("b1")); err != nil {
				return false, err
			}
			return true, tx.Scan([]byte("b"), nil, true, func(_, _ []byte) (bool, error) {
				pairs++
				return true, nil
			})
		})
	})
	if pairs != 4 {
		t.Errorf("%d pairs, want 4", pairs)
	}
}

func rollsBack(t *testing.T, s backend.Store) {
	defer func() { _ = s.Close() }()
	put(t, s, "kept", "old")
	boom := errors.New("boom")
	err := s.Update(func(tx backend.Tx) error {
		return errors.Join(tx.Put([]byte("kept"), []byte("new")), tx.Put([]byte("other"), nil), tx.Delete([]byte("kept")), boom)
	})
	if !errors.Is(err, boom) {
		t.Errorf("error %v, want %v", err, boom)
	}
	wantValue(t, s, "kept", []byte("old"))
	wantValue(t, s, "other", nil)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = s.Update(func(tx backend.Tx) error {
			if err := tx.Delete([]byte("kept")); err != nil {
				return err
			}
			panic("in the middle")
		})
	}()
	wantValue(t, s, "kept", []byte("old"))
}

func viewsDoNotWrite(t *testing.T, s backend.Store) {
	defer func() { _ = s.Close() }()
	err := s.View(func(tx backend.Tx) error { return tx.Put([]byte("a"), []byte("1")) })
	if err == nil {
		t.Error("a view wrote")
	}
	wantValue(t, s, "a", nil)
}

func updatesDoNotOverlap(t *testing.T, s backend.Store) {
	defer func() { _ = s.Close() }()
	var wg sync.WaitGroup
	errs := make(chan error, 8)
	for range 8 {
		wg.Go(func() {
			for range 10 {
				if err := s.Update(increment); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	wantValue(t, s, "counter", []byte{80})
}

func increment(tx backend.Tx) error {
	v, err := tx.Get([]byte("counter"))
	if err != nil {
		return err
	}
	if v == nil {
		v = []byte{0}
	}
	return tx.Put([]byte("counter"), []byte{v[0] + 1})
}

func keeps(t *testing.T, open func(t *testing.T) backend.Store) {
	s := open(t)
	put(t, s, "a", "1")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t)
	defer func() { _ = s.Close() }()
	wantValue(t, s, "a", []byte("1"))
}
