// SPDX-License-Identifier: AGPL-3.0-or-later

// Package addressbook decides, for terminals, what to call people and groups, and
// reads addresses that people type. What others chose is marked as that: a name or
// title never stands where it could be taken for an address, for somebody else, or
// for a word of the program.
package addressbook

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/net/idna"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
)

// A Book has the contacts of an account.
type Book struct {
	self     account.Address
	contacts map[account.Address]chat.Contact
	// looks has who is called what, by how the names look.
	looks map[string][]account.Address
}

// New returns the book of an account.
func New(self account.Address, contacts []chat.Contact) *Book {
	b := &Book{self: self, contacts: make(map[account.Address]chat.Contact, len(contacts)), looks: map[string][]account.Address{}}
	for _, c := range contacts {
		b.contacts[c.Address] = c
		for _, name := range []string{c.Name, c.Profile, c.Address.Name} {
			if look := Look(name); look != "" {
				b.looks[look] = append(b.looks[look], c.Address)
			}
		}
	}
	return b
}

// Learn adds people who are no contacts, such as members of groups. What they are
// called is known then; nobody counts as imitating them.
func (b *Book) Learn(people ...chat.Contact) {
	for _, c := range people {
		if _, ok := b.contacts[c.Address]; !ok {
			b.contacts[c.Address] = c
		}
	}
}

// Knows reports whether somebody is in the book.
func (b *Book) Knows(a account.Address) bool {
	if b == nil {
		return false
	}
	_, ok := b.contacts[a]
	return ok
}

// A Name is what to call somebody.
type Name struct {
	// Text is the name, made harmless: the private name of a contact, else the one
	// that they gave themselves, else the address.
	Text string
	// Chosen: they chose it themselves.
	Chosen bool
	// Imitates: it looks like what somebody else is called, so that the address
	// belongs beside it.
	Imitates bool
}

// Person returns what to call somebody. A nil Book knows nobody.
func (b *Book) Person(a account.Address) Name {
	if b == nil {
		return Name{Text: a.String()}
	}
	c := b.contacts[a]
	if name := termtext.Name(c.Name); name != "" {
		return Name{Text: name}
	}
	if name := termtext.Name(c.Profile); name != "" && !chat.LooksLikeAddress(c.Profile) {
		return Name{Text: name, Chosen: true, Imitates: b.imitates(name, a)}
	}
	return Name{Text: a.String()}
}

// Imitates reports whether the title of a group looks like an address, or like
// what somebody is called.
func (b *Book) Imitates(title string) bool {
	return chat.LooksLikeAddress(title) || b != nil && b.imitates(title, account.Address{})
}

// imitates reports whether a name looks like what somebody else is called: a
// contact, this account, or the word for it.
func (b *Book) imitates(name string, of account.Address) bool {
	look := Look(name)
	if look == "you" || look == Look(b.self.Name) && of != b.self {
		return true
	}
	for _, a := range b.looks[look] {
		if a != of {
			return true
		}
	}
	return false
}

// lookalikes are letters of other scripts that are read as Latin ones, and figures
// that are read as letters. Capitals have forms of their own.
var lookalikes = func() map[rune]rune {
	all := map[rune]rune{}
	for _, pair := range [][2]string{
		{"аеорсухіјѕһԁԛԝѵӏкмтвнгαορνικυεητχγωβρ", "aeopcyxijshdqwvlkmtbhraopvikuentxywbp"},
		{"АВЕКМНОРСТУХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧ01|", "abekmhopctyxijsabezhikmnoptyxoll"},
	} {
		to := []rune(pair[1])
		for i, r := range []rune(pair[0]) {
			all[r] = to[i]
		}
	}
	return all
}()

func lookalike(r rune) rune {
	if to, ok := lookalikes[r]; ok {
		return to
	}
	return r
}

// Look returns how a name looks: names that a reader takes for the same have the
// same. It is without case, accents, spaces, signs and what cannot be seen.
func Look(name string) string {
	var b strings.Builder
	for _, r := range chat.Fold(strings.Map(lookalike, termtext.Name(name))) {
		r = lookalike(r)
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r >= 0x1f000 {
			b.WriteRune(r)
		}
	}
	return strings.ReplaceAll(b.String(), "rn", "m")
}

// ErrHost: a server's name is none.
var ErrHost = errors.New("this is no name of a server: enter one like chat.example")

// Host returns the form in which a server's name stands in addresses: one in
// letters beyond ASCII as Punycode (IDNA 2008, UTS 46).
func Host(host string) (string, error) {
	if isASCII(host) {
		return strings.ToLower(host), nil
	}
	name, port, _ := strings.Cut(host, ":")
	ascii, err := idna.Lookup.ToASCII(name)
	if err != nil {
		return "", fmt.Errorf("%w: %q", ErrHost, host)
	}
	if port != "" {
		ascii += ":" + port
	}
	return ascii, nil
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}

// ParseAddress reads an address that a person typed: the server may be in letters
// of any script.
func ParseAddress(s string) (account.Address, error) {
	if name, host, ok := strings.Cut(strings.TrimSpace(s), "@"); ok {
		if ascii, err := Host(host); err == nil {
			s = name + "@" + ascii
		}
	}
	return account.ParseAddress(s)
}

// Target is a text by which a person names somebody or something, with an
// address in it in its one form.
func Target(s string) string {
	if a, err := ParseAddress(s); err == nil {
		return a.String()
	}
	return s
}
