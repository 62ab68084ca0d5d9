// SPDX-License-Identifier: AGPL-3.0-or-later

package addressbook_test

import (
	"testing"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/product/addressbook"
)

func addr(name string) account.Address { return account.Address{Name: name, Host: "home.example"} }

func TestPerson(t *testing.T) {
	b := addressbook.New(addr("me"), []chat.Contact{
		{Address: addr("ana"), Name: "Anna", Profile: "Ana L."}, {Address: addr("bob"), Profile: "Bob"},
		{Address: addr("m1"), Profile: "Аnna"}, {Address: addr("m2"), Profile: "B\u200bob"}, {Address: addr("m3"), Profile: "ana@home.example"},
		{Address: addr("m4"), Profile: "\u3164"}, {Address: addr("m5"), Profile: "Ñuria"}, {Address: addr("m6"), Profile: "You"}, {Address: addr("m7"), Profile: "ME"},
		{Address: addr("m8"), Profile: "Ana L"},
	})
	for name, want := range map[string]addressbook.Name{
		"ana": {Text: "Anna"}, "bob": {Text: "Bob", Chosen: true, Imitates: true}, "m1": {Text: "Аnna", Chosen: true, Imitates: true},
		"m2": {Text: "Bob", Chosen: true, Imitates: true}, "m3": {Text: "m3@home.example"}, "m4": {Text: "m4@home.example"},
		"m5": {Text: "Ñuria", Chosen: true}, "m6": {Text: "You", Chosen: true, Imitates: true}, "m7": {Text: "ME", Chosen: true, Imitates: true},
		"m8": {Text: "Ana L", Chosen: true, Imitates: true}, "nobody": {Text: "nobody@home.example"},
	} {
		if got := b.Person(addr(name)); got != want {
			t.Errorf("%s is called %+v, want %+v", name, got, want)
		}
	}
	for title, want := range map[string]bool{"Anna": true, "ΑΝΝΑ": true, "bob": true, "ana@home.example": true, "me": true, "Picnic": false, "Anna's birthday": false, "": false} {
		if got := b.Imitates(title); got != want {
			t.Errorf("the title %q: %v", title, got)
		}
	}
}

func TestParseAddress(t *testing.T) {
	for in, want := range map[string]string{
		"bob@chät.example": "bob@xn--cht-rla.example", "bob@例え.テスト:8080": "bob@xn--r8jz45g.xn--zckzah:8080", "Bob@Home.Example": "bob@home.example",
		" bob@home.example ": "bob@home.example", "bob@": "", "bób@home.example": "", "bob@ho me": "",
	} {
		got, err := addressbook.ParseAddress(in)
		if err != nil != (want == "") || err == nil && got.String() != want {
			t.Errorf("%q is %q, %v", in, got, err)
		}
	}
}
