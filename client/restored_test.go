// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/protocol"
)

// wentBack returns the notices of a server that went back, of a conversation.
func (p *person) wentBack(id chat.ConversationID) (counts []uint64) {
	must(p.t, p.Messages().History(id, func(m chat.Message) bool {
		if m.Notice != nil && m.Notice.Kind == chat.NoticeServerWentBack {
			counts = append(counts, m.Notice.Count)
		}
		return true
	}))
	return counts
}

// says has a person say n texts and returns them.
func (p *person) says(id chat.ConversationID, word string, n int) (all []string) {
	for i := range n {
		text := fmt.Sprint(word, i)
		p.say(id, text)
		all = append(all, text)
	}
	return all
}

// What a server lost by being put back to a backup is sent to it again: once,
// in order, to those who lack it. Whether the server noticed that makes no
// difference, nor whether its numbers have passed the old ones.
func TestServerIsPutBack(t *testing.T) {
	for _, unnoticed := range []bool{false, true} {
		for _, later := range []int{1, 6, 12} {
			t.Run(fmt.Sprint(unnoticed, later), func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					x := newTrio(t, true)
					old := x.says(x.id, 3, t)
					backup := x.net.Server(host).Backup()
					x.bob.way.Partition("", true)
					lost := x.alice.says(x.id, "lost ", 8)
					pass(time.Minute)
					x.net.Server(host).Restore(backup, unnoticed)
					x.alice.way.Partition("", true)
					x.bob.way.Partition("", false)
					pass(time.Minute)
					fresh := x.bob.says(x.id, "fresh ", later)
					pass(time.Minute)
					x.alice.way.Partition("", false)
					pass(10 * time.Minute)
					for _, p := range []*person{x.alice, x.bob, x.mallory} {
						got := p.texts(x.id)
						for _, want := range slices.Concat(old, lost, fresh) {
							if n := count(got, want); n != 1 {
								t.Errorf("%s has %q %d times", p.Address(), want, n)
							}
						}
						if !ordered(got, lost) || !ordered(got, fresh) {
							t.Errorf("%s has %q in another order", p.Address(), got)
						}
					}
					if got := x.alice.wentBack(x.id); !slices.Equal(got, []uint64{8}) {
						t.Errorf("alice is told of %v lost messages", got)
					}
					x.talks(t)
				})
			})
		}
	}
}

func count(all []string, one string) (n int) {
	for _, s := range all {
		if s == one {
			n++
		}
	}
	return n
}

// ordered reports whether some texts are among all in their order.
func ordered(all, some []string) bool {
	for _, s := range all {
		if len(some) > 0 && s == some[0] {
			some = some[1:]
		}
	}
	return len(some) == 0
}

// says has everybody say something and returns it.
func (x *trio) says(id chat.ConversationID, n int, t *testing.T) (all []string) {
	t.Helper()
	for _, p := range []*person{x.alice, x.bob, x.mallory} {
		all = append(all, p.says(id, p.Address().Name+" ", n)...)
		pass(time.Minute)
	}
	return all
}

// Changes of a group that a server lost are made again, so that those follow
// who had not seen them.
func TestServerLosesCommits(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, true)
		old := x.says(x.id, 2, t)
		backup := x.net.Server(host).Backup()
		x.bob.way.Partition("", true)
		dave := join(t, x.net, "dave", host)
		must(t, x.alice.Groups().Rename(t.Context(), x.id, "first"))
		pass(time.Minute)
		lost := x.alice.says(x.id, "lost ", 2)
		pass(time.Minute)
		must(t, x.mallory.Groups().Rename(t.Context(), x.id, "second"))
		pass(time.Minute)
		lost = append(lost, x.mallory.says(x.id, "more ", 2)...)
		pass(time.Minute)
		x.net.Server(host).Restore(backup, false)
		x.bob.way.Partition("", false)
		pass(20 * time.Minute)
		for _, p := range []*person{x.alice, x.bob, x.mallory} {
			got := p.texts(x.id)
			for _, want := range slices.Concat(old, lost) {
				if n := count(got, want); n != 1 {
					t.Errorf("%s has %q %d times", p.Address(), want, n)
				}
			}
			if c := p.status(x.id); c.Title != "second" || c.Status != chat.StatusActive {
				t.Errorf("%s: %q, %s", p.Address(), c.Title, c.Status)
			}
		}
		x.talks(t)
		t.Log(x.alice.wentBack(x.id), x.mallory.wentBack(x.id), x.alice.history(x.id)[6].State, x.alice.failed())
		_ = dave
	})
}

