// SPDX-License-Identifier: AGPL-3.0-or-later

package content_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/content"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with, or writes, a file in hex.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name+".hex")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(hex.EncodeToString(got)+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if hex.EncodeToString(got) != strings.TrimSpace(string(want)) {
		t.Fatalf("differs from %s: %x", path, got)
	}
}

var (
	idA = content.MessageID(testID('a'))
	idB = content.MessageID(testID('b'))
)

func file() content.External {
	return content.External{
		ContentType: "application/pdf", URL: "https://example.org/blobs/1", Size: 4096, EncAlg: content.AEADAES256GCM,
		Key: bytes.Repeat([]byte{7}, 32), Nonce: bytes.Repeat([]byte{8}, 12), HashAlg: content.HashSHA256,
		ContentHash: bytes.Repeat([]byte{9}, 32), Description: "the contract", Filename: "../contract.pdf",
	}
}

// The golden files bind the format: a change to one is a change to what others
// have stored.
func TestComposedMessages(t *testing.T) {
	status, err := content.StatusReport([]content.MessageStatus{{ID: idA, Status: content.StatusRead}, {ID: idB, Status: content.StatusDelivered}})
	if err != nil {
		t.Fatal(err)
	}
	reply := content.Reply(idA, "**yes**")
	expiring := content.Text("soon gone")
	expiring.Expires = content.ExpireAfter(time.Hour)
	external := file()
	attachment := content.Attachment{
		Disposition: content.DispositionAttachment, ContentType: "application/pdf", Name: "_contract.pdf",
		Description: "the contract", External: &external,
	}
	second := attachment
	attachment.Index, second.Index = 0, 2
	text := func(index int, s string) []content.TextView {
		return []content.TextView{{Index: index, Markdown: true, Text: s}}
	}
	cases := []struct {
		name string
		m    content.Message
		want content.View
	}{
		{"text", content.Text("Hello, *world*"), content.View{Kind: content.KindMessage, Text: "Hello, *world*", Texts: text(0, "Hello, *world*")}},
		{"plain", content.PlainText("1 * 2"), content.View{Kind: content.KindMessage, Text: "1 * 2", Texts: []content.TextView{{Text: "1 * 2"}}}},
		{"reply", reply, content.View{Kind: content.KindMessage, InReplyTo: idA, Text: "**yes**", Texts: text(0, "**yes**")}},
		{"reaction", content.Reaction(idA, "👍"), content.View{Kind: content.KindReaction, InReplyTo: idA, Reactions: []string{"👍"}}},
		{"unreaction", content.Unreaction(idB, idA), content.View{Kind: content.KindUnreaction, Replaces: idB, InReplyTo: idA}},
		{"edit", content.Edit(idB, &reply, "no"), content.View{Kind: content.KindEdit, Replaces: idB, InReplyTo: idA, Text: "no", Texts: text(0, "no")}},
		{"delete", content.Delete(idB, nil), content.View{Kind: content.KindDelete, Replaces: idB}},
		{"expiring", expiring, content.View{Kind: content.KindMessage, Text: "soon gone", Texts: text(0, "soon gone")}},
		{"file", content.Attach("", file()), content.View{Kind: content.KindMessage, Attachments: []content.Attachment{attachment}}},
		{"file-and-text", content.Attach("see:", file()), content.View{
			Kind: content.KindMessage, Text: "see:", Texts: text(1, "see:"), Attachments: []content.Attachment{second},
		}},
		{"control", content.Control("profile", []byte{0xa0}), content.View{
			Kind: content.KindControl, Control: content.ControlView{Name: "profile", Body: []byte{0xa0}},
		}},
		{"status", status, content.View{Kind: content.KindStatus, Statuses: []content.MessageStatus{
			{ID: idA, Status: content.StatusRead}, {ID: idB, Status: content.StatusDelivered},
		}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m, err := c.m.Salted(bytes.NewReader(testSalt))
			if err != nil {
				t.Fatal(err)
			}
			b, err := m.Encode()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, c.name, b)
			got, err := content.Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			v := got.View()
			for i := range v.Attachments {
				v.Attachments[i].External.AAD = nil // empty and nil are the same
			}
			if !reflect.DeepEqual(v, c.want) {
				t.Fatalf("got  %+v\nwant %+v", v, c.want)
			}
		})
	}
}

