// SPDX-License-Identifier: AGPL-3.0-or-later

package content_test

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/securecrypt/securecrypt/content"
)

func drawBytes(t *rapid.T, longest int, label string) []byte {
	return rapid.SliceOfN(rapid.Byte(), 0, longest).Draw(t, label)
}

func drawID(t *rapid.T, label string) content.MessageID {
	if rapid.Bool().Draw(t, label+" is none") {
		return content.MessageID{}
	}
	id := content.MessageID(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, label))
	id[0] = 1
	return id
}

func drawPart(t *rapid.T, depth int) content.Part {
	p := content.Part{
		Disposition: content.Disposition(rapid.Byte().Draw(t, "disposition")),
		Language:    rapid.StringN(0, 10, 40).Draw(t, "language"),
	}
	kinds := 3
	if depth == content.MaxDepth {
		kinds = 2
	}
	contentType := rapid.SampledFrom([]string{content.TypeMarkdown, content.TypePlain, "image/png", "a/b", content.TypeStatus, "", "%"})
	switch rapid.IntRange(0, kinds).Draw(t, "cardinality") {
	case 0:
		p.Content = content.Null{}
	case 1:
		p.Content = content.Single{ContentType: contentType.Draw(t, "type"), Content: drawBytes(t, 40, "content")}
	case 2:
		p.Content = content.External{
			ContentType: contentType.Draw(t, "type"), URL: rapid.StringN(0, 20, 80).Draw(t, "url"),
			Expires: rapid.Uint32().Draw(t, "expires"), Size: rapid.Uint64().Draw(t, "size"),
			EncAlg: rapid.Uint16Min(1).Draw(t, "encAlg"), Key: drawBytes(t, 32, "key"), Nonce: drawBytes(t, 12, "nonce"),
			AAD: drawBytes(t, 4, "aad"), HashAlg: rapid.Uint8Min(1).Draw(t, "hashAlg"), ContentHash: drawBytes(t, 32, "hash"),
			Description: rapid.StringN(0, 20, 80).Draw(t, "description"), Filename: rapid.StringN(0, 20, 80).Draw(t, "filename"),
		}
	case 3:
		m := content.Multi{Semantics: content.Semantics(rapid.IntRange(0, 2).Draw(t, "semantics"))}
		for range rapid.IntRange(2, 3).Draw(t, "parts") {
			m.Parts = append(m.Parts, drawPart(t, depth+1))
		}
		p.Content = m
	}
	return p
}

func drawMessage(t *rapid.T) content.Message {
	m := content.Message{
		Salt: content.Salt(testSalt), Replaces: drawID(t, "replaces"), TopicID: drawBytes(t, 20, "topic"),
		InReplyTo: drawID(t, "reply"), Body: drawPart(t, 1),
	}
	if rapid.Bool().Draw(t, "expires") {
		m.Expires = &content.Expiration{Relative: rapid.Bool().Draw(t, "relative"), Seconds: rapid.Uint32().Draw(t, "seconds")}
	}
	for range rapid.IntRange(0, 4).Draw(t, "extensions") {
		key := content.ExtensionKey{Int: rapid.Int64Range(-(1<<53-1), 1<<53-1).Draw(t, "key")}
		if rapid.Bool().Draw(t, "text key") {
			key = content.ExtensionKey{Text: rapid.StringN(1, 40, 255).Draw(t, "key")}
		}
		value := rapid.OneOf(
			rapid.Int64().AsAny(), rapid.Float64().AsAny(), rapid.String().AsAny(), rapid.Bool().AsAny(),
			rapid.MapOf(rapid.Int32(), rapid.Float32()).AsAny(), rapid.SliceOf(rapid.Uint16()).AsAny(),
		).Draw(t, "value")
		if key == content.KeySenderURI || key == content.KeyRoomURI {
			value = "im:x"
		}
		if err := m.Extensions.Set(key, value); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func TestMessagesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t)
		b, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		checkDecoded(t, b)
		got, err := content.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if got.Replaces != m.Replaces || got.InReplyTo != m.InReplyTo || len(got.Extensions) != len(m.Extensions) {
			t.Fatalf("%+v became %+v", m, got)
		}
	})
}

