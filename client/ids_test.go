// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/files/disk"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/memory"
	"github.com/securecrypt/securecrypt/client/store/storetest"
)

// A golden profile is one that a program of an earlier version stored: bob's,
// with a group, a request, a conversation of two and a letter that is kept.
type golden struct {
	Key                    string
	Group, Direct, Request chat.ConversationID
	Records                map[string]string
}

// openGolden opens a profile of testdata on a network where nothing of it is.
func openGolden(t *testing.T, net *fakeserver.Net, file string) (golden, *person) {
	t.Helper()
	f, err := os.Open(file)
	must(t, err)
	defer func() { _ = f.Close() }()
	unzip, err := gzip.NewReader(f)
	must(t, err)
	var g golden
	must(t, json.NewDecoder(unzip).Decode(&g))
	p := &person{t: t, store: storetest.NewFaulty(memory.New()), way: net.Transport("bob")}
	p.cfg = client.Config{Store: p.store, Transport: p.way, Files: disk.Files{}, OnEvent: p.note}
	raw, err := hex.DecodeString(g.Key)
	must(t, err)
	p.cfg.Key = keyring.StoreKey(raw)
	must(t, p.store.Update(func(tx backend.Tx) error {
		for k, v := range g.Records {
			key, err := hex.DecodeString(k)
			must(t, err)
			value, err := hex.DecodeString(v)
			must(t, err)
			if err := tx.Put(key, value); err != nil {
				return err
			}
		}
		return nil
	}))
	p.open()
	return g, p
}

// A profile of the version whose identifiers had 16 digits has everything in
// its place, and these go on to work.
func TestProfileWithShortIdentifiers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		pass(time.Hour) // after it was stored
		g, bob := openGolden(t, net, "testdata/profile-short-ids.json.gz")
		for old, status := range map[chat.ConversationID]chat.Status{g.Group: chat.StatusActive, g.Direct: chat.StatusActive, g.Request: chat.StatusRequest} {
			conv := bob.status(old)
			if len(old) != 16 || len(conv.ID) != 40 || !strings.HasPrefix(string(conv.ID), string(old)) || conv.Status != status {
				t.Errorf("%s is %s, %v", old, conv.ID, conv.Status)
			}
			for _, target := range []string{string(old), strings.ToUpper(string(old)), string(conv.ID), string(conv.ID[:20])} {
				if id, err := bob.Find(target); err != nil || id != conv.ID {
					t.Errorf("%s leads to %q, %v", target, id, err)
				}
			}
			if _, err := bob.Find(string(old[:15])); !errors.Is(err, chat.ErrNoConversation) {
				t.Errorf("15 digits: %v", err)
			}
		}
		want(t, "the group", bob.texts(g.Group), []string{"one", "two", "waits"})
		want(t, "the direct one", bob.texts(g.Direct), []string{"between us"})
		if conv := bob.status(g.Group); conv.Draft != "a draft" || conv.Waiting != 1 || conv.Title != "Group" {
			t.Errorf("%+v", conv)
		}
		if all, err := bob.Conversations(); err != nil || len(all) != 3 || bob.Letters() != 1 {
			t.Errorf("%d conversations, %d letters, %v", len(all), bob.Letters(), err)
		}
		bob.say(g.Direct, "by the old name")
		must(t, bob.List().SetDraft(t.Context(), g.Group, "", [32]byte{}))
		must(t, bob.Accept(t.Context(), g.Request))
		want(t, "the direct one", bob.texts(g.Direct), []string{"between us", "by the old name"})
		// His mailbox, at a server that lost its data, and new conversations.
		must(t, bob.ConnectAll())
		net.Server(host)
		pass(time.Minute)
		if _, err := bob.CreateGroup(t.Context(), string(g.Group), nil); err != nil {
			t.Error(err)
		}
		if id, err := bob.Find(string(g.Group)); err != nil || id != bob.status(g.Group).ID {
			t.Errorf("a group of that title takes the name: %q, %v", id, err)
		}
	})
}

// Two conversations whose identifiers begin alike are told apart by more digits,
// and none of them takes the other's whole identifier.
func TestIdentifiersThatBeginAlike(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a := join(t, net, "alice", host)
		id, err := a.CreateGroup(t.Context(), "One", []account.Address{})
		must(t, err)
		a.Alike(id)
		short := id[:16]
		if _, err := a.Conversation(short); !errors.Is(err, chat.ErrAmbiguous) {
			t.Errorf("16 digits that fit two: %v", err)
		}
		if got := a.status(id[:17]); got.Title != "One" {
			t.Errorf("17 digits lead to %q", got.Title)
		}
		if err := a.Rival(id); err == nil {
			t.Error("another channel took the identifier")
		}
		if got := a.status(id); got.Title != "One" {
			t.Errorf("the identifier leads to %q", got.Title)
		}
		b := join(t, net, "bob", host)
		second, err := a.CreateGroup(t.Context(), "Two", []account.Address{b.Address()})
		must(t, err)
		b.Claim(second)
		must(t, a.ConnectConversation(second))
		pass(time.Minute)
		if all, err := b.Conversations(); err != nil || len(all) != 0 {
			t.Errorf("an invitation to a channel whose identifier is taken led to %v, %v", all, err)
		}
	})
}
