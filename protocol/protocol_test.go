// SPDX-License-Identifier: AGPL-3.0-or-later

package protocol_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
)

func TestFramesOfOneMessageAreReadInTurn(t *testing.T) {
	entry := &protocol.Entry{Channel: protocol.ChannelID{1}, Seq: 7, Epoch: 3, Kind: protocol.KindCommit, Ciphertext: []byte("c")}
	msg, err := protocol.Append(nil, protocol.KindEvent, 0, uint16(protocol.EventEntry), entry)
	if err != nil {
		t.Fatal(err)
	}
	msg, err = protocol.Append(msg, protocol.KindResponse, 9, 0, &protocol.Posted{Seq: 8})
	if err != nil {
		t.Fatal(err)
	}
	first, rest, err := protocol.ParseFrame(msg)
	if err != nil {
		t.Fatal(err)
	}
	var got protocol.Entry
	if err := protocol.DecodeBody(first.Body, &got); err != nil {
		t.Fatal(err)
	}
	if got.Seq != 7 || got.Channel != entry.Channel || !bytes.Equal(got.Ciphertext, entry.Ciphertext) {
		t.Errorf("got %+v", got)
	}
	second, rest, err := protocol.ParseFrame(rest)
	if err != nil || len(rest) != 0 || second.ID != 9 {
		t.Errorf("second frame %+v, rest %x, error %v", second, rest, err)
	}
}

func TestEveryOpAndEventHasBodies(t *testing.T) {
	for _, op := range protocol.Ops() {
		if _, err := protocol.NewRequest(op); err != nil {
			t.Errorf("%s: %v", op, err)
		}
		if _, err := protocol.NewResult(op); err != nil {
			t.Errorf("%s: %v", op, err)
		}
		if op.String() == "" {
			t.Errorf("operation %d has no name", op)
		}
	}
	for _, e := range protocol.EventTypes() {
		if _, err := protocol.NewEvent(e); err != nil {
			t.Errorf("event %d: %v", e, err)
		}
	}
	for _, bad := range []protocol.Op{0, 1000} {
		if _, err := protocol.NewRequest(bad); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("operation %d: %v", bad, err)
		}
	}
}

func TestErrorsSurviveTheWire(t *testing.T) {
	for _, code := range protocol.ErrorCodes() {
		sent := &protocol.Error{Code: code, RetryAfter: 2 * time.Second, Epoch: 4, Reason: protocol.ReasonSpace}
		b, err := protocol.Append(nil, protocol.KindError, 1, uint16(code), sent.Body())
		if err != nil {
			t.Fatal(err)
		}
		f, _, err := protocol.ParseFrame(b)
		if err != nil {
			t.Fatal(err)
		}
		var got *protocol.Error
		if err := protocol.ErrorFrom(f); !errors.As(err, &got) || *got != *sent {
			t.Errorf("code %d: got %+v, want %+v", code, got, sent)
		}
	}
}

func TestErrorsAreSentences(t *testing.T) {
	seen := map[string]bool{}
	for _, code := range protocol.ErrorCodes() {
		text := (&protocol.Error{Code: code}).Error()
		if seen[text] || text == "" {
			t.Errorf("code %d: %q", code, text)
		}
		seen[text] = true
	}
	for _, reason := range protocol.Reasons() {
		text := (&protocol.Error{Code: protocol.CodeQuotaExceeded, Reason: reason, RetryAfter: time.Minute}).Error()
		if seen[text] || text != "no room left on the server: "+reason.String()+"; try again in 1m0s" {
			t.Errorf("reason %d: %q", reason, text)
		}
		seen[text] = true
	}
	for _, x := range []struct {
		err  protocol.Error
		want string
	}{
		{protocol.Error{Code: protocol.CodeQuotaExceeded, Reason: 200}, "no room left on the server; try again later"},
		{protocol.Error{Code: protocol.CodeQuotaExceeded, Reason: protocol.ReasonSpace}, "no room left on the server: the server's disk is full; ask its operator to make room"},
		{protocol.Error{Code: 250}, "the server failed; try again; if it goes on, ask its operator"},
	} {
		if text := x.err.Error(); text != x.want {
			t.Errorf("%+v says %q, want %q", x.err, text, x.want)
		}
	}
}

// What older clients and servers send is what the present ones read, and the
// other way round where the new fields are absent.
func TestAddedFieldsAreOptional(t *testing.T) {
	old := []byte{0xa3, 0x01, 0x01, 0x02, 0x61, 'a', 0x03, 0x58, 32}
	old = append(old, make([]byte, 32)...)
	var hello protocol.Hello
	if err := protocol.DecodeBody(old, &hello); err != nil || hello.Host != "a" || hello.Time != 0 || hello.Incarnation != (protocol.Incarnation{}) {
		t.Errorf("a hello of three fields: %+v, %v", hello, err)
	}
	var state protocol.MailboxState
	if err := protocol.DecodeBody([]byte{0xa0}, &state); err != nil || state.Last != 0 {
		t.Errorf("an empty mailbox state: %+v, %v", state, err)
	}
}

func TestEntryMark(t *testing.T) {
	mark := protocol.EntryMark([]byte("abc")) // SHA-256 of FIPS 180-4
	if want := []byte{0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23}; !bytes.Equal(mark, want) {
		t.Errorf("got %x", mark)
	}
}

func TestFixedLengthsAreExact(t *testing.T) {
	// {1: channel of 31 bytes, 2: 0, 3: signature, 4: 0}
	short := append([]byte{0xa4, 0x01, 0x58, 31}, make([]byte, 31)...)
	short = append(short, 0x02, 0x00, 0x03, 0x58, 64)
	short = append(short, make([]byte, 64)...)
	short = append(short, 0x04, 0x00)
	var open protocol.ChannelOpen
	if err := protocol.DecodeBody(short, &open); !errors.Is(err, protocol.ErrMalformed) {
		t.Errorf("a channel identifier of 31 bytes: %v", err)
	}
}
