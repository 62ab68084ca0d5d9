// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"fmt"
	"testing"

	"github.com/securecrypt/securecrypt/internal/testing/interop"
)

// A town is a group to join: our library verifies the whole of it.
func TestTown(t *testing.T) {
	for suite, sizes := range map[uint16][]int{0x0001: {2, 3, 5, 8, 13, 64, 65}, 0xF002: {5}, 0x004E: {6}, 0x0053: {7}} {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("%#04x/%d", suite, size), func(t *testing.T) {
				peer := interop.NewEndpoint("ours")
				g := &group{alice: peer, bob: peer, others: peer, suite: suite, size: size, populated: true}
				if err := g.open(); err != nil {
					t.Fatal(err)
				}
				for _, s := range steps {
					if err := s.run(g); err != nil {
						t.Fatalf("%s: %v", s.name, err)
					}
				}
				if err := g.check(); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}