// Conversations that began after the backup, and all conversations of a server
// that lost everything, are created again by those who are in them.
func TestServerLosesChannels(t *testing.T) {
	for _, all := range []bool{false, true} {
		t.Run(fmt.Sprint(all), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				x := newTrio(t, true)
				backup := x.net.Server(host).Backup()
				id := group(t, x.alice, x.bob, x.mallory)
				old := x.says(id, 2, t)
				must(t, x.alice.Groups().Rename(t.Context(), id, "new"))
				pass(time.Minute)
				old = append(old, x.says(x.id, 0, t)...)
				if all {
					x.net.Server(host).Lose()
				} else {
					x.net.Server(host).Restore(backup, false)
				}
				pass(20 * time.Minute)
				for _, p := range []*person{x.alice, x.bob, x.mallory} {
					p.says(id, p.Address().Name+" again ", 1)
				}
				pass(20 * time.Minute)
				for _, p := range []*person{x.alice, x.bob, x.mallory} {
					got := p.texts(id)
					for _, want := range append(old, "alice again 0", "bob again 0", "mallory again 0") {
						if n := count(got, want); n != 1 {
							t.Errorf("%s has %q %d times", p.Address(), want, n)
						}
					}
					if c := p.status(id); c.Status != chat.StatusActive {
						t.Errorf("%s: %s, %s", p.Address(), c.Status, c.Reason.Text)
					}
				}
				x.talks(t)
			})
		})
	}
}

// Who was behind and made another change after a restore parts the group: those
// on the old branch are told, and can be added again.
func TestServerIsPutBackAndOthersGoOn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, true)
		backup := x.net.Server(host).Backup()
		x.mallory.way.Partition("", true)
		must(t, x.alice.Groups().Rename(t.Context(), x.id, "one"))
		pass(time.Minute)
		x.alice.way.Partition("", true)
		x.bob.way.Partition("", true)
		x.net.Server(host).Restore(backup, false)
		x.mallory.way.Partition("", false)
		pass(time.Minute)
		must(t, x.mallory.Groups().Rename(t.Context(), x.id, "two"))
		pass(time.Minute)
		x.alice.way.Partition("", false)
		x.bob.way.Partition("", false)
		pass(20 * time.Minute)
		for _, p := range []*person{x.alice, x.bob} {
			if c := p.status(x.id); c.Status != chat.StatusLost {
				t.Errorf("%s: %s", p.Address(), c.Status)
			}
		}
		must(t, x.mallory.Groups().Remove(t.Context(), x.id, []account.Address{x.bob.Address()}))
		pass(time.Minute)
		must(t, x.mallory.Groups().Add(t.Context(), x.id, []account.Address{x.bob.Address()}))
		pass(time.Minute)
		x.bob.accept()
		pass(time.Minute)
		x.mallory.say(x.id, "welcome back")
		pass(time.Minute)
		if got := x.bob.texts(x.id); count(got, "welcome back") != 1 {
			t.Errorf("bob has %q", got)
		}
	})
}

// A commit that arrives damaged is asked for again before anything is given up;
// a message that does leaves a mark where it stood, and one mark for many.
func TestDamagedEntries(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, true)
		damage := 3
		x.net.Server(host).SetFaults(fakeserver.Faults{Event: func(who string, body protocol.Body) ([]protocol.Body, bool) {
			if e, ok := body.(*protocol.Entry); ok && who == "bob" && damage > 0 && e.Kind == protocol.KindCommit {
				damage--
				e.Ciphertext = append([]byte{e.Ciphertext[0] ^ 1}, e.Ciphertext[1:]...)
			}
			return []protocol.Body{body}, false
		}})
		must(t, x.alice.Groups().Rename(t.Context(), x.id, "new"))
		pass(time.Minute)
		if c := x.bob.status(x.id); c.Status != chat.StatusActive || c.Title != "new" {
			t.Errorf("after a damaged commit: %s, %q", c.Status, c.Title)
		}
		x.net.Server(host).SetFaults(fakeserver.Faults{Event: func(who string, body protocol.Body) ([]protocol.Body, bool) {
			if e, ok := body.(*protocol.Entry); ok && who == "bob" {
				e.Ciphertext = append([]byte{e.Ciphertext[0] ^ 1}, e.Ciphertext[1:]...)
			}
			return []protocol.Body{body}, false
		}})
		x.alice.says(x.id, "damaged ", 5)
		pass(time.Minute)
		x.net.Server(host).SetFaults(fakeserver.Faults{})
		x.talks(t)
		marks := 0
		must(t, x.bob.Messages().History(x.id, func(m chat.Message) bool {
			if m.Notice != nil && m.Notice.Kind == chat.NoticeUnreadable {
				marks++
			}
			return true
		}))
		if marks != 1 {
			t.Errorf("%d marks of messages that could not be read", marks)
		}
	})
}

