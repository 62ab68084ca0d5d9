// SPDX-License-Identifier: AGPL-3.0-or-later

// Package order sorts slices of any type with one compiled sort: the sorts of package
// slices are compiled once more for each type, five to eight kilobytes each, which a browser
// would load.
package order

import "slices"

// By sorts a slice by a comparison and keeps the order of equal elements.
func By[T any](all []T, compare func(a, b T) int) {
	places := make([]int, len(all))
	for i := range places {
		places[i] = i
	}
	slices.SortStableFunc(places, func(i, j int) int { return compare(all[i], all[j]) })
	sorted := make([]T, len(all))
	for i, from := range places {
		sorted[i] = all[from]
	}
	copy(all, sorted)
}
