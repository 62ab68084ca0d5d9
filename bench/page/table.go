// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"fmt"
	"slices"
)

// A figure is what was measured several times, in milliseconds.
type figure []float64

func (f figure) at(part float64) float64 {
	if len(f) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(f))
	return sorted[min(len(sorted)-1, int(part*float64(len(sorted))))]
}

func (f figure) median() float64 { return f.at(0.5) }

// A report prints figures as they come.
type report struct{}

// section begins a table.
func (r report) section(title string) {
	fmt.Printf("\n%s\n%-58s %8s %8s %8s %5s\n", title, "", "median", "p95", "longest", "limit")
}

// line prints a figure, and the limit that its median keeps to, 0 if there is none.
func (r report) line(what string, f figure, limit float64) {
	end := "    –"
	if limit > 0 {
		end = fmt.Sprintf("%5.0f", limit)
		if f.median() > limit {
			end += "  MISSED"
		}
	}
	fmt.Printf("%-58s %8.0f %8.0f %8.0f %s  (%d)\n", what, f.median(), f.at(0.95), f.at(1), end, len(f))
}

// single prints one time.
func (r report) single(what string, ms, limit float64) {
	end := ""
	if limit > 0 {
		end = fmt.Sprintf("%5.0f", limit)
		if ms > limit {
			end += "  MISSED"
		}
	}
	fmt.Printf("%-58s %8s %8s %8.0f %s\n", what, "", "", ms, end)
}