// An invitation, and a file, that the server lost before anybody had them are
// brought to it again.
func TestServerLosesInvitationsAndFiles(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, true)
		dave := join(t, x.net, "dave", host)
		backup := x.net.Server(host).Backup()
		dave.way.Partition("", true)
		x.bob.way.Partition("", true)
		id := x.alice.begins(dave)
		x.alice.say(id, "first contact")
		x.sendFile(t, "a file")
		pass(time.Minute)
		x.net.Server(host).Restore(backup, false)
		pass(10 * time.Minute)
		dave.way.Partition("", false)
		x.bob.way.Partition("", false)
		pass(10 * time.Minute)
		dave.accept()
		pass(time.Minute)
		want(t, "dave", dave.texts(id), []string{"first contact"})
		want(t, "bob", x.bob.texts(x.id), []string{"a file"})
		all := x.bob.history(x.id)
		if _, err := x.bob.opened(all[0]); err != nil {
			t.Errorf("the file: %v", err)
		}
	})
}

// Who began a group can be removed from it and added again, also while away.
func TestCreatorIsAddedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, true)
		must(t, x.alice.Groups().SetRole(t.Context(), x.id, x.bob.Address(), chat.RoleOwner))
		pass(time.Minute)
		must(t, x.bob.Groups().SetRole(t.Context(), x.id, x.alice.Address(), chat.RoleMember))
		pass(time.Minute)
		x.alice.way.Partition("", true)
		must(t, x.bob.Groups().Remove(t.Context(), x.id, []account.Address{x.alice.Address()}))
		pass(time.Minute)
		must(t, x.bob.Groups().Add(t.Context(), x.id, []account.Address{x.alice.Address()}))
		pass(time.Minute)
		x.alice.way.Partition("", false)
		pass(5 * time.Minute)
		x.talks(t)
	})
}

// A server that opens earlier epochs and lies about where the channel stands is
// not asked without end.
func TestServerThatLiesAboutEpochsIsNotStormed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, true)
		must(t, x.alice.Groups().Rename(t.Context(), x.id, "one"))
		pass(time.Minute)
		must(t, x.alice.Groups().Rename(t.Context(), x.id, "two"))
		pass(time.Minute)
		var opens atomic.Int64
		now := x.net.Server(host).Epoch(x.channel)
		x.net.Server(host).SetFaults(fakeserver.Faults{
			Request: func(who string, op protocol.Op, body protocol.Body) (v fakeserver.Verdict) {
				if open, ok := body.(*protocol.ChannelOpen); ok && who == "bob" {
					opens.Add(1)
					if open.Epoch == now {
						v.Refuse = &protocol.Error{Code: protocol.CodeForbidden}
					}
				}
				return v
			},
			Opened: func(state *protocol.ChannelState) { state.Epoch = 1 },
		})
		x.bob.way.Cut("")
		pass(4 * time.Minute)
		if n := opens.Load(); n < 10 || n > 60 {
			t.Errorf("%d openings in four minutes", n)
		}
		x.net.Server(host).SetFaults(fakeserver.Faults{})
		x.bob.way.Cut("")
		pass(10 * time.Minute)
		x.talks(t)
	})
}

