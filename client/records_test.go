// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"bytes"
	"crypto/rand"
	"reflect"
	"slices"
	"testing"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/names"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/protocol"
)

// allRecords has one of each kind of record, with something in every part.
func allRecords() []any {
	title, timer := "t", uint32(1)
	stash := &stashRecord{Box: []byte{1}}
	return []any{
		&profileRecord{Version: 1, Address: "a@b", Statement: []byte{1}, SigningKey: []byte{1}, MailboxKey: []byte{1}, Name: "n", Letters: 2, LastResort: 3, Generation: protocol.Generation{4}, Duress: true},
		&contactRecord{Version: 1, Address: "a@b", Name: "n", Known: true, VerifiedProfile: "v", ToldProfile: "t"},
		&chainRecord{Version: 1, Statements: [][]byte{{1}}},
		&keyPackageRecord{Version: 1, KeyPackage: []byte{1}, Private: []byte{1}},
		&convRecord{Version: 1, Host: "h", Status: chat.StatusActive, Unconfirmed: []string{"a@b"}, Departed: []claimRecord{{"a@b", [16]byte{1}, []byte{1}}}, Reported: &reportedRecord{1, 2, 3}, Tokens: &tokensRecord{[]byte{1}, true, map[string][]byte{"a@b": {1}}}, Idle: idleCommits{"a@b": 1}, Mail: &mailToldRecord{[]byte{1}, true}, Removal: 6, Ending: true, Refused: 7, Answered: true, Awaited: []awaitedRecord{{"a@b", 1, 2, 3}}, Generations: []memberGeneration{{"a@b", [16]byte{1}, [16]byte{2}}}, listRecord: listRecord{
			Last: &previewRecord{Message: messageRecord{Text: "x"}, Attachments: []attachmentRecord{{1, "n", "t", 2}}}, Members: 2, MentionedAt: 4,
			Pinned: true, Archived: true, MutedUntil: 5, Draft: "d", DraftReply: []byte{1}, Hidden: true,
		}},
		&messageRecord{Version: 1, Content: []byte{1}, Reactions: []reactionRecord{{From: "a@b", Emoji: "x"}}, Paths: []pathRecord{{1, "p"}}, Uploads: []uploadRecord{{Path: "p"}}, Recipients: []recipientRecord{{"a@b", 1}}, Undo: []undoRecord{
			{Item: 1, Whole: &messageRecord{Version: 1, Text: "x"}}, {Item: 2, Text: &title, Edited: true}, {Item: 3, Reaction: content.MessageID{1}, Gone: []reactionRecord{{From: "a@b", Emoji: "x"}}},
		}},
		&messageRecord{Version: 1, Notice: true, What: &noticeRecord{Kind: chat.NoticeRole, Whom: "a@b", Title: "t", Timer: 2, Role: chat.RoleAdmin, Reason: "r"}},
		&heldRecord{Version: 1, From: "a@b", Content: []byte{1}},
		&outboxRecord{Version: 1, Target: 2, Uploads: []uploadRecord{{Path: "p"}}, Change: &changeRecord{
			Add: []string{"a@b"}, Title: &title, Timer: &timer, Roles: []roleRecord{{"a@b", 1}}, Stash: stash, Letters: []letterRecord{{To: "a@b", Letter: []byte{1}}}, Eject: true, Again: []byte{2},
		}},
		&deliveryRecord{Version: 1, Stash: stash},
		&fileRecord{Version: 1, Have: 2, Whole: true, Hash: []byte{1}, Used: 3, Attached: 4, Name: "n", Type: "t", Uses: []useRecord{{cid{1}, 5}}},
		&inboxRecord{Version: 1, Kind: chat.InboxEdit, From: "a@b", Text: "x"},
		&keptLetterRecord{Version: 1, Letter: []byte{1}, Received: 1},
		&settingsRecord{Version: 1, NoRead: true, Timer: 1, Interface: map[string]string{"a": "b", "c": ""}},
		&wakeRecord{Version: 1, Endpoint: "e", Token: []byte{1}, Next: []byte{2}, Since: 3, Registered: 4, Stale: true, Forget: [][]byte{{5}}},
		&mailTokenRecord{Version: 1, Token: []byte{1}},
		&peerTokensRecord{Version: 1, Devices: []peerToken{{[16]byte{1}, []byte{2}}}},
		&mailControl{Version: 1, Device: [16]byte{1}, Token: []byte{1}},
		&profileControl{Version: 1, Name: "n"},
		&generationControl{Version: 1, Device: [16]byte{1}, Generation: [16]byte{2}},
		&wakeControl{Version: 1, Token: []byte{1}},
		&typingControl{Version: 1, On: true},
	}
}

func TestRecordsComeBack(t *testing.T) {
	for _, r := range allRecords() {
		b, err := dcbor.Marshal(r)
		fatal(t, err)
		got := reflect.New(reflect.TypeOf(r).Elem()).Interface()
		fatal(t, decodeRecord(b, got))
		if !reflect.DeepEqual(got, r) {
			t.Errorf("%+v became %+v", r, got)
		}
	}
}

