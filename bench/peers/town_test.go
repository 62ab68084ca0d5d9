// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"fmt"
	"testing"

	"github.com/securecrypt/securecrypt/internal/interop"
)

// A town is a group to join: our library verifies the whole of it.
func TestTown(t *testing.T) {
	for _, suite := range []uint16{0x0001, 0xF002, 0x004E, 0x0053} {
		for _, size := range []int{2, 3, 5, 8, 13, 64, 65} {
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
