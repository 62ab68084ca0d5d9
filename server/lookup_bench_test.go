// SPDX-License-Identifier: AGPL-3.0-or-later

package server_test

import (
	"fmt"
	"testing"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// BenchmarkLookUp looks a hundred accounts up, in as few requests as there may
// be, each time on the same connection.
func BenchmarkLookUp(b *testing.B) {
	i := servertest.Start(b, servertest.Options{Memory: true})
	c := servertest.Dial(b, i)
	var names []string
	for n := range 100 {
		name := fmt.Sprintf("member-%d", n)
		c.Must(protocol.OpRegister, servertest.NewPerson(b, i.Host, name).Registration(), &protocol.Empty{})
		names = append(names, name)
	}
	for b.Loop() {
		for _, some := range [][]string{names[:64], names[64:]} {
			c.Must(protocol.OpAccountGet, &protocol.AccountGet{Names: some}, &protocol.Accounts{})
		}
	}
}