// What an early version stored of a notice was a sentence.
func TestOldNoticesAreRead(t *testing.T) {
	b, err := dcbor.Marshal(map[int]any{1: 1, 2: make([]byte, 32), 3: "ana@here.example", 4: 5, 5: 6, 6: 0, 9: "ana@here.example left", 10: false, 11: false, 12: true, 16: false})
	fatal(t, err)
	var rec messageRecord
	fatal(t, decodeRecord(b, &rec))
	m := rec.message("c", "bo@here.example")
	if m.Notice == nil || m.Notice.Kind != chat.NoticeOther || m.Text != "ana@here.example left" {
		t.Errorf("it became %+v", m)
	}
}

// Whatever is refused and taken of several changes to one message, what was
// taken holds.
func TestChangesAreTakenBackOneByOne(t *testing.T) {
	two, three := "two", "three"
	before := messageRecord{Text: "one", Content: []byte{1}}
	edited := messageRecord{Text: "three", Edited: true, Content: []byte{1}, Undo: []undoRecord{{Item: 1, Text: &before.Text}, {Item: 2, Text: &two, Edited: true}}}
	for name, c := range map[string]struct {
		refused []uint64
		want    string
		deleted bool
	}{
		"nothing":                {nil, "", true},
		"the first edit":         {[]uint64{1}, "", true},
		"the deletion":           {[]uint64{3}, three, false},
		"an edit, then deletion": {[]uint64{2, 3}, two, false},
		"all":                    {[]uint64{1, 2, 3}, "one", false},
	} {
		whole := edited
		whole.Undo = slices.Clone(edited.Undo)
		rec := messageRecord{Deleted: true, State: chat.StateRead, Undo: []undoRecord{{Item: 3, Whole: &whole}}}
		for n := range uint64(3) {
			if slices.Contains(c.refused, n+1) {
				rec.undo(n + 1)
			} else {
				rec.keep(n + 1)
			}
		}
		if rec.Text != c.want || rec.Deleted != c.deleted || rec.State != chat.StateRead || len(rec.Undo) != 0 {
			t.Errorf("%s: %+v", name, rec)
		}
	}
}

// FuzzRecords reads bytes as every kind of record: what a peer sends is among
// them (profileControl, and the content of messages).
func FuzzRecords(f *testing.F) {
	for _, r := range allRecords() {
		b, err := dcbor.Marshal(r)
		fatal(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, kind := range allRecords() {
			got := reflect.New(reflect.TypeOf(kind).Elem()).Interface()
			if decodeRecord(b, got) != nil {
				continue
			}
			if again, err := dcbor.Marshal(got); err != nil || !bytes.Equal(again, b) {
				t.Errorf("%T: %x became %x, %v", got, b, again, err)
			}
			if m, ok := got.(*messageRecord); ok {
				_ = m.message("", "a@b")
			}
		}
	})
}

// FuzzMessage takes in what a member may say, as a message and as what leads to
// a file.
func FuzzMessage(f *testing.F) {
	keys := attach.Keys{}
	id := content.MessageID{1}
	report, err := content.StatusReport([]content.MessageStatus{{ID: id, Status: content.StatusRead}})
	fatal(f, err)
	for _, m := range []content.Message{
		content.Text("hello"), content.Reply(id, "x"), content.Edit(id, nil, "y"), content.Delete(id, nil), content.Reaction(id, "x"),
		content.Unreaction(id, id), content.Control(controlProfile, []byte{0xa0}), report,
		content.Attach("see", content.External{URL: "https://here/v1/blobs/x", EncAlg: encAlgStream, Key: keys.Key[:], Nonce: keys.Nonce[:], Filename: "../x"}),
	} {
		salted, err := m.Salted(rand.Reader)
		fatal(f, err)
		b, err := salted.Encode()
		fatal(f, err)
		f.Add(b)
	}
	c := lonely(f)
	conv, err := c.begin(groupState{Group: true, Title: "T"}, "", nil)
	fatal(f, err)
	f.Fuzz(func(t *testing.T, raw []byte) {
		msg, err := content.Decode(raw)
		if err != nil {
			return
		}
		fatal(t, c.store.update(func(tx *sealedTx) error {
			m, err := loadConversation(tx, c.self, c.now, c.ids[conv])
			if err != nil {
				return err
			}
			m.begin(tx, &outcome{})
			id, err := content.ID("mimi://here/u/bob", m.roomURI(), raw)
			if err != nil {
				return err
			}
			if err := m.take(tx, "bob@here", id, raw, msg, chat.StateReceived); err != nil {
				return err
			}
			return m.end(tx)
		}))
		for _, a := range msg.View().Attachments {
			if a.External != nil {
				_, _, _ = blobOf(a.External)
			}
		}
	})
}

// What a text mentions is what package content finds, however the text is
// made.
func FuzzMentioned(f *testing.F) {
	f.Add("[@bob](mimi://here.example/u/bob) <mimi://here.example/u/eve>, [x](mimi://here.example/u/bob title)")
	f.Add("](mimi://](mimi://a.b/u/cc) <mimi://a.b/u/dd")
	f.Fuzz(func(t *testing.T, text string) {
		var want []account.Address
		for _, uri := range content.Mentions(text, names.MentionScheme) {
			if a, err := account.ParseURI(uri); err == nil {
				want = append(want, a)
			}
		}
		if got := names.Mentioned(text); !slices.Equal(got, want) {
			t.Errorf("%q mentions %v, want %v", text, got, want)
		}
	})
}
