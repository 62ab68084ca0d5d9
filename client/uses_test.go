// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/content"
)

func TestFilesGoWithTheirMessages(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, a, b *person, m chat.Message){
		"deleted": func(t *testing.T, a, b *person, m chat.Message) {
			must(t, a.Messages().Delete(t.Context(), m.Conversation, m.ID))
			pass(time.Minute)
		},
		"expired": func(*testing.T, *person, *person, chat.Message) { pass(2 * time.Hour) },
		"expired while nobody ran": func(_ *testing.T, a, b *person, _ chat.Message) {
			a.Close()
			b.Close()
			pass(2 * time.Hour)
			a.open()
			b.open()
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				net := fakeserver.NewNet()
				a, b := join(t, net, "alice", host), join(t, net, "bob", host)
				id := group(t, a, b)
				draft := chat.Draft{Attached: []chat.FileID{a.attach("a", photo('a'))}, Expire: time.Hour}
				m, err := a.Send(t.Context(), id, draft)
				must(t, err)
				pass(time.Minute)
				b.wantOpened(b.history(id)[0], photo('a'))
				end(t, a, b, m)
				if a.Kept(t)+b.Kept(t) != 0 {
					t.Errorf("alice keeps %d, bob %d", a.Kept(t), b.Kept(t))
				}
			})
		})
	}
}

func (x *trio) photographed(t *testing.T, plain []byte) (alices, bobs chat.Message, ext content.External) {
	t.Helper()
	m, err := x.alice.Send(t.Context(), x.id, chat.Draft{Text: "see", Attached: []chat.FileID{x.alice.attach("sunset.webp", plain)}})
	must(t, err)
	pass(time.Minute)
	alices, err = x.alice.Messages().Message(x.id, m.ID)
	must(t, err)
	bobs, err = x.bob.Messages().Message(x.id, m.ID)
	must(t, err)
	x.bob.wantOpened(bobs, plain)
	ext, err = x.mallory.External(bobs)
	must(t, err)
	x.net.Server(host).LoseBlobs()
	return alices, bobs, ext
}

func TestFilesStayForTheirOtherMessages(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		plain := photo('a')
		alices, bobs, ext := x.photographed(t, plain)
		again := content.Attach("", ext)
		again.Expires = content.ExpireAfter(time.Hour)
		x.claim(t, again)
		second := x.bob.history(x.id)[1]
		x.bob.wantOpened(second, plain)
		pass(2 * time.Hour)
		x.alice.wantOpened(alices, plain)
		x.bob.wantOpened(bobs, plain)
		must(t, x.bob.Messages().Forget(x.id, bobs.ID))
		must(t, x.alice.Messages().Delete(t.Context(), x.id, alices.ID))
		pass(time.Minute)
		if x.alice.Kept(t)+x.bob.Kept(t) != 0 {
			t.Errorf("alice keeps %d, bob %d", x.alice.Kept(t), x.bob.Kept(t))
		}
	})
}

func TestFilesWithoutUsesGo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		_, bobs, _ := x.photographed(t, photo('a'))
		must(t, x.bob.UnnoteUses())
		must(t, x.bob.Messages().Forget(x.id, bobs.ID))
		if n := x.bob.Kept(t); n != 0 {
			t.Errorf("%d files are kept", n)
		}
	})
}

func TestUnsentFilesGoWithTheirMessages(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, a *person, m chat.Message){
		"deleted": func(t *testing.T, a *person, m chat.Message) {
			must(t, a.Messages().Delete(t.Context(), m.Conversation, m.ID))
		},
		"expired": func(*testing.T, *person, chat.Message) { pass(2 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				net := fakeserver.NewNet()
				a, b := join(t, net, "alice", host), join(t, net, "bob", host)
				id := group(t, a, b)
				offline(net)
				draft := chat.Draft{Attached: []chat.FileID{a.attach("a", photo('a'))}, Expire: time.Hour}
				m, err := a.Send(t.Context(), id, draft)
				must(t, err)
				end(t, a, m)
				online(net)
				pass(20 * time.Minute)
				must(t, a.Idle(id))
				if a.Kept(t) != 0 {
					t.Errorf("%d files are kept", a.Kept(t))
				}
			})
		})
	}
}
