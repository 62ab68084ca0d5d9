// SPDX-License-Identifier: AGPL-3.0-or-later

package e2e_test

import (
	"crypto/ed25519"
	"testing"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/protocol"
)

// ask sends a request in the raw protocol and waits until it is answered.
func ask(t *testing.T, conn backend.Conn, id uint64, op protocol.Op, body protocol.Body) {
	t.Helper()
	b, err := protocol.Append(nil, protocol.KindRequest, id, uint16(op), body)
	must(t, err)
	must(t, conn.Write(soon(t), b))
	for {
		b, err := conn.Read(soon(t))
		must(t, err)
		for len(b) > 0 {
			var f protocol.Frame
			f, b, err = protocol.ParseFrame(b)
			must(t, err)
			if f.Kind == protocol.KindError {
				t.Fatalf("%s: %v", op, protocol.ErrorFrom(f))
			}
			if f.Kind == protocol.KindResponse && f.ID == id {
				return
			}
		}
	}
}

// access is a key pair that opens a channel.
type access struct {
	private ed25519.PrivateKey
	public  protocol.AccessKey
}

func accessPair(t *testing.T) access {
	pub, priv, err := ed25519.GenerateKey(nil)
	must(t, err)
	return access{priv, protocol.AccessKey(pub)}
}

// open signs the challenge of the connection that the recorder saw last.
func (a access) open(host string, wire *recorder, channel protocol.ChannelID) protocol.Signature {
	wire.mu.Lock()
	defer wire.mu.Unlock()
	for _, b := range wire.received {
		f, _, err := protocol.ParseFrame(b)
		var hello protocol.Hello
		if err == nil && protocol.EventType(f.Code) == protocol.EventHello && protocol.DecodeBody(f.Body, &hello) == nil {
			challenge := protocol.OpenChallenge(host, hello.Nonce, channel, 0)
			return protocol.Signature(ed25519.Sign(a.private, challenge))
		}
	}
	return protocol.Signature{}
}
