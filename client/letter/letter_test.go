// SPDX-License-Identifier: AGPL-3.0-or-later

package letter_test

import (
	"bytes"
	"crypto/hpke"
	"errors"
	"testing"

	"github.com/securecrypt/securecrypt/client/letter"
	"github.com/securecrypt/securecrypt/protocol"
)

func key(t testing.TB) hpke.PrivateKey {
	t.Helper()
	k, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestLettersOpenForTheirDeviceAlone(t *testing.T) {
	k, device := key(t), protocol.DeviceID{1}
	in := letter.Invitation{Host: "chat.example", Channel: protocol.ChannelID{2}, Welcome: []byte("w"), Tree: []byte("t")}
	sealed, err := letter.Seal(k.PublicKey(), device, in)
	if err != nil {
		t.Fatal(err)
	}
	got, err := letter.Open(k, device, sealed)
	if err != nil || got.Host != in.Host || !bytes.Equal(got.Tree, in.Tree) {
		t.Fatalf("got %+v, error %v", got, err)
	}
	if _, err := letter.Open(k, protocol.DeviceID{2}, sealed); !errors.Is(err, letter.ErrOpen) {
		t.Errorf("another device: %v", err)
	}
	if _, err := letter.Open(key(t), device, sealed); !errors.Is(err, letter.ErrOpen) {
		t.Errorf("another key: %v", err)
	}
	for _, b := range [][]byte{nil, sealed[:100], sealed[:len(sealed)-1]} {
		if _, err := letter.Open(k, device, b); !errors.Is(err, letter.ErrOpen) {
			t.Errorf("%d bytes: %v", len(b), err)
		}
	}
}

func TestLettersOfDifferentLengthLookAlike(t *testing.T) {
	k := key(t)
	sizes := map[int]bool{}
	for _, n := range []int{1, 100, 5000} {
		b, err := letter.Seal(k.PublicKey(), protocol.DeviceID{}, letter.Invitation{Welcome: make([]byte, n), Tree: []byte{1}})
		if err != nil {
			t.Fatal(err)
		}
		sizes[len(b)] = true
	}
	if len(sizes) != 1 {
		t.Errorf("%d sizes", len(sizes))
	}
}
