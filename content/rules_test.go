// SPDX-License-Identifier: AGPL-3.0-or-later

package content_test

import (
	"errors"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

type (
	list = []any
	dict = map[any]any
)

// raw marshals by the rules of deterministic CBOR.
func raw(t testing.TB, v any) []byte {
	t.Helper()
	b, err := dcbor.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var testSalt = []byte("0123456789abcdef")

func testID(b byte) []byte { return append([]byte{1}, strings.Repeat(string(rune(b)), 31)...) }

func single(contentType string) list { return list{1, "", 1, contentType, []byte("text")} }

func external() list {
	return list{
		6, "en", 2, "video/mp4", "https://example.org/1", 0, 1, 1, []byte("key"), []byte("nonce"), []byte{}, 1,
		[]byte("hash"), "description", "name.mp4",
	}
}

func multi(semantics any, parts ...any) list { return list{1, "", 3, semantics, parts} }

// wire returns the elements of a valid message.
func wire() list {
	return list{testSalt, nil, []byte{}, nil, nil, dict{}, single("text/plain")}
}

// with returns the elements of a valid message but for one.
func with(index int, v any) list {
	m := wire()
	m[index] = v
	return m
}

func with2(part list, index int, v any) list {
	part[index] = v
	return with(6, part)
}

func nested(depth int) any {
	if depth == 1 {
		return single("text/plain")
	}
	return multi(2, nested(depth-1), single("text/plain"))
}

func manyParts(n int) list {
	parts := make(list, n)
	for i := range parts {
		parts[i] = single("text/plain")
	}
	return multi(2, parts...)
}

func manyExtensions(n int) dict {
	m := make(dict, n)
	for i := range n {
		m[i+3] = i
	}
	return m
}

func arrays(depth int) any {
	if depth == 0 {
		return 1
	}
	return list{arrays(depth - 1)}
}

func TestValidMessagesDecode(t *testing.T) {
	cases := map[string]list{
		"plain":              wire(),
		"replaces":           with(1, testID('a')),
		"longest topic":      with(2, make([]byte, content.MaxTopicIDLength)),
		"relative expiry":    with(3, list{true, uint32(math.MaxUint32)}),
		"in reply to":        with(4, testID('b')),
		"uris":               with(5, dict{1: "im:a", 2: "im:b"}),
		"text key":           with(5, dict{strings.Repeat("k", 255): nil}),
		"key bounds":         with(5, dict{uint64(1<<53 - 1): 1, int64(-(1<<53 - 1)): 2}),
		"deepest extension":  with(5, dict{256: arrays(3)}),
		"draft's extension":  with(5, dict{1: "im:a", 256: list{list{[]byte{1}, cbor.Tag{Number: 32, Content: "http://example.com"}}}}),
		"bignum":             with(5, dict{3: *new(big.Int).Lsh(big.NewInt(1), 80)}),
		"not a number":       with(5, dict{3: math.NaN()}),
		"floats":             with(5, dict{3: list{1.5, 1e300, float64(float32(0.1))}}),
		"nested map":         with(5, dict{3: dict{"k": 1, -1: 2}}),
		"unknown disposal":   with(6, list{255, "", 1, "text/plain", []byte{}}),
		"null":               with(6, list{1, "", 0}),
		"external":           with(6, external()),
		"deepest parts":      with(6, nested(content.MaxDepth)),
		"most extensions":    with(5, manyExtensions(content.MaxExtensions)),
		"most parts":         with(6, manyParts(content.MaxParts-1)),
		"service":            with(6, list{7, "", 2, "", "https://example.org", 0, 0, 0, []byte{}, []byte{}, []byte{}, 0, []byte{}, "", ""}),
		"private extensions": with(5, dict{-7: []byte("x"), "org.example": true}),
	}
	for name, m := range cases {
		t.Run(name, func(t *testing.T) {
			b := raw(t, m)
			got, err := content.Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			again, err := got.Encode()
			if err != nil || string(again) != string(b) {
				t.Fatalf("%x became %x, %v", b, again, err)
			}
		})
	}
}

// broken has a message for every rule that Decode checks.
func broken(t *testing.T) map[string][]byte {
	e := func(m list) []byte { return raw(t, m) }
	good := e(wire())
	keys := func(extensions string) []byte {
		head := append(append([]byte{0x87}, raw(t, testSalt)...), 0xf6, 0x40, 0xf6, 0xf6)
		return append(append(head, extensions...), raw(t, single("text/plain"))...)
	}
	ext := func(value string) []byte { return keys("\xa1\x03" + value) }
	return map[string][]byte{
		"MC-1 trailing byte":            append(e(wire()), 0),
		"MC-1 truncated":                good[:len(good)-1],
		"MC-1 empty":                    {},
		"MC-1 long head":                append([]byte{0x98, 7}, good[1:]...),
		"MC-1 indefinite array":         append(append([]byte{0x9f}, good[1:]...), 0xff),
		"MC-1 six elements":             e(wire()[:6]),
		"MC-1 eight elements":           e(append(wire(), 1)),
		"MC-1 long form in extension":   ext("\x18\x01"),
		"MC-1 long float in extension":  ext("\xfa\x3f\xc0\x00\x00"),
		"MC-1 indefinite in extension":  ext("\x5f\xff"),
		"MC-1 short bignum":             ext("\xc2\x41\x01"),
		"MC-1 bignum with zeros":        ext("\xc2\x49\x00\x01\x01\x01\x01\x01\x01\x01\x01"),
		"MC-1 bignum of text":           ext("\xc2\x61a"),
		"MC-1 reserved head":            ext("\xfc"),
		"MC-1 bytes too short":          ext("\x5b\xff\xff\xff\xff\xff\xff\xff\xff"),
		"MC-1 array too short":          ext("\x9b\xff\xff\xff\xff\xff\xff\xff\xff"),
		"MC-1 map too short":            ext("\xbb\xff\xff\xff\xff\xff\xff\xff\xff"),
		"MC-1 part without cardinality": e(with(6, list{1, ""})),
		"MC-1 null part with content":   e(with(6, list{1, "", 0, "x"})),
		"MC-1 tagged":                   append([]byte{0xc1}, good...),
		"MC-2 short salt":               e(with(0, testSalt[1:])),
		"MC-2 salt of zeros":            e(with(0, make([]byte, 16))),
		"MC-2 null salt":                e(with(0, nil)),
		"MC-3 short id":                 e(with(1, testID('a')[1:])),
		"MC-3 unknown hash":             e(with(4, append([]byte{2}, testID('a')[1:]...))),
		"MC-3 id of text":               e(with(4, string(testID('a')))),
		"MC-4 long topic":               e(with(2, make([]byte, content.MaxTopicIDLength+1))),
		"MC-4 null topic":               e(with(2, nil)),
		"MC-5 expiry of 2^32":           e(with(3, list{true, uint64(1 << 32)})),
		"MC-5 negative expiry":          e(with(3, list{true, -1})),
		"MC-5 expiry without kind":      e(with(3, list{1})),
		"MC-5 expiry of two numbers":    e(with(3, list{1, 1})),
		"MC-6 empty text key":           keys("\xa1\x60\x01"),
		"MC-6 long text key":            e(with(5, dict{strings.Repeat("k", 256): 1})),
		"MC-6 bytes key":                keys("\xa1\x41a\x01"),
		"MC-6 array key":                keys("\xa1\x80\x01"),
		"MC-6 large key":                e(with(5, dict{uint64(1 << 53): 1})),
		"MC-6 large negative key":       e(with(5, dict{int64(-(1 << 53)): 1})),
		"MC-6 not a map":                e(with(5, list{})),
		"MC-7 repeated key":             keys("\xa2\x03\x01\x03\x01"),
		"MC-7 unsorted keys":            keys("\xa2\x04\x01\x03\x01"),
		"MC-7 length-first order":       keys("\xa2\x61a\x01\x19\x01\x00\x01"),
		"MC-8 sender is no text":        e(with(5, dict{1: 1})),
		"MC-8 room is no text":          e(with(5, dict{2: []byte("im:b")})),
		"MC-9 inner key of null":        ext("\xa1\xf6\x01"),
		"MC-9 inner key of array":       ext("\xa1\x80\x01"),
		"MC-9 inner repeated key":       ext("\xa2\x03\x01\x03\x01"),
		"MC-10 inner large key":         ext("\xa1\x1b\x00\x20\x00\x00\x00\x00\x00\x00\x01"),
		"MC-11 another NaN":             ext("\xf9\x7e\x01"),
		"MC-11 long NaN":                ext("\xfb\x7f\xf8\x00\x00\x00\x00\x00\x00"),
		"MC-12 language":                e(with2(single("a"), 1, dcbor.RawMessage("\x61\xff"))),
		"MC-12 media type":              e(with2(single("a"), 3, dcbor.RawMessage("\x61\xff"))),
		"MC-12 extension":               ext("\x61\xff"),
		"MC-13 five levels":             e(with(6, nested(content.MaxDepth+1))),
		"MC-14 five levels":             e(with(5, dict{256: arrays(4)})),
		"MC-14 five levels of tags":     ext("\xd8\x20\xd8\x20\xd8\x20\xd8\x20\x01"),
		"MC-15 too many parts":          e(with(6, manyParts(content.MaxParts))),
		"MC-15 too many in two":         e(with(6, multi(2, manyParts(600), manyParts(600)))),
		"MC-16 cardinality 4":           e(with(6, list{1, "", 4})),
		"MC-16 cardinality of text":     e(with(6, list{1, "", "1"})),
		"MC-17 semantics 3":             e(with(6, multi(3, single("a"), single("b")))),
		"MC-18 one part":                e(with(6, multi(2, single("a")))),
		"MC-18 no part":                 e(with(6, multi(2))),
		"MC-19 disposition 256":         e(with(6, list{256, "", 0})),
		"MC-19 negative disposition":    e(with(6, list{-1, "", 0})),
		"MC-20 expires 2^32":            e(with2(external(), 5, uint64(1<<32))),
		"MC-20 negative size":           e(with2(external(), 6, -1)),
		"MC-20 algorithm 2^16":          e(with2(external(), 7, 1<<16)),
		"MC-20 hash 256":                e(with2(external(), 11, 256)),
		"MC-20 null key":                e(with2(external(), 8, nil)),
		"MC-20 one element short":       e(with(6, external()[:14])),
		"MC-21 key without algorithm":   e(with2(external(), 7, 0)),
		"MC-21 hash without algorithm":  e(with2(external(), 11, 0)),
		"MC-22 long language":           e(with2(single("a"), 1, strings.Repeat("a", content.MaxLanguageLength+1))),
		"MC-22 long media type":         e(with(6, single(strings.Repeat("a", content.MaxContentTypeLength+1)))),
		"MC-22 long URL":                e(with2(external(), 4, strings.Repeat("a", content.MaxURLLength+1))),
		"MC-22 long key":                e(with2(external(), 8, make([]byte, content.MaxKeyLength+1))),
		"MC-22 long description":        e(with2(external(), 13, strings.Repeat("a", content.MaxDescriptionLength+1))),
		"MC-22 long name":               e(with2(external(), 14, strings.Repeat("a", content.MaxFilenameLength+1))),
		"MC-22 long extension":          e(with(5, dict{3: make([]byte, content.MaxExtensionSize)})),
		"MC-22 many extensions":         e(with(5, manyExtensions(content.MaxExtensions+1))),
		"MC-23 large message":           e(with2(single("a"), 4, make([]byte, content.MaxSize))),
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, b := range broken(t) {
		t.Run(name, func(t *testing.T) {
			m, err := content.Decode(b)
			if !errors.Is(err, content.ErrMalformed) && !errors.Is(err, content.ErrTooLarge) {
				t.Fatalf("got %+v, %v", m, err)
			}
		})
	}
}

func TestEncodeRefuses(t *testing.T) {
	ok := func() content.Message {
		m := content.Text("x")
		m.Salt = content.Salt(testSalt)
		return m
	}
	cases := map[string]func(*content.Message){
		"MC-2 no salt":               func(m *content.Message) { m.Salt = content.Salt{} },
		"MC-3 unknown hash":          func(m *content.Message) { m.Replaces = content.MessageID{2} },
		"MC-4 long topic":            func(m *content.Message) { m.TopicID = make([]byte, content.MaxTopicIDLength+1) },
		"MC-1 no content":            func(m *content.Message) { m.Body.Content = nil },
		"MC-1 pointer":               func(m *content.Message) { m.Body.Content = &content.Null{} },
		"MC-12 language":             func(m *content.Message) { m.Body.Language = "\xff" },
		"MC-6 key of both":           func(m *content.Message) { m.Extensions = content.Extensions{{Int: 3, Text: "x"}: {1}} },
		"MC-6 large key":             func(m *content.Message) { m.Extensions = content.Extensions{{Int: 1 << 53}: {1}} },
		"MC-1 extension of nothing":  func(m *content.Message) { m.Extensions = content.Extensions{{Int: 3}: {}} },
		"MC-1 extension of two":      func(m *content.Message) { m.Extensions = content.Extensions{{Int: 3}: {}, {Int: 4}: {5, 6}} },
		"MC-18 one part":             func(m *content.Message) { m.Body.Content = content.Multi{Parts: []content.Part{m.Body}} },
		"MC-23 large message":        func(m *content.Message) { *m = content.Text(strings.Repeat("a", content.MaxSize)); m.Salt[0] = 1 },
		"MC-21 key but no algorithm": func(m *content.Message) { m.Body.Content = content.External{Key: []byte{1}} },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			m := ok()
			if _, err := m.Encode(); err != nil {
				t.Fatal(err)
			}
			spoil(&m)
			if b, err := m.Encode(); err == nil {
				t.Fatalf("got %x", b)
			}
		})
	}
}

func TestReplacementKeepsTheRest(t *testing.T) { // MC-24
	original := content.Reply(content.MessageID(testID('a')), "x")
	original.TopicID = []byte("topic")
	original.Expires = content.ExpireAfter(time.Minute)
	id := content.MessageID(testID('b'))
	for name, spoil := range map[string]func(*content.Message){
		"another message": func(m *content.Message) { m.Replaces[5] ^= 1 },
		"reply":           func(m *content.Message) { m.InReplyTo = content.MessageID{} },
		"topic":           func(m *content.Message) { m.TopicID = nil },
		"expiry":          func(m *content.Message) { m.Expires = nil },
		"extensions":      func(m *content.Message) { m.Extensions = content.Extensions{content.KeyRoomURI: {0x60}} },
	} {
		t.Run(name, func(t *testing.T) {
			for _, m := range []content.Message{content.Edit(id, &original, "y"), content.Delete(id, &original)} {
				if err := m.CheckReplaces(id, &original); err != nil {
					t.Fatal(err)
				}
				spoil(&m)
				if err := m.CheckReplaces(id, &original); !errors.Is(err, content.ErrNotReplacement) {
					t.Fatalf("got %v", err)
				}
			}
		})
	}
}

func TestContentIDRefersToContent(t *testing.T) { // MC-25
	m := content.Attach("text", content.Single{ContentType: "image/png"})
	for uri, want := range map[string]bool{
		"cid:1@local.invalid": true, "cid:2@local.invalid": true,
		"cid:0@local.invalid": false, "cid:3@local.invalid": false, "cid:01@local.invalid": false,
		"cid:+1@local.invalid": false, "cid:1@example.org": false, "1@local.invalid": false, "cid:99999@local.invalid": false,
	} {
		if _, ok := m.ByContentID(uri); ok != want {
			t.Errorf("%s: %v", uri, ok)
		}
	}
}

func TestExpirationIsPlausible(t *testing.T) { // MC-26
	now := time.Unix(1_760_000_000, 0)
	year := 365 * 24 * time.Hour
	for _, c := range []struct {
		e  content.Expiration
		ok bool
	}{
		{*content.ExpireAfter(time.Hour), true},
		{*content.ExpireAfter(2 * year), false},
		{*content.ExpireAt(now.Add(-year)), true},
		{*content.ExpireAt(now.Add(-2 * year)), false},
		{*content.ExpireAt(now.Add(2 * year)), false},
		{*content.ExpireAfter(math.MaxInt64), false},
	} {
		if err := c.e.Check(now); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.e, err)
		}
	}
}

// TestRulesHaveTests keeps the identifiers in the sources and those in the
// tests the same.
func TestRulesHaveTests(t *testing.T) {
	id := regexp.MustCompile(`\bMC-\d+\b`)
	sources, tests := map[string]bool{}, map[string]bool{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		found := sources
		if strings.HasSuffix(f, "_test.go") {
			found = tests
		}
		for _, rule := range id.FindAllString(string(b), -1) {
			found[rule] = true
		}
	}
	for rule := range sources {
		if !tests[rule] {
			t.Errorf("%s has no test", rule)
		}
	}
	for rule := range tests {
		if !sources[rule] {
			t.Errorf("%s is tested, but no source names it", rule)
		}
	}
}
