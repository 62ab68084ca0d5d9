// SPDX-License-Identifier: AGPL-3.0-or-later

package keyring

import (
	"math"
	"strings"
	"unicode"
)

// weakBits is what a passphrase must be worth at least. The derivation makes a
// guess cost about 64 MiB and a tenth of a second: 2^36 of them keep a hundred
// machines busy for years.
const weakBits = 36

// What a piece of a passphrase is worth, in bits, to somebody who guesses with
// the habits of people in mind.
const (
	bitsOfWord   = 8 // one of common
	bitsOfRun    = 5 // aaaa, abcd, 9876, qwer: where it begins and how long it is
	bitsOfYear   = 6 // 1998
	bitsOfLetter = 3 // people write words, of which each letter is worth less
	bitsOfDigit  = 3.3
	bitsOfUpper  = 4.2
	bitsOfOther  = 5
)

// common are what passphrases are made of most often, as lists of stolen ones
// show: each is three letters or longer.
const common = ` 123 1234 321 000 007 69 abc access account admin adobe aaa alex alexander amanda america amor andrea andrew angel angela anna anthony apple
 arsenal asdf asdfgh ashley asshole august austin autumn azerty baby badboy bailey banana barcelona baseball basketball batman bear beautiful bella berlin bitch
 black blue bond bonjour boomer boston brandon brasil buster butterfly cat change changeme charlie cheese chelsea chicken chocolate chris city club coffee computer cookie
 cool corvette cowboy dallas daniel database david default dennis diamond dog dragon eagle easy elephant elizabeth email enter facebook family father ferrari fire
 fish flower football forever freedom friend friends fuck fucking gandalf garden george ginger god gold golf google green guest guitar hallo hammer hannah happy
 harley harry heaven hello hockey holiday home hottie house hunter iloveyou india instagram internet jackson january jasmine jennifer jessica jesus john jordan joshua
 juventus kevin key killer king kitten kitty lady laptop letmein life liverpool login london lol lovely love lover lucky madrid maggie magic manager marina mark martin
 marvel master matrix matthew maverick melissa mercedes merlin michael michelle microsoft mickey mike monday money monkey monster mother music mustang my naruto
 nathan new nicole ninja nothing office oliver orange pass passphrase passw0rd passwort password patrick peace peanut people pepper phoenix phone player please pokemon porsche prince
 princess private pumpkin purple qazwsx qwerty qwert qwertz rabbit rainbow ranger robert rock root samantha samsung sarah school scooter secret security server sex
 sexy shadow silver simple slipknot smile snoopy soccer spring star starwars steven summer sun sunday sunshine super superman system taylor test testing the thomas thunder
 tiger tigger time tinkerbell trustno1 user victoria victory welcome whatever william windows winner winter wolf work world yankees yellow you zxcvbn zxc `

// keyboards are what fingers run along.
var keyboards = [...]string{"abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop"}

// plainer undoes the replacements that everybody knows.
var plainer = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

// Weak reports whether a passphrase is easy to guess for somebody who has the
// sealed key and tries the likely ones first. It goes by rules of thumb: what
// it does not call weak may still be known to somebody.
func Weak(passphrase string) bool {
	p := []rune(passphrase)
	return worth(unrepeated(p[:min(len(p), mostLooked)])) < weakBits
}

// mostLooked is how many characters of a passphrase are looked at.
const mostLooked = 200

// unrepeated returns the part of which p is a repetition.
func unrepeated(p []rune) []rune {
	for n := 1; n <= len(p)/2; n++ {
		same := len(p)%n == 0
		for i := n; same && i < len(p); i++ {
			same = p[i] == p[i-n]
		}
		if same {
			return p[:n]
		}
	}
	return p
}

// worth adds up what the pieces of a passphrase are worth in bits, the least
// that some way to cut it into pieces gives.
func worth(p []rune) float64 {
	least := make([]float64, len(p)+1) // of the first so many characters
	for end := 1; end <= len(p); end++ {
		least[end] = least[end-1] + worthOfRune(p[end-1])
		for start := max(0, end-longestPiece); start <= end-3; start++ {
			if bits := worthOfPiece(p[start:end]); bits > 0 {
				least[end] = math.Min(least[end], least[start]+bits)
			}
		}
	}
	return least[len(p)]
}

// longestPiece bounds the pieces that are looked at.
const longestPiece = 24

// worthOfPiece returns zero for what has no pattern.
func worthOfPiece(p []rune) float64 {
	lower := strings.ToLower(string(p))
	switch {
	case strings.Contains(common, " "+lower+" "), strings.Contains(common, " "+plainer.Replace(lower)+" "):
		return bitsOfWord
	case len(p) == 4 && (strings.HasPrefix(lower, "19") || strings.HasPrefix(lower, "20")) && unicode.IsDigit(p[2]) && unicode.IsDigit(p[3]):
		return bitsOfYear
	case runs([]rune(lower)):
		return bitsOfRun
	}
	return 0
}

// runs reports whether a piece is one character again and again, or follows a
// row of keys in either direction.
func runs(p []rune) bool {
	if strings.Count(string(p), string(p[0])) == len(p) {
		return true
	}
	back := make([]rune, len(p))
	for i, r := range p {
		back[len(p)-1-i] = r
	}
	for _, row := range keyboards {
		if strings.Contains(row, string(p)) || strings.Contains(row, string(back)) {
			return true
		}
	}
	return false
}

func worthOfRune(r rune) float64 {
	switch {
	case unicode.IsDigit(r):
		return bitsOfDigit
	case unicode.IsUpper(r):
		return bitsOfUpper
	case unicode.IsLower(r):
		return bitsOfLetter
	case unicode.IsLetter(r): // a script without cases, of which some have thousands
		return bitsOfOther
	case unicode.IsSpace(r):
		return 1
	}
	return bitsOfOther
}
