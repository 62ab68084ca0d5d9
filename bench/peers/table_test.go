// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"strings"
	"testing"
)

func TestSummaryNamesWhoIsAhead(t *testing.T) {
	made := func(nanos ...int64) *group { return &group{nanos: map[string][]int64{opCreate: nanos}} }
	one := &table{suite: "1", size: 2, columns: []column{
		{"ours", "ours", made(10, 30, 20)}, {"a", "slow", made(50)}, {"b", "fast", made(1, 15, 90)}, {"wasm", "ours (wasm)", made(2)},
	}}
	for _, c := range []struct {
		least bool
		want  string
	}{{false, "| create | **0.75** fast |"}, {true, "| create | **0.10** fast |"}} {
		one.least = c.least
		if out := summary([]*table{one}); !strings.Contains(out, c.want) {
			t.Errorf("%q is missing in:\n%s", c.want, out)
		}
	}
}
