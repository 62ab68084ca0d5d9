// SPDX-License-Identifier: AGPL-3.0-or-later

package envelope_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/protocol"
)

var at = envelope.Place{Channel: protocol.ChannelID{1}, Epoch: 2, Kind: protocol.KindMessage}

func seal(t testing.TB, message []byte) []byte {
	t.Helper()
	b, err := envelope.Seal(envelope.Key{7}, at, envelope.Payload{Message: message})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEnvelopesShowASizeClassAlone(t *testing.T) {
	sizes := map[int]bool{}
	for n := 1; n <= 4000; n++ {
		sizes[len(seal(t, make([]byte, n)))] = true
	}
	if len(sizes) != 4 {
		t.Errorf("4,000 lengths make %d sizes, want 4", len(sizes))
	}
	if n := len(seal(t, make([]byte, envelope.MaxMessage))); n > protocol.MaxCiphertext {
		t.Errorf("the longest message makes an entry of %d bytes, over %d", n, protocol.MaxCiphertext)
	}
}

func TestEnvelopesOpenInTheirPlaceAlone(t *testing.T) {
	message := []byte("an MLS message")
	box := seal(t, message)
	got, err := envelope.Open(envelope.Key{7}, at, box)
	if err != nil || !bytes.Equal(got.Message, message) {
		t.Fatalf("got %q, error %v", got.Message, err)
	}
	elsewhere := []envelope.Place{at, at, at}
	elsewhere[0].Channel[5] = 1
	elsewhere[1].Epoch++
	elsewhere[2].Kind = protocol.KindCommit
	for _, p := range elsewhere {
		if _, err := envelope.Open(envelope.Key{7}, p, box); !errors.Is(err, envelope.ErrOpen) {
			t.Errorf("opened at %+v: %v", p, err)
		}
	}
	if _, err := envelope.Open(envelope.Key{8}, at, box); !errors.Is(err, envelope.ErrOpen) {
		t.Errorf("opened with another key: %v", err)
	}
	for _, b := range [][]byte{nil, box[:20], box[:len(box)-1], append(bytes.Clone(box), 0)} {
		if _, err := envelope.Open(envelope.Key{7}, at, b); !errors.Is(err, envelope.ErrOpen) {
			t.Errorf("opened %d bytes of %d: %v", len(b), len(box), err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(seal(f, []byte("seed")))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = envelope.Open(envelope.Key{7}, at, b)
	})
}
