// SPDX-License-Identifier: Apache-2.0

package treemath

import "testing"

func TestAncestors(t *testing.T) {
	for _, n := range []uint32{1, 2, 4, 8, 16, 64} {
		for i := range n {
			if got := Leaf(i).Node(); !got.Contains(Leaf(i)) || got.FirstLeaf() != Leaf(i) || got.EndLeaf() != Leaf(i+1) {
				t.Fatalf("leaf %d", i)
			}
			for j := range n {
				want := Root(n)
				if i == j {
					want = Leaf(i).Node()
				} else {
					for _, p := range DirectPath(Leaf(i).Node(), n) {
						if p.FirstLeaf() <= Leaf(j) && Leaf(j) < p.EndLeaf() {
							want = p
							break
						}
					}
				}
				if got := CommonAncestor(Leaf(i), Leaf(j)); got != want || !got.Contains(Leaf(i)) || !got.Contains(Leaf(j)) {
					t.Fatalf("ancestor of %d and %d: %d, want %d", i, j, got, want)
				}
			}
		}
	}
}