// What is sent again goes before what was written since, also where a change of
// the group waits among that.
func TestLostMessagesGoFirst(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, true)
		backup := x.net.Server(host).Backup()
		x.bob.way.Partition("", true)
		lost := x.alice.says(x.id, "lost ", 3)
		pass(time.Minute)
		x.alice.way.Partition("", true)
		x.net.Server(host).Restore(backup, false)
		fresh := x.alice.says(x.id, "fresh ", 4)
		must(t, x.alice.Groups().Rename(t.Context(), x.id, "walk"))
		fresh = append(fresh, x.alice.says(x.id, "late ", 4)...)
		x.alice.way.Partition("", false)
		x.bob.way.Partition("", false)
		pass(10 * time.Minute)
		want(t, "bob", x.bob.texts(x.id), slices.Concat(lost, fresh))
	})
}

// A server that claims at every connection that it was put back, under another
// incarnation each time, is sent what it lacks a bounded number of times.
func TestServerThatAlwaysGoesBackIsNotStormed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, true)
		backup := x.net.Server(host).Backup()
		x.bob.way.Partition("", true)
		x.mallory.way.Partition("", true)
		x.alice.say(x.id, "lost")
		pass(time.Minute)
		var posts atomic.Int64
		x.net.Server(host).SetFaults(fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) (v fakeserver.Verdict) {
			if op == protocol.OpChannelPost {
				posts.Add(1)
			}
			return v
		}})
		for range 40 {
			x.net.Server(host).Restore(backup, false)
			pass(time.Minute)
		}
		if n := posts.Load(); n < 10 || n > 20 {
			t.Errorf("sent again %d times in forty minutes", n)
		}
		pass(2 * time.Hour)
		x.bob.way.Partition("", false)
		pass(time.Minute)
		want(t, "bob", x.bob.texts(x.id), []string{"lost"})
	})
}

// The keys of the files of a message that goes, in whatever way, go with it.
func TestKeysOfSentFilesGoWithTheirMessage(t *testing.T) {
	for way, goes := range map[string]func(*testing.T, *trio, chat.Message) error{
		"deleted for everybody": func(t *testing.T, x *trio, m chat.Message) error {
			return x.alice.Messages().Delete(t.Context(), x.id, m.ID)
		},
		"forgotten":    func(_ *testing.T, x *trio, m chat.Message) error { return x.alice.Messages().Forget(x.id, m.ID) },
		"disappearing": func(*testing.T, *trio, chat.Message) error { return nil },
	} {
		t.Run(way, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				x := newTrio(t, true)
				if way == "disappearing" {
					must(t, x.alice.Groups().SetTimer(t.Context(), x.id, time.Hour))
					pass(time.Minute)
				}
				m := x.sendFile(t, "a file")
				pass(time.Minute)
				if n := client.SentFiles(t, x.alice.Client, x.id); n != 1 {
					t.Fatalf("%d files could be sent again", n)
				}
				must(t, goes(t, x, m))
				pass(2 * time.Hour)
				if n := client.SentFiles(t, x.alice.Client, x.id); n != 0 {
					t.Errorf("the keys of %d files are still there", n)
				}
			})
		})
	}
}

// Several devices post what a restored server lost at the same time. One that finds
// its own epoch there, which it did not a moment ago, has not been left behind.
func TestSeveralRepairAServer(t *testing.T) {
	for wait := time.Duration(0); wait < 6*time.Second; wait += 200 * time.Millisecond {
		t.Run(wait.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				x := newTrio(t, true)
				server := x.net.Server(host)
				backup := server.Backup()
				x.mallory.way.Partition("", true)
				for _, title := range []string{"one", "two", "three"} {
					must(t, x.alice.Groups().Rename(t.Context(), x.id, title))
					pass(time.Minute)
				}
				x.alice.say(x.id, "lost")
				pass(time.Minute)
				x.bob.way.Partition("", true)
				x.alice.way.Delay(time.Second)
				server.Restore(backup, false)
				pass(wait)
				x.bob.way.Partition("", false)
				pass(time.Minute)
				x.alice.way.Delay(0)
				x.mallory.way.Partition("", false)
				pass(20 * time.Minute)
				for _, p := range []*person{x.alice, x.bob, x.mallory} {
					if c := p.status(x.id); c.Status != chat.StatusActive {
						t.Errorf("%s: %s (%s)", p.Address(), c.Status, c.Reason.Text)
					}
					if n := count(p.texts(x.id), "lost"); n != 1 {
						t.Errorf("%s has it %d times", p.Address(), n)
					}
				}
			})
		})
	}
}
