// SPDX-License-Identifier: AGPL-3.0-or-later

package server_test

import (
	"testing"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// What an account keeps for its recovery is replaced by what has a higher counter, is
// its devices' alone, and goes with the account.
func TestRecoveryIsKept(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	bob, c := servertest.Register(t, i, "bob")
	_, eve := servertest.Register(t, i, "eve")
	c.Refused(protocol.CodeNotFound, protocol.OpRecoveryGet, &protocol.Empty{})
	for n := uint64(1); n < 4; n++ {
		c.Must(protocol.OpRecoveryPut, &protocol.RecoveryPut{Counter: n, Data: make([]byte, 1000*n)}, &protocol.Empty{})
	}
	c.Refused(protocol.CodeExists, protocol.OpRecoveryPut, &protocol.RecoveryPut{Counter: 3, Data: []byte{1}})
	var got protocol.Recovery
	c.Must(protocol.OpRecoveryGet, &protocol.Empty{}, &got)
	if got.Counter != 3 || len(got.Data) != 3000 || got.Stored == 0 || got.Device != bob.Device {
		t.Errorf("%d %d %d %s", got.Counter, len(got.Data), got.Stored, got.Device)
	}
	eve.Refused(protocol.CodeNotFound, protocol.OpRecoveryGet, &protocol.Empty{})
	c.Must(protocol.OpRecoveryPut, &protocol.RecoveryPut{Counter: 4, Data: make([]byte, protocol.MaxRecovery)}, &protocol.Empty{})
	c.Must(protocol.OpAccountDelete, &protocol.Empty{}, &protocol.Empty{})
}
