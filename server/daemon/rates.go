// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/securecrypt/securecrypt/server/fairness"
)

// setRates changes the rates that --rates names, each as NAME=BURST+PERSECOND.
func setRates(l *fairness.Limits, rates []string) error {
	known := l.Rates()
	for _, text := range rates {
		name, value, _ := strings.Cut(strings.TrimSpace(text), "=")
		burst, perSecond, ok := strings.Cut(value, "+")
		rate := known[name]
		if rate == nil {
			return usage("--rates knows no rate %q, but: %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		b, err1 := strconv.ParseFloat(burst, 64)
		s, err2 := strconv.ParseFloat(perSecond, 64)
		if !ok || err1 != nil || err2 != nil || !(b >= 1 && b <= 1e15 && s >= 0 && s <= 1e12) { // NaN is none of it
			return usage("--rates takes NAME=BURST+PERSECOND, such as letter=1200+2, not %q", text)
		}
		*rate = fairness.Rate{Burst: b, PerSecond: s}
	}
	return nil
}

// rateTexts lists the rates as --rates takes them.
func rateTexts(l *fairness.Limits) string {
	known := l.Rates()
	var all []string
	for _, name := range slices.Sorted(maps.Keys(known)) {
		all = append(all, name+"="+formatNumber(known[name].Burst)+"+"+formatNumber(known[name].PerSecond))
	}
	return strings.Join(all, ", ")
}

// formatNumber writes a number without an exponent and with at most three decimal
// places.
func formatNumber(f float64) string {
	return strings.TrimRight(strings.TrimRight(strconv.FormatFloat(f, 'f', 3, 64), "0"), ".")
}
