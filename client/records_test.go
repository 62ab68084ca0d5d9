// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"bytes"
	"crypto/rand"
	"reflect"
	"testing"

	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/attachments"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/protocol"
)

// allRecords has one of each kind of record, with something in every part.
func allRecords() []any {
	title, timer := "t", uint32(1)
	stash := &records.Stash{Box: []byte{1}}
	return []any{
		&records.Profile{Version: 1, Address: "a@b", Statement: []byte{1}, SigningKey: []byte{1}, MailboxKey: []byte{1}, Name: "n", Letters: 2, LastResort: 3, Generation: protocol.Generation{4}, Unsent: []byte{5}, Duress: true},
		&records.Contact{Version: 1, Address: "a@b", Name: "n", Known: true, VerifiedProfile: "v", ToldProfile: "t"},
		&records.Chain{Version: 1, Statements: [][]byte{{1}}, Chain: []byte{2}},
		&records.KeyPackage{Version: 1, KeyPackage: []byte{1}, Private: []byte{1}},
		&records.Conversation{Version: 1, Host: "h", Status: chat.StatusActive, Unconfirmed: []string{"a@b"}, Departed: []records.Claim{{Address: "a@b", Device: [16]byte{1}, Key: []byte{1}}}, Reported: &records.Reported{Delivered: 1, Read: 2, ReadSent: 3}, Tokens: &records.WakeTokens{Told: []byte{1}, Again: true, Peers: map[string][]byte{"a@b": {1}}}, Idle: records.IdleCommits{"a@b": 1}, Mail: &records.MailTold{Token: []byte{1}, Again: true}, Removal: 6, Ending: true, Refused: 7, Answered: true, Awaited: []records.Awaited{{Address: "a@b", Since: 1, Next: 2, Checks: 3}}, Generations: []records.MemberGeneration{{Address: "a@b", Device: [16]byte{1}, Generation: [16]byte{2}}}, List: records.List{
			Last: &records.Preview{Message: records.Message{Text: "x"}, Attachments: []records.Attachment{{Index: 1, Name: "n", Type: "t", Size: 2}}}, Members: 2, MentionedAt: 4,
			Pinned: true, Archived: true, MutedUntil: 5, Draft: "d", DraftReply: []byte{1}, Hidden: true,
		}},
		&records.Message{Version: 1, Content: []byte{1}, Reactions: []records.Reaction{{From: "a@b", Emoji: "x"}}, Paths: []records.Path{{Index: 1, Path: "p"}}, Uploads: []records.Upload{{Path: "p"}}, Recipients: []records.Recipient{{Address: "a@b", Status: 1}}, Undo: []records.Undo{
			{Item: 1, Whole: &records.Message{Version: 1, Text: "x"}}, {Item: 2, Text: &title, Edited: true}, {Item: 3, Reaction: content.MessageID{1}, Gone: []records.Reaction{{From: "a@b", Emoji: "x"}}},
		}},
		&records.Message{Version: 1, Notice: true, What: &records.Notice{Kind: chat.NoticeRole, Whom: "a@b", Title: "t", Timer: 2, Role: chat.RoleAdmin, Reason: "r"}},
		&records.Held{Version: 1, From: "a@b", Content: []byte{1}},
		&records.OutboxItem{Version: 1, Target: 2, Uploads: []records.Upload{{Path: "p"}}, Change: &records.Change{
			Add: []string{"a@b"}, Title: &title, Timer: &timer, Roles: []records.Role{{Address: "a@b", Role: 1}}, Stash: stash, Letters: []records.Letter{{To: "a@b", Letter: []byte{1}}}, Eject: true, Again: []byte{2},
		}},
		&records.Delivery{Version: 1, Stash: stash},
		&records.File{Version: 1, Have: 2, Whole: true, Hash: []byte{1}, Used: 3, Attached: 4, Name: "n", Type: "t", Uses: []records.Use{{CID: records.CID{1}, Order: 5}}},
		&records.InboxItem{Version: 1, Kind: chat.InboxEdit, From: "a@b", Text: "x"},
		&records.KeptLetter{Version: 1, Letter: []byte{1}, Received: 1},
		&records.Settings{Version: 1, NoRead: true, Timer: 1, Interface: map[string]string{"a": "b", "c": ""}},
		&records.Wake{Version: 1, Endpoint: "e", Token: []byte{1}, Next: []byte{2}, Since: 3, Registered: 4, Stale: true, Forget: [][]byte{{5}}},
		&records.MailToken{Version: 1, Token: []byte{1}},
		&records.PeerTokens{Version: 1, Devices: []records.PeerToken{{Device: [16]byte{1}, Token: []byte{2}}}},
	}
}

func TestRecordsComeBack(t *testing.T) {
	for _, r := range allRecords() {
		b, err := dcbor.Marshal(r)
		fatal(t, err)
		got := reflect.New(reflect.TypeOf(r).Elem()).Interface()
		fatal(t, records.Decode(b, got))
		if !reflect.DeepEqual(got, r) {
			t.Errorf("%+v became %+v", r, got)
		}
	}
}

// FuzzRecords reads bytes as every kind of record: the content of
// messages, which a peer sends, is among them.
func FuzzRecords(f *testing.F) {
	for _, r := range allRecords() {
		b, err := dcbor.Marshal(r)
		fatal(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, kind := range allRecords() {
			got := reflect.New(reflect.TypeOf(kind).Elem()).Interface()
			if records.Decode(b, got) != nil {
				continue
			}
			if again, err := dcbor.Marshal(got); err != nil || !bytes.Equal(again, b) {
				t.Errorf("%T: %x became %x, %v", got, b, again, err)
			}
			if m, ok := got.(*records.Message); ok {
				_ = m.View("", "a@b")
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
		content.Unreaction(id, id), content.Control("profile", []byte{0xa0}), report,
		content.Attach("see", content.External{URL: "https://here/v1/blobs/x", EncAlg: attachments.EncAlgStream, Key: keys.Key[:], Nonce: keys.Nonce[:], Filename: "../x"}),
	} {
		salted, err := m.Salted(rand.Reader)
		fatal(f, err)
		b, err := salted.Encode()
		fatal(f, err)
		f.Add(b)
	}
	c := lonely(f)
	conv, err := c.begin(rules.State{Group: true, Title: "T"}, "", nil)
	fatal(f, err)
	f.Fuzz(func(t *testing.T, raw []byte) {
		msg, err := content.Decode(raw)
		if err != nil {
			return
		}
		fatal(t, c.store.Update(func(tx *records.Tx) error {
			m, err := machine.Load(tx, c.environment(), c.place(conv))
			if err != nil {
				return err
			}
			m.Begin(tx, &machine.Outcome{})
			id, err := content.ID("mimi://here/u/bob", m.RoomURI(), raw)
			if err != nil {
				return err
			}
			if err := m.Take(tx, "bob@here", id, raw, msg, chat.StateReceived); err != nil {
				return err
			}
			return m.End(tx)
		}))
		for _, a := range msg.View().Attachments {
			if a.External != nil {
				_, _, _ = records.BlobOf(a.External)
			}
		}
	})
}
