// SPDX-License-Identifier: AGPL-3.0-or-later

package protocol_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/securecrypt/securecrypt/protocol"
)

// FuzzParseFrame reads WebSocket messages as both sides do: frame by frame, to
// the bodies. What is accepted must be encoded to the same bytes again.
func FuzzParseFrame(f *testing.F) {
	var sequence []byte
	for _, s := range shapes() {
		frame := s.frame(f, s.plain())
		f.Add(frame)
		sequence = append(sequence, frame...)
	}
	f.Add(sequence)
	f.Fuzz(func(t *testing.T, message []byte) {
		for rest := message; len(rest) > 0; {
			frame, after, err := protocol.ParseFrame(rest)
			if err != nil {
				checkMalformed(t, err)
				return
			}
			if len(after) >= len(rest) {
				t.Fatal("a frame of no bytes")
			}
			again, err := protocol.Append(nil, frame.Kind, frame.ID, frame.Code, frame.Body)
			if err != nil || !bytes.Equal(again, rest[:len(rest)-len(after)]) {
				t.Fatalf("%x was accepted, but is encoded as %x, %v", rest, again, err)
			}
			decodeBodies(t, frame)
			rest = after
		}
	})
}

// decodeBodies reads the body as each of the structures that may stand in such
// a frame.
func decodeBodies(t *testing.T, frame protocol.Frame) {
	for _, s := range shapes() {
		if s.kind != frame.Kind || s.code != frame.Code {
			continue
		}
		body := s.body()
		if err := protocol.DecodeBody(frame.Body, body); err != nil {
			checkMalformed(t, err)
			continue
		}
		again, err := protocol.Append(nil, frame.Kind, frame.ID, frame.Code, body)
		if err != nil {
			t.Fatal(err)
		}
		f, _, err := protocol.ParseFrame(again)
		if err != nil || !bytes.Equal(f.Body, frame.Body) {
			t.Fatalf("%s: %x was accepted, but is encoded as %x, %v", s.rule, frame.Body, f.Body, err)
		}
	}
	if frame.Kind == protocol.KindError {
		if err := protocol.ErrorFrom(frame); err == nil || err.Error() == "" {
			t.Fatalf("an error without words: %v", err)
		}
	}
}

// FuzzDecodeBody decodes bytes as the body of each operation, event and error.
func FuzzDecodeBody(f *testing.F) {
	all := shapes()
	for i, s := range all {
		frame, _, err := protocol.ParseFrame(s.frame(f, s.plain()))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), []byte(frame.Body))
	}
	f.Fuzz(func(t *testing.T, which uint8, raw []byte) {
		s := all[int(which)%len(all)]
		id := uint64(1)
		if s.kind == protocol.KindEvent {
			id = 0
		}
		decodeBodies(t, protocol.Frame{Kind: s.kind, ID: id, Code: s.code, Body: raw})
	})
}

func FuzzParseTexts(f *testing.F) {
	f.Add(protocol.BlobID{1}.String())
	f.Add(protocol.UploadToken{2}.Text())
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := protocol.ParseBlobID(s); err == nil && id.String() != s {
			t.Errorf("%q is also %q", s, id)
		} else if err != nil {
			checkMalformed(t, err)
		}
		if token, err := protocol.ParseUploadToken(s); err == nil && token.Text() != s {
			t.Errorf("%q is also %q", s, token.Text())
		}
	})
}

func checkMalformed(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, protocol.ErrMalformed) {
		t.Fatalf("the error does not wrap ErrMalformed: %v", err)
	}
}