func part(d content.Disposition, contentType, s string) content.Part {
	return content.Part{Disposition: d, Content: content.Single{ContentType: contentType, Content: []byte(s)}}
}

func parts(s content.Semantics, p ...content.Part) content.Part {
	return content.Part{Disposition: content.DispositionRender, Content: content.Multi{Semantics: s, Parts: p}}
}

func TestWhatIsShown(t *testing.T) {
	const render = content.DispositionRender
	plain, html := part(render, "text/plain", "plain"), part(render, "text/html", "<p>")
	image := part(content.DispositionInline, "image/png", "png")
	cases := []struct {
		name              string
		body              content.Part
		kind              content.Kind
		text, unsupported string
		attachments       int
	}{
		{"choose the first that is understood", parts(content.ChooseOne, html, plain, image), content.KindMessage, "plain", "", 0},
		{"choose none", parts(content.ChooseOne, html, html), content.KindUnknown, "", "text/html text/html", 0},
		{"a unit of which one is not understood", parts(content.SingleUnit, plain, html), content.KindUnknown, "", "text/plain text/html", 0},
		{"a unit", parts(content.SingleUnit, plain, image), content.KindMessage, "plain", "", 1},
		{"all that is understood", parts(content.ProcessAll, plain, html, plain), content.KindMessage, "plain\n\nplain", "text/html", 0},
		{"choose skips a broken unit", parts(content.ChooseOne, parts(content.SingleUnit, plain, html), image), content.KindMessage, "", "", 1},
		{"bytes that are not UTF-8", part(render, "text/plain", "a\xffb"), content.KindMessage, "a\uFFFDb", "", 0},
		{"another charset", part(render, "text/plain;charset=utf-16", "x"), content.KindUnknown, "", "text/plain;charset=utf-16", 0},
		{"a charset in upper case", part(render, "Text/Plain; charset=UTF-8", "x"), content.KindMessage, "x", "", 0},
		{"no media type", part(render, "", "x"), content.KindUnknown, "", "", 0},
		{"unknown disposition", part(200, "text/plain", "x"), content.KindMessage, "x", "", 0},
		{"a text file", part(content.DispositionAttachment, "text/plain", "x"), content.KindMessage, "", "", 1},
		{"a long reaction", part(content.DispositionReaction, "text/plain", strings.Repeat("a", 65)), content.KindUnknown, "", "text/plain", 0},
		{"an empty reaction", part(content.DispositionReaction, "text/plain", ""), content.KindUnknown, "", "text/plain", 0},
		{"nothing", content.Part{Content: content.Null{}}, content.KindUnknown, "", "", 0},
		{"a broken status report", part(0, content.TypeStatus, "x"), content.KindUnknown, "", content.TypeStatus, 0},
		{
			"control among others", parts(content.ProcessAll, plain, part(0, content.ControlType("x"), "")), content.KindMessage,
			"plain", content.ControlType("x"), 0,
		},
		{"a control part without name", part(0, "application/vnd.securecrypt.+cbor", ""), content.KindUnknown, "", "application/vnd.securecrypt.+cbor", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := content.Message{Body: c.body}
			v := m.View()
			if v.Kind != c.kind || v.Text != c.text || strings.Join(v.Unsupported, " ") != c.unsupported || len(v.Attachments) != c.attachments {
				t.Fatalf("got %+v", v)
			}
		})
	}
}

func TestStatusReports(t *testing.T) {
	many := make(list, content.MaxStatuses+1)
	for i := range many {
		many[i] = list{testID('a'), 1}
	}
	for name, b := range map[string][]byte{
		"trailing":        append(raw(t, list{list{testID('a'), 2}}), 0),
		"short id":        raw(t, list{list{testID('a')[1:], 2}}),
		"unknown hash":    raw(t, list{list{make([]byte, 32), 2}}),
		"status 256":      raw(t, list{list{testID('a'), 256}}),
		"one element":     raw(t, list{list{testID('a')}}),
		"not a list":      raw(t, dict{}),
		"beyond the size": make([]byte, content.MaxSize+1),
		"too many":        raw(t, many),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := content.DecodeStatusReport(b); !errors.Is(err, content.ErrMalformed) && !errors.Is(err, content.ErrTooLarge) {
				t.Fatal(err)
			}
		})
	}
	if _, err := content.EncodeStatusReport([]content.MessageStatus{{}}); err == nil {
		t.Fatal("a status of no message was encoded")
	}
	if _, err := content.StatusReport(make([]content.MessageStatus, content.MaxStatuses+1)); err == nil {
		t.Fatal("too many statuses were encoded")
	}
}

