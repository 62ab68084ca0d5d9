// SPDX-License-Identifier: AGPL-3.0-or-later

package frames

import (
	"bytes"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/securecrypt/securecrypt/protocol"
)

func drawNumber(t *rapid.T, label string) uint64 {
	return rapid.Uint64().Draw(t, label) >> rapid.IntRange(0, 63).Draw(t, label+" shift")
}

func TestWritesWhatProtocolWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := protocol.Entry{
			Seq: drawNumber(t, "seq"), Epoch: drawNumber(t, "epoch"), Kind: protocol.EntryKind(rapid.IntRange(0, 1).Draw(t, "kind")),
			Ciphertext: rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "ciphertext"),
		}
		copy(e.Channel[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "channel"))
		want, err := protocol.Append(nil, protocol.KindEvent, 0, uint16(protocol.EventEntry), &e)
		if err != nil {
			t.Fatal(err)
		}
		got := AppendEntry(nil, &e)
		if !bytes.Equal(got, want) {
			t.Fatalf("entry %x, want %x", got, want)
		}
		if len(got) > EntryRoom+len(e.Ciphertext) {
			t.Fatalf("entry takes %d bytes for %d", len(got), len(e.Ciphertext))
		}
		id := drawNumber(t, "id")
		want, err = protocol.Append(nil, protocol.KindResponse, id, 0, &protocol.Posted{Seq: e.Seq})
		if err != nil {
			t.Fatal(err)
		}
		if got := AppendPosted(nil, id, e.Seq); !bytes.Equal(got, want) {
			t.Fatalf("ack %x, want %x", got, want)
		}
	})
}

func TestReadsWhatProtocolReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		post := &protocol.ChannelPost{
			Epoch: drawNumber(t, "epoch"), Ciphertext: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "ciphertext"),
			ExpireIn: drawNumber(t, "expiry"),
		}
		id := drawNumber(t, "id")
		b, err := protocol.Append(nil, protocol.KindRequest, id, uint16(protocol.OpChannelPost), post)
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "spoil") {
			b[rapid.IntRange(0, len(b)-1).Draw(t, "where")] ^= byte(rapid.IntRange(1, 255).Draw(t, "how"))
		}
		compareWithProtocol(t.Fatalf, append(b, 1, 2, 3))
	})
}

// compareWithProtocol checks that what ParsePost takes is what package protocol
// takes, with the same meaning.
func compareWithProtocol(fatalf func(string, ...any), b []byte) {
	id, got, rest, ok := ParsePost(b)
	f, wantRest, err := protocol.ParseFrame(b)
	isPost := err == nil && f.Kind == protocol.KindRequest && protocol.Op(f.Code) == protocol.OpChannelPost
	var want protocol.ChannelPost
	if isPost {
		isPost = protocol.DecodeBody(f.Body, &want) == nil
	}
	if ok != isPost {
		fatalf("taken: %v, want %v: %x", ok, isPost, b)
	}
	if ok && (id != f.ID || !bytes.Equal(rest, wantRest) || !reflect.DeepEqual(*got, want)) {
		fatalf("read %+v, want %+v", got, want)
	}
}

func FuzzParsePost(f *testing.F) {
	b, err := protocol.Append(nil, protocol.KindRequest, 7, uint16(protocol.OpChannelPost), &protocol.ChannelPost{Epoch: 3, Ciphertext: []byte("c"), ExpireIn: 60})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) { compareWithProtocol(t.Fatalf, b) })
}