// checkDecoded decodes b, if it is a message, and checks what holds for all.
func checkDecoded(t rapid.TB, b []byte) {
	m, err := content.Decode(b)
	if err != nil {
		return
	}
	again, err := m.Encode()
	if err != nil || !bytes.Equal(b, again) {
		t.Fatalf("%x became %x, %v", b, again, err)
	}
	indices := 0
	for i := range m.Body.All() {
		if i != indices {
			t.Fatalf("index %d after %d", i, indices)
		}
		indices++
	}
	v := m.View()
	for _, a := range v.Attachments {
		if a.Index >= indices {
			t.Fatal("attachment beyond the last part")
		}
	}
	for _, x := range v.Texts {
		found := false
		for i, p := range m.Body.All() {
			s, ok := p.Content.(content.Single)
			found = found || i == x.Index && ok && strings.ToValidUTF8(string(s.Content), "\uFFFD") == x.Text
		}
		if !found {
			t.Fatalf("text %+v is not that of its part", x)
		}
	}
	content.Mentions(v.Text, "mimi:")
}

func TestSafeFilenamesAreSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := content.SafeFilename(rapid.OneOf(
			rapid.String(), rapid.StringMatching(`[./\\ a-z:]*`), rapid.StringMatching(`(con|nul|COM1) ?\.?[a-z]{0,3}`),
			rapid.StringMatching(`[äa]{150,300}\.[a-z]{1,20}`),
		).Draw(t, "name"))
		if len(s) > 204 || strings.ContainsAny(s, "/\\:\x00\n") || strings.HasPrefix(s, ".") || strings.HasSuffix(s, ".") ||
			s != strings.ToValidUTF8(s, "") || s != content.SafeFilename(s) {
			t.Fatalf("%q, %q", s, content.SafeFilename(s))
		}
	})
}

func FuzzDecodeMessage(f *testing.F) {
	f.Add(raw(f, wire()))
	f.Add(raw(f, with(6, external())))
	f.Add(raw(f, with(6, nested(content.MaxDepth))))
	f.Add(raw(f, with(5, dict{1: "im:a", 256: list{1.5, nil, dict{"k": -1}}})))
	f.Add(raw(f, with(3, list{true, uint32(math.MaxUint32)})))
	f.Add(raw(f, with(1, testID('a'))))
	f.Fuzz(func(t *testing.T, b []byte) { checkDecoded(t, b) })
}

func FuzzDecodeStatusReport(f *testing.F) {
	f.Add([]byte{0x80})
	f.Add(raw(f, list{list{testID('a'), 2}, list{testID('b'), 200}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		report, err := content.DecodeStatusReport(b)
		if err != nil {
			return
		}
		if again, err := content.EncodeStatusReport(report); err != nil || !bytes.Equal(b, again) {
			t.Fatalf("%x became %x, %v", b, again, err)
		}
	})
}

func FuzzDecodeDerivedValues(f *testing.F) {
	f.Add(raw(f, list{testID('a'), 1, []byte("group"), 4, "a", "b", "c"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := content.DecodeDerivedValues(b)
		if err != nil {
			return
		}
		if again, err := v.Encode(); err != nil || !bytes.Equal(b, again) {
			t.Fatalf("%x became %x, %v", b, again, err)
		}
	})
}

func TestDeadline(t *testing.T) {
	read := time.Unix(1000, 0)
	if got := content.ExpireAfter(1500 * time.Millisecond).Deadline(read); !got.Equal(time.Unix(1002, 0)) {
		t.Error(got)
	}
	if got := content.ExpireAfter(time.Hour).Deadline(time.Time{}); !got.IsZero() {
		t.Error(got)
	}
	if got := content.ExpireAt(time.Unix(5, 0)).Deadline(time.Time{}); !got.Equal(time.Unix(5, 0)) {
		t.Error(got)
	}
}