func TestDerivedValuesRefuse(t *testing.T) {
	good := func() list { return list{testID('a'), 1, []byte("group"), 4, "a", "b", "c"} }
	if _, err := content.DecodeDerivedValues(raw(t, good())); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(list) list{
		"short id":    func(v list) list { v[0] = testID('a')[1:]; return v },
		"time":        func(v list) list { v[1] = uint64(math.MaxUint64); return v },
		"leaf":        func(v list) list { v[3] = uint64(1 << 32); return v },
		"six":         func(v list) list { return v[:6] },
		"url of null": func(v list) list { v[6] = nil; return v },
		"size":        func(v list) list { v[2] = make([]byte, content.MaxSize); return v },
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := content.DecodeDerivedValues(raw(t, spoil(good()))); !errors.Is(err, content.ErrMalformed) && !errors.Is(err, content.ErrTooLarge) {
				t.Fatal(err)
			}
		})
	}
	if _, err := (&content.DerivedValues{}).Encode(); !errors.Is(err, content.ErrMalformed) {
		t.Fatal(err)
	}
}

func TestMessageIDs(t *testing.T) {
	b, err := content.Text("x").Salted(bytes.NewReader(testSalt))
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := b.Encode()
	if err != nil {
		t.Fatal(err)
	}
	id := func(sender, room string) content.MessageID {
		id, err := content.ID(sender, room, encoded)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	if id("ab", "c") == id("a", "bc") || id("a", "b") == id("b", "a") {
		t.Fatal("sender and room run together")
	}
	if _, err := content.ID(strings.Repeat("a", 1<<16), "", encoded); !errors.Is(err, content.ErrTooLarge) {
		t.Fatal(err)
	}
	if _, err := content.ID("", "", encoded[1:]); !errors.Is(err, content.ErrMalformed) {
		t.Fatal(err)
	}
	text, err := id("a", "b").MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var back content.MessageID
	if err := back.UnmarshalText(text); err != nil || back != id("a", "b") {
		t.Fatal(back, err)
	}
	if err := back.UnmarshalText([]byte(strings.ToUpper(string(text)))); err == nil {
		t.Fatal("an ID in upper case was accepted")
	}
	if err := back.UnmarshalText(nil); err != nil || !back.IsZero() {
		t.Fatal(back, err)
	}
}

func TestMentions(t *testing.T) {
	text := "Hi " + content.Mention("A[l]ice", alice) + " and <" + alice + "> and [b](mimi://b/u/b \"title\") [c](https://c) <br> ](mimi:x"
	got := content.Mentions(text, "mimi:", "im:")
	if !reflect.DeepEqual(got, []string{alice, "mimi://b/u/b"}) {
		t.Fatalf("got %q", got)
	}
	many := strings.Builder{}
	for i := range content.MaxMentions + 5 {
		many.WriteString("<mimi:" + strings.Repeat("x", i%1000) + string(rune('a'+i/1000)) + ">")
	}
	if got := content.Mentions(many.String(), "mimi:"); len(got) != content.MaxMentions {
		t.Fatalf("%d mentions", len(got))
	}
}

func TestSafeFilename(t *testing.T) {
	for in, want := range map[string]string{
		"report.pdf": "report.pdf", "../../etc/passwd": "_.._etc_passwd", `C:\x.txt`: "C__x.txt", ".bashrc": "bashrc",
		"con.txt": "_con.txt", "a\u202Egpj.exe": "agpj.exe", "photo.jpg\u3164\uffa0\u2800\u034f.exe": "photo.jpg.exe", "\u3164": "", "葛\U000e0100❤\ufe0f.txt": "葛\U000e0100❤\ufe0f.txt", " . ": "", "": "", "ünï.txt": "ünï.txt", "a\nb": "ab", "-rf": "_-rf", ".-rf": "_-rf", "a-b": "a-b",
		strings.Repeat("a", 300) + ".pdf": strings.Repeat("a", 196) + ".pdf",
	} {
		if got := content.SafeFilename(in); got != want {
			t.Errorf("%q became %q", in, got)
		}
	}
}
