// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// allControls has one of each kind of control message.
func allControls() []any {
	return []any{
		&mailControl{Version: 1, Device: [16]byte{1}, Token: []byte{1}},
		&profileControl{Version: 1, Name: "n"},
		&generationControl{Version: 1, Device: [16]byte{1}, Generation: [16]byte{2}},
		&wakeControl{Version: 1, Token: []byte{1}},
		&typingControl{Version: 1, On: true},
	}
}

func TestControlsComeBack(t *testing.T) {
	for _, c := range allControls() {
		b, err := dcbor.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		got := reflect.New(reflect.TypeOf(c).Elem()).Interface()
		if err := records.Decode(b, got); err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("%+v became %+v, %v", c, got, err)
		}
	}
}

// FuzzControls reads bytes as every kind of control message: members send them.
func FuzzControls(f *testing.F) {
	for _, c := range allControls() {
		b, err := dcbor.Marshal(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, kind := range allControls() {
			got := reflect.New(reflect.TypeOf(kind).Elem()).Interface()
			if records.Decode(b, got) != nil {
				continue
			}
			if again, err := dcbor.Marshal(got); err != nil || !bytes.Equal(again, b) {
				t.Errorf("%T: %x became %x, %v", got, b, again, err)
			}
		}
	})
}
