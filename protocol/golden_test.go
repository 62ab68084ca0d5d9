// SPDX-License-Identifier: AGPL-3.0-or-later

package protocol_test

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/protocol"
)

var update = flag.Bool("update", false, "write golden files that do not exist yet")

// addedFields names, by rule, the optional fields that were added to a body after its
// golden file was written, in the order of their additions; a dot leads into the
// elements of a list. The body without the fields has the old file; the body with an
// addition and those before it has a file of its own, which the addition's first
// field names.
var addedFields = map[string][][]string{
	"request-letter-send":          {{"Token"}},
	"request-channel-open":         {{"UpTo"}},
	"request-authenticate":         {{"Session", "Previous", "Takeover", "Generation"}},
	"request-account-get":          {{"Generations"}, {"Known", "Parts"}},
	"result-account-get":           {{"Accounts.Generations"}, {"Accounts.From", "Accounts.Published", "Accounts.More", "Rest"}},
	"request-channel-create":       {{"Epoch"}},
	"request-key-packages-publish": {{"Replace"}},
	"result-channel-open":          {{"Mark"}},
	"event-hello":                  {{"Incarnation", "Time"}},
	"request-mailbox-open":         {{"Chain"}},
	"event-mailbox-caught-up":      {{"Last"}},
	"refusal":                      {{"Reason"}},
}

// The golden files are version 1 of the protocol: clients and servers that
// exist speak it. They are added to, never changed.
func TestGoldenFrames(t *testing.T) {
	known := map[string]bool{}
	check := func(s shape, name string, want protocol.Body) {
		known[name+".hex"] = true
		t.Run(name, func(t *testing.T) { checkGolden(t, s, name, want) })
	}
	for _, s := range shapes() {
		name := s.rule
		if s.kind == protocol.KindError {
			name = fmt.Sprintf("refusal-%02d", s.code)
		}
		body := s.plain()
		for _, fields := range slices.Backward(addedFields[s.rule]) {
			with := s.plain()
			reflect.ValueOf(with).Elem().Set(reflect.ValueOf(body).Elem())
			first := fields[0][strings.LastIndex(fields[0], ".")+1:]
			check(s, name+"-with-"+strings.ToLower(first), with)
			for _, field := range fields {
				setZero(reflect.ValueOf(body).Elem(), field)
			}
		}
		check(s, name, body)
	}
	signed := map[string][]byte{
		"authenticate-challenge.hex": protocol.AuthenticateChallenge("chat.example:8443", protocol.Nonce{1, 2}, "alice", protocol.DeviceID{3}),
		"open-challenge.hex":         protocol.OpenChallenge("chat.example:8443", protocol.Nonce{1, 2}, protocol.ChannelID{4}, 5),
	}
	for name, b := range signed {
		known[name] = true
		golden(t, name, b)
	}
	files, err := os.ReadDir("testdata/golden")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !known[f.Name()] {
			t.Errorf("nothing checks %s", f.Name())
		}
	}
}

// setZero sets a field to zero, or that of each element of a list.
func setZero(v reflect.Value, field string) {
	list, element, nested := strings.Cut(field, ".")
	if !nested {
		v.FieldByName(field).SetZero()
		return
	}
	for i := range v.FieldByName(list).Len() {
		setZero(v.FieldByName(list).Index(i), element)
	}
}

// checkGolden compares the encoding of want with a golden file, and what that
// file decodes to with want.
func checkGolden(t *testing.T, s shape, name string, want protocol.Body) {
	t.Helper()
	f, _, err := protocol.ParseFrame(golden(t, name+".hex", s.frame(t, want)))
	if err != nil {
		t.Fatal(err)
	}
	got := s.body()
	if err := protocol.DecodeBody(f.Body, got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// golden compares b with a file and returns what the file has.
func golden(t *testing.T, name string, b []byte) []byte {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) && *update {
		text = []byte(hex.EncodeToString(b) + "\n")
		err = os.WriteFile(path, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(b); got != strings.TrimSpace(string(text)) {
		t.Errorf("differs from %s: %s", path, got)
	}
	want, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return want
}
