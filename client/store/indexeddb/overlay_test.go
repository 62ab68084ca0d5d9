// SPDX-License-Identifier: AGPL-3.0-or-later

package indexeddb

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// base hands out what of the records a span holds, a few at a time, as the
// database does.
func base(records overlay, in span, reverse bool, limit int) source {
	return func() ([]record, error) {
		if in.empty() {
			return nil, nil
		}
		all := records.within(in, reverse)
		all = all[:min(limit, len(all))]
		if len(all) > 0 {
			in = in.beyond(all[len(all)-1].key, reverse)
		}
		return all, nil
	}
}

// A scan of the database under an overlay is a scan of both together.
func TestOverlaysHideWhatLiesBelow(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	someKey := func() []byte {
		k := make([]byte, r.IntN(4))
		for i := range k {
			k[i] = []byte{0, 'a', 0xfe, 0xff}[r.IntN(4)]
		}
		return k
	}
	for range 2000 {
		below, above, both := overlay{}, overlay{}, overlay{}
		for range r.IntN(30) {
			k := someKey()
			below.put(k, []byte("below"))
			both.put(k, []byte("below"))
		}
		for range r.IntN(30) {
			if k := someKey(); r.IntN(3) == 0 {
				above.delete(k)
				delete(both, string(k))
			} else {
				above.put(k, []byte("above"))
				both.put(k, []byte("above"))
			}
		}
		prefix, from, reverse := someKey(), someKey(), r.IntN(2) == 0
		in := prefixed(prefix).starting(from, reverse)
		var got, want []string
		err := merge(base(below, in, reverse, 3), above.within(in, reverse), reverse, func(k, v []byte) (bool, error) {
			got = append(got, fmt.Sprintf("%q=%s", k, v))
			return true, nil
		})
		for _, rec := range both.within(span{}, reverse) {
			before := bytes.Compare(rec.key, from)
			if bytes.HasPrefix(rec.key, prefix) && (before >= 0 && !reverse || before <= 0 && reverse) {
				want = append(want, fmt.Sprintf("%q=%s", rec.key, rec.value))
			}
		}
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("scanning %q from %q, reverse %t:\n%v\nwant\n%v\n%v", prefix, from, reverse, got, want, err)
		}
	}
}

func TestRecordsKnowTheirKeys(t *testing.T) {
	for key, value := range map[string]string{"": "", "k": "", "\x00\xff": "value"} {
		got, err := parseRecord(appendRecord(nil, key, []byte(value)))
		if err != nil || string(got.key) != key || string(got.value) != value || got.value == nil {
			t.Errorf("%q=%q became %q=%q, %v", key, value, got.key, got.value, err)
		}
	}
	for _, bad := range []string{"", "\x00", "\x00\x02k", "\xff\xff"} {
		if _, err := parseRecord([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
