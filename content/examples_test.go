// SPDX-License-Identifier: AGPL-3.0-or-later

package content_test

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/content"
)

// examplesDir holds the examples of draft-ietf-mimi-content-08.
func examplesDir() string {
	return cmp.Or(os.Getenv("MIMI_EXAMPLES"), "../../shared/mimi-examples")
}

const (
	alice = "mimi://example.com/u/alice-smith"
	room  = "mimi://example.com/r/engineering_team"
)

func readExample(t *testing.T, name string) (encoded []byte, edn string) {
	t.Helper()
	encoded, err := os.ReadFile(filepath.Join(examplesDir(), name+".cbor"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(examplesDir(), name+".edn"))
	if err != nil {
		t.Fatal(err)
	}
	return encoded, string(text)
}

func TestExamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(examplesDir(), "*.cbor"))
	if err != nil || len(files) != 15 {
		t.Fatalf("%d examples in %s instead of 15 (set MIMI_EXAMPLES): %v", len(files), examplesDir(), err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".cbor")
		t.Run(name, func(t *testing.T) {
			encoded, edn := readExample(t, name)
			if name == "implied-original" {
				checkDerived(t, encoded)
				return
			}
			m, err := content.Decode(encoded)
			if err != nil {
				t.Fatal(err)
			}
			again, err := m.Encode()
			if err != nil || !bytes.Equal(again, encoded) {
				t.Fatalf("encoded again: %x, %v", again, err)
			}
			id, err := content.ID(m.SenderURI(), m.RoomURI(), encoded)
			if err != nil || id != ednMessageID(t, edn) {
				t.Fatalf("ID %v, %v", id, err)
			}
			checkFacts(t, name, m)
		})
	}
}

var ednID = regexp.MustCompile(`(?s)^# [A-Z0-9-]+\n# message ID = h'([0-9a-f]{32})\n#\s+([0-9a-f]{32})'`)

