// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// A table holds what one group cost every implementation.
type table struct {
	suite     string
	size      int
	populated bool
	least     bool // rather than the median
	columns   []column
}

type column struct {
	kind, name string
	g          *group
}

func (t *table) shape() string {
	if t.populated {
		return "populated"
	}
	return "flat"
}

// value returns what a column has in a row.
func (t *table) value(c column, row string, isSize bool) (int64, bool) {
	if isSize {
		v, ok := c.g.sizes[row]
		return int64(v), ok && v > 0
	}
	v := c.g.nanos[row]
	if len(v) == 0 {
		return 0, false
	}
	if t.least {
		return slices.Min(v), true
	}
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2], true
}

// rows calls f for every row that the first column has a value in.
func (t *table) rows(f func(row string, isSize bool, ours int64)) {
	for _, group := range []struct {
		rows   []string
		isSize bool
	}{{operations, false}, {sizes, true}} {
		for _, row := range group.rows {
			if ours, ok := t.value(t.columns[0], row, group.isSize); ok {
				f(row, group.isSize, ours)
			}
		}
	}
}

func (t *table) text() string {
	w := new(strings.Builder)
	fmt.Fprintf(w, "\n**Suite %s, %d members, %s tree** (load average %s)\n\n", t.suite, t.size, t.shape(), load())
	head, rule := "| |", "|---|"
	for _, c := range t.columns {
		head += " " + c.name + " |"
		rule += "---|"
	}
	fmt.Fprintln(w, head+"\n"+rule)
	t.rows(func(row string, isSize bool, ours int64) {
		fmt.Fprintf(w, "| %s |", row)
		for i, c := range t.columns {
			v, ok := t.value(c, row, isSize)
			switch {
			case !ok:
				fmt.Fprint(w, " – |")
			case i == 0:
				fmt.Fprintf(w, " %s |", show(v, isSize))
			default:
				fmt.Fprintf(w, " %s (%.2f) |", show(v, isSize), float64(v)/float64(ours))
			}
		}
		fmt.Fprintln(w)
	})
	return w.String()
}

// best returns the least that another implementation needs, as a share of what
// ours needs; our own library elsewhere is no other one.
func (t *table) best(row string, isSize bool) (ratio float64, name string) {
	ours, ok := t.value(t.columns[0], row, isSize)
	if !ok {
		return 0, ""
	}
	for _, c := range t.columns[1:] {
		v, ok := t.value(c, row, isSize)
		if r := float64(v) / float64(ours); ok && c.kind != "wasm" && (name == "" || r < ratio) {
			ratio, name = r, c.name
		}
	}
	return ratio, name
}

// summary tells the best of the others in every row of every table.
func summary(tables []*table) string {
	w := new(strings.Builder)
	fmt.Fprint(w, "\n**The best of the others ÷ ours** (bold: ours is behind by more than a hundredth)\n\n| |")
	rule := "|---|"
	for _, t := range tables {
		fmt.Fprintf(w, " %s, %s %d |", t.suite, t.shape(), t.size)
		rule += "---|"
	}
	fmt.Fprintln(w, "\n"+rule)
	for i, row := range slices.Concat(operations, sizes) {
		isSize := i >= len(operations)
		fmt.Fprintf(w, "| %s |", row)
		for _, t := range tables {
			switch ratio, name := t.best(row, isSize); {
			case name == "":
				fmt.Fprint(w, " – |")
			case ratio < 0.99:
				fmt.Fprintf(w, " **%.2f** %s |", ratio, name)
			default:
				fmt.Fprintf(w, " %.2f |", ratio)
			}
		}
		fmt.Fprintln(w)
	}
	return w.String()
}

func show(v int64, isSize bool) string {
	if isSize {
		switch {
		case v >= 1<<20:
			return fmt.Sprintf("%.1f MiB", float64(v)/(1<<20))
		case v >= 10<<10:
			return fmt.Sprintf("%.1f KiB", float64(v)/(1<<10))
		}
		return fmt.Sprintf("%d B", v)
	}
	switch d := time.Duration(v); {
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.3g ms", float64(d)/1e6)
	default:
		return fmt.Sprintf("%.3g µs", float64(d)/1e3)
	}
}

// load returns the load average of the last minute, where the system tells it.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(b))
	if err != nil || len(fields) == 0 {
		return "unknown"
	}
	return fields[0]
}