func ednMessageID(t *testing.T, edn string) content.MessageID {
	t.Helper()
	found := ednID.FindStringSubmatch(edn)
	if found == nil {
		t.Fatal("no message ID in the notes of the example")
	}
	id, err := content.ParseMessageID(found[1] + found[2])
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func checkDerived(t *testing.T, encoded []byte) {
	t.Helper()
	v, err := content.DecodeDerivedValues(encoded)
	if err != nil {
		t.Fatal(err)
	}
	if v.HubAccepted.UnixMilli() != 1644387225019 || v.SenderLeaf != 4 || v.SenderUserURL != alice || v.RoomURL != room ||
		hex.EncodeToString(v.GroupID) != "eeee0d12a7b5b5b78115ad1a1ddb13811c83fd7387c43e66799a594beeda26bf" {
		t.Fatalf("got %+v", v)
	}
	again, err := v.Encode()
	if err != nil || !bytes.Equal(again, encoded) {
		t.Fatalf("encoded again: %x, %v", again, err)
	}
}

// checkFacts compares with what the notation of each example says.
func checkFacts(t *testing.T, name string, m *content.Message) {
	t.Helper()
	v := m.View()
	if m.RoomURI() != room {
		t.Errorf("room %q", m.RoomURI())
	}
	replyTo := content.MessageID{}
	switch name {
	case "reply", "reaction", "mention", "mention-html", "edit", "delete", "unlike":
		_, edn := readExample(t, "original")
		replyTo = ednMessageID(t, edn)
	}
	if v.InReplyTo != replyTo {
		t.Errorf("in reply to %v", v.InReplyTo)
	}
	want, ok := facts[name]
	if !ok {
		t.Fatal("no facts are known of this example")
	}
	var replaces content.MessageID
	if want.replaces != "" {
		_, edn := readExample(t, want.replaces)
		replaces = ednMessageID(t, edn)
	}
	if v.Kind != want.kind || v.Replaces != replaces || v.Text != want.text || len(v.Attachments) != want.attachments ||
		strings.Join(v.Reactions, " ") != want.reactions || strings.Join(v.Unsupported, " ") != want.unsupported {
		t.Errorf("got %+v", v)
	}
	if want.more != nil {
		want.more(t, m, v)
	}
}

type fact struct {
	kind        content.Kind
	replaces    string
	text        string
	reactions   string
	unsupported string
	attachments int
	more        func(*testing.T, *content.Message, content.View)
}

var facts = map[string]fact{
	"original":     {kind: content.KindMessage, text: "Hi everyone, we just shipped release 2.0. __Good  work__!"},
	"reply":        {kind: content.KindMessage, text: "Right on! _Congratulations_ 'all!"},
	"reaction":     {kind: content.KindReaction, reactions: "❤"},
	"unlike":       {kind: content.KindUnreaction, replaces: "reaction"},
	"edit":         {kind: content.KindEdit, replaces: "reply", text: "Right on! _Congratulations_ y'all!"},
	"delete":       {kind: content.KindDelete, replaces: "reply"},
	"mention-html": {kind: content.KindUnknown, unsupported: "text/html;charset=utf-8"},
	"mention": {
		kind: content.KindMessage, text: "Kudos to [@Alice Smith](mimi://example.com/u/alice-smith) for making the release happen!",
		more: func(t *testing.T, _ *content.Message, v content.View) {
			if got := content.Mentions(v.Text, "mimi:"); len(got) != 1 || got[0] != alice {
				t.Errorf("mentions %q", got)
			}
		},
	},
	"expiring": {
		kind: content.KindMessage, text: "__*VPN GOING DOWN*__ I'm rebooting the VPN in ten minutes unless anyone objects.",
		more: func(t *testing.T, m *content.Message, _ content.View) {
			if m.Expires == nil || m.Expires.Relative || m.Expires.Seconds != 1644390004 {
				t.Errorf("expires %+v", m.Expires)
			}
		},
	},
	"attachment": {kind: content.KindMessage, attachments: 1, more: func(t *testing.T, m *content.Message, v content.View) {
		a := v.Attachments[0]
		e := a.External
		if a.Name != "bigfile.mp4" || a.Description != "2 hours of key signing video" || a.Size() != 708234961 ||
			a.ContentType != "video/mp4" || a.Disposition != content.DispositionAttachment || m.Body.Language != "en" ||
			e.URL != "https://example.com/storage/8ksB4bSrrRE.mp4" || e.EncAlg != content.AEADAES128GCM || len(e.Key) != 16 ||
			len(e.Nonce) != 12 || len(e.AAD) != 0 || e.HashAlg != content.HashSHA256 || len(e.ContentHash) != 32 {
			t.Errorf("attachment %+v", a)
		}
	}},
	"conferencing": {kind: content.KindMessage, attachments: 1, more: func(t *testing.T, m *content.Message, v content.View) {
		a := v.Attachments[0]
		if string(m.TopicID) != "Foo 118" || a.Disposition != content.DispositionSession ||
			a.External.URL != "https://example.com/join/12345" || a.Description != "Join the Foo 118 conference" {
			t.Errorf("session %+v", a)
		}
	}},
	"multipart-1": {kind: content.KindMessage, text: "# Welcome!"},
	"multipart-2": {kind: content.KindReaction, reactions: "❤ 🥳 🤞"},
	"multipart-3": {
		kind: content.KindMessage, attachments: 1, unsupported: "text/html;charset=utf-8 text/html;charset=utf-8",
		more: func(t *testing.T, m *content.Message, v content.View) {
			if v.Attachments[0].Index != 5 || v.Attachments[0].ContentType != "image/gif" {
				t.Errorf("attachment %+v", v.Attachments[0])
			}
			png, ok := m.ByContentID("cid:10@local.invalid")
			if single, isSingle := png.Content.(content.Single); !ok || !isSingle || single.ContentType != "image/png" {
				t.Errorf("part 10 is %+v", png)
			}
		},
	},
}
