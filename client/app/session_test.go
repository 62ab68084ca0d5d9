// SPDX-License-Identifier: AGPL-3.0-or-later

package app_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/app"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/protocol"
)

func TestProfileWithoutPassphrase(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		u := newUser(t, net, "ana")
		u.phase(app.PhaseNone)
		u.fails(app.CodePhase, "conversations", app.None{})
		u.create("ana", "")
		u.fails(app.CodePhase, "create", app.Create{Host: host})
		u.fails(app.CodePhase, "lock", app.None{})
		u.restart()
		if s := u.phase(app.PhaseOpen); s.Address != "ana@"+host || s.Name != "Ms ana" || s.Protected {
			t.Errorf("after a restart: %+v", s)
		}
	})
}

// What no interface looks at is closed; whoever comes next finds it as after a start.
func TestRest(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		u := newUser(t, net, "ana")
		do[app.None](u, "rest", app.None{})
		u.phase(app.PhaseNone)
		u.create("ana", "")
		do[app.None](u, "rest", app.None{})
		u.fails(app.CodePhase, "conversations", app.None{})
		u.phase(app.PhaseOpen)
		do[app.None](u, "setPassphrase", app.Passphrase{New: "battery"})
		do[app.None](u, "rest", app.None{})
		u.phase(app.PhaseLocked)
		do[app.Session](u, "unlock", app.Secret{Passphrase: "battery"})
		u.phase(app.PhaseOpen)
	})
}

// A recovery key is there until it was noted, whatever happens before, and for
// nobody else.
func TestRecoveryIsKeptUntilNoted(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		u := newUser(t, net, "ana")
		u.fails(app.CodePhase, "recoveryNoted", app.None{})
		key := u.create("ana", "mine").Recovery
		u.restart()
		if s := u.phase(app.PhaseLocked); s.Recovery != "" {
			t.Error("a locked profile tells its recovery key")
		}
		if s := do[app.Session](u, "unlock", app.Secret{Passphrase: "mine"}); s.Recovery != key {
			t.Errorf("after a restart it is %q, not %q", s.Recovery, key)
		}
		if s := do[app.Session](u, "recoveryNoted", app.None{}); s.Recovery != "" || s.Phase != app.PhaseOpen {
			t.Errorf("noted: %+v", s)
		}
		do[app.None](u, "setDuress", app.Secret{Passphrase: "theirs"})
		u.restart()
		if s := do[app.Session](u, "unlock", app.Secret{Passphrase: "theirs"}); s.Recovery != "" {
			t.Error("who unlocks under duress is shown a recovery key")
		}
	})
}

func TestPassphrase(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		u := newUser(t, net, "ana")
		u.create("ana", "correct horse")
		u.restart()
		if s := u.phase(app.PhaseLocked); s.Address != "" || s.Name != "" {
			t.Errorf("a locked profile tells %+v", s)
		}
		u.fails(app.CodePassphrase, "unlock", app.Secret{Passphrase: "wrong"})
		do[app.Session](u, "unlock", app.Secret{Passphrase: "correct horse"})
		u.phase(app.PhaseOpen)
		told[app.SessionChanged](u)
		do[app.Session](u, "lock", app.None{})
		u.phase(app.PhaseLocked)
		if got := told[app.SessionChanged](u); len(got) != 1 || got[0].Session.Phase != app.PhaseLocked {
			t.Errorf("interfaces were told %+v", got)
		}
		u.fails(app.CodePhase, "conversations", app.None{})
		do[app.Session](u, "unlock", app.Secret{Passphrase: "correct horse"})

		u.fails(app.CodePassphrase, "setPassphrase", app.Passphrase{Old: "wrong", New: "battery"})
		do[app.None](u, "setPassphrase", app.Passphrase{Old: "correct horse", New: "battery"})
		u.restart()
		u.fails(app.CodePassphrase, "unlock", app.Secret{Passphrase: "correct horse"})
		do[app.Session](u, "unlock", app.Secret{Passphrase: "battery"})
		do[app.None](u, "setPassphrase", app.Passphrase{Old: "battery"})
		u.restart()
		u.phase(app.PhaseOpen)
	})
}

// The passphrase of duress opens an empty profile, whether the server can be
// reached and whatever it says to new accounts. The old one is gone for good.
func TestDuress(t *testing.T) {
	for _, c := range []struct {
		name    string
		offline bool
		server  fakeserver.Verdict // on registering
	}{
		{name: "on line"},
		{name: "off line", offline: true},
		{name: "by invitation", server: fakeserver.Verdict{Refuse: &protocol.Error{Code: protocol.CodeInviteRequired}}},
		{name: "closed", server: fakeserver.Verdict{Refuse: &protocol.Error{Code: protocol.CodeRegistrationClosed}}},
		{name: "limited", server: fakeserver.Verdict{Refuse: &protocol.Error{Code: protocol.CodeRateLimited, RetryAfter: time.Hour}}},
		{name: "silent", server: fakeserver.Verdict{Silent: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, net *fakeserver.Net) {
				u := newUser(t, net, "ana")
				u.create("ana", "mine")
				before := len(u.device.keys)
				u.fails(app.CodeUsed, "setDuress", app.Secret{Passphrase: "mine"})
				do[app.None](u, "setDuress", app.Secret{Passphrase: "theirs"})
				if len(u.device.keys) != before {
					t.Error("the keys tell whether there is a passphrase of duress")
				}
				old := bytes.Clone(u.device.keys)
				u.restart()
				u.way.Partition("", c.offline)
				net.Server(host).SetFaults(fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) (v fakeserver.Verdict) {
					if op == protocol.OpRegister {
						v = c.server
					}
					return v
				}})
				u.fails(app.CodePassphrase, "unlock", app.Secret{Passphrase: "nobody's"})
				begun := time.Now()
				s := do[app.Session](u, "unlock", app.Secret{Passphrase: "theirs"})
				if waited := time.Since(begun); s.Phase != app.PhaseOpen || s.Address == "ana@"+host || waited > 0 {
					t.Errorf("under duress, after %v: %+v", waited, s)
				}
				if len(u.device.kept) != 2 || bytes.Equal(u.device.keys, old) {
					t.Error("the old store or its key is still there")
				}
				pass(time.Minute)
				if s := u.phase(app.PhaseOpen); s.Registered != (!c.offline && c.server == fakeserver.Verdict{}) {
					t.Errorf("a minute later: %+v", s)
				}
				if said := told[app.Failure](u); len(said) > 0 {
					t.Errorf("interfaces were told %+v", said)
				}
				u.restart()
				u.fails(app.CodePassphrase, "unlock", app.Secret{Passphrase: "mine"})
				if again := do[app.Session](u, "unlock", app.Secret{Passphrase: "theirs"}); again.Address != s.Address {
					t.Errorf("the second time it is %s", again.Address)
				}
			})
		})
	}
}

func TestErase(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		u := newUser(t, net, "ana")
		u.create("ana", "mine")
		do[app.Session](u, "lock", app.None{})
		do[app.Session](u, "erase", app.None{})
		u.phase(app.PhaseNone)
		if u.device.keys != nil || u.device.store != nil {
			t.Error("something is left")
		}
		u.create("bea", "")
	})
}

// An account that the server does not want leaves nothing behind.
func TestCreateRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		newUser(t, net, "ana").create("ana", "")
		u := newUser(t, net, "other")
		u.fails(app.CodeTaken, "create", app.Create{Host: host, Name: "ana"})
		u.fails(app.CodeInput, "create", app.Create{Host: host, Name: "Not A Name"})
		u.way.Partition("", true)
		u.fails(app.CodeOffline, "create", app.Create{Host: host, Name: "bea"})
		u.phase(app.PhaseNone)
		if u.device.keys != nil || u.device.store != nil {
			t.Error("something is left")
		}
		u.way.Partition("", false)
		u.create("bea", "")
	})
}

func TestDamagedKeys(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		u := newUser(t, net, "ana")
		u.create("ana", "")
		u.device.keys[len(u.device.keys)-1]++
		u.device.keys[0] = 0
		damaged := u.device.keys
		u.restart()
		u.fails(app.CodeFailed, "hello", app.None{})
		u.fails(app.CodePhase, "create", app.Create{Host: host})
		u.fails(app.CodePhase, "unlock", app.Secret{})
		if !bytes.Equal(u.device.keys, damaged) {
			t.Error("damaged keys are overwritten")
		}
		do[app.Session](u, "erase", app.None{})
		u.phase(app.PhaseNone)
		u.create("bea", "")
	})
}

// Where the store is gone and its key is not, that is said, and nothing is made
// in its place before somebody wants that.
func TestStoreIsGone(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		u := newUser(t, net, "ana")
		u.create("ana", "")
		u.device.store = nil
		u.restart()
		u.fails(app.CodeLost, "hello", app.None{})
		u.fails(app.CodePhase, "create", app.Create{Host: host})
		do[app.Session](u, "erase", app.None{})
		u.create("bea", "")
	})
}

// A store that somebody else does not let go of is not waited for without end.
func TestStoreIsInUse(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		u := newUser(t, net, "ana")
		u.create("ana", "")
		u.device.taken = true
		u.restart()
		u.fails(app.CodeInUse, "hello", app.None{})
		u.device.taken = false
		u.phase(app.PhaseOpen)
	})
}

// Whatever ends a surrender in the middle, the next unlocking goes on with it,
// and the old passphrase opens nothing any more.
func TestDuressIsInterrupted(t *testing.T) {
	for at, steps := range []string{"erase", "open", "keys", "open again"} {
		t.Run(steps, func(t *testing.T) {
			inBubble(t, func(t *testing.T, net *fakeserver.Net) {
				u := newUser(t, net, "ana")
				u.create("ana", "mine")
				do[app.None](u, "setDuress", app.Secret{Passphrase: "theirs"})
				u.restart()
				done := 0
				u.device.fault = func(string) error {
					if done++; done > at+1 { // the keys come first
						return errors.New("the device ended")
					}
					return nil
				}
				u.fails(app.CodeFailed, "unlock", app.Secret{Passphrase: "theirs"})
				u.device.fault = nil
				u.restart()
				u.phase(app.PhaseLocked)
				u.fails(app.CodePassphrase, "unlock", app.Secret{Passphrase: "mine"})
				if s := do[app.Session](u, "unlock", app.Secret{Passphrase: "theirs"}); s.Phase != app.PhaseOpen || s.Address == "ana@"+host {
					t.Errorf("it opens %+v", s)
				}
				u.restart()
				do[app.Session](u, "unlock", app.Secret{Passphrase: "theirs"})
			})
		})
	}
}

// An account that was registered when the application ended is there the next
// time; one for which there was no room was never registered.
func TestCreateIsInterrupted(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		u := newUser(t, net, "ana")
		full := true
		u.device.fault = func(doing string) error {
			if full && doing == "keys" {
				full = false
				return backend.ErrFull
			}
			return nil
		}
		u.fails(app.CodeFull, "create", app.Create{Host: host, Name: "ana"})
		if u.device.store != nil || u.device.keys != nil {
			t.Error("something is left")
		}
		net.Server(host).SetFaults(fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) (v fakeserver.Verdict) {
			if op == protocol.OpRegister {
				v.Silent = true
				u.device.fault = func(string) error { return errors.New("the device ended") }
			}
			return v
		}})
		u.fails(app.CodeFailed, "create", app.Create{Host: host, Name: "ana"})
		net.Server(host).SetFaults(fakeserver.Faults{})
		u.device.fault = nil
		u.restart()
		pass(time.Minute)
		if s := u.phase(app.PhaseOpen); s.Address != "ana@"+host || !s.Registered {
			t.Errorf("after a restart: %+v", s)
		}
	})
}

// An account whose registration was not answered is kept, and goes on once the
// server answers.
func TestCreateIsNotAnswered(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		u := newUser(t, net, "ana")
		net.Server(host).SetFaults(fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) (v fakeserver.Verdict) {
			v.Silent = op == protocol.OpRegister
			return v
		}})
		if s := do[app.Session](u, "create", app.Create{Host: host, Name: "ana"}); s.Phase != app.PhaseOpen || s.Registered || s.Recovery == "" {
			t.Errorf("%+v", s)
		}
		net.Server(host).SetFaults(fakeserver.Faults{})
		u.restart()
		pass(time.Minute)
		if s := u.phase(app.PhaseOpen); s.Address != "ana@"+host || !s.Registered {
			t.Errorf("after a restart: %+v", s)
		}
	})
}

// Two people talk through their interfaces.
func TestTwoPeople(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		ana, bea := newUser(t, net, "ana"), newUser(t, net, "bea")
		ana.create("ana", "")
		bea.create("bea", "secret")
		do[app.Conversations](bea, "conversations", app.ListQuery{Recent: true}) // as an interface does at first
		ana.fails(app.CodeAddress, "direct", app.AddressRef{Address: "nonsense"})
		ana.fails(app.CodeNoPerson, "direct", app.AddressRef{Address: "nobody@" + host})
		with := do[app.ConversationRef](ana, "direct", app.AddressRef{Address: "bea@" + host})
		do[app.Sent](ana, "send", app.Send{Conversation: with.Conversation, Text: "hello *you*"})
		pass(0)

		list := do[app.Conversations](bea, "conversations", app.None{}).Conversations
		if len(list) != 1 || list[0].Status != chat.StatusRequest.String() || list[0].Inviter != "ana@"+host {
			t.Fatalf("bea sees %+v", list)
		}
		do[app.None](bea, "accept", app.ConversationRef{Conversation: list[0].ID})
		pass(0)
		page := do[app.Page](bea, "page", app.PageQuery{Conversation: list[0].ID, Where: app.Newest, Limit: 10})
		found := false
		for _, m := range page.Messages {
			found = found || m.Text == "hello *you*" && m.Author == "Ms ana" && m.State == chat.StateReceived.String()
		}
		if !found {
			t.Errorf("bea reads %+v", page.Messages)
		}
		if news := told[app.MessageChanged](bea); len(news) == 0 {
			t.Error("bea's interface was not told")
		}
	})
}

// A file arrives as it was, is shown from what the device keeps, and is gone if
// its message could not be sent.
func TestFiles(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		ana, bea := newUser(t, net, "ana"), newUser(t, net, "bea")
		ana.create("ana", "")
		bea.create("bea", "")
		with := do[app.ConversationRef](ana, "direct", app.AddressRef{Address: "bea@" + host})
		plain := bytes.Repeat([]byte("what the file says "), 50_000)
		send := app.Send{Conversation: with.Conversation, Files: []app.File{{Name: "notes.txt", Type: "text/plain"}}}
		raw, err := json.Marshal(send)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ana.Do(t.Context(), "send", raw, nil); err == nil {
			t.Error("a file that is not there is sent")
		}
		if _, err := ana.Do(t.Context(), "send", raw, []io.Reader{bytes.NewReader(plain)}); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		list := do[app.Conversations](bea, "conversations", app.None{}).Conversations
		do[app.None](bea, "accept", app.ConversationRef{Conversation: list[0].ID})
		pass(time.Minute)
		for _, u := range []*user{ana, bea} {
			page := do[app.Page](u, "page", app.PageQuery{Conversation: with.Conversation, Where: app.Newest, Limit: 10})
			i := slices.IndexFunc(page.Messages, func(m app.Message) bool { return len(m.Attachments) == 1 })
			if i < 0 {
				t.Fatalf("no attachment in %+v", page.Messages)
			}
			at := page.Messages[i].Attachments[0]
			if at.Name != "notes.txt" || at.Size != int64(len(plain)) {
				t.Errorf("the attachment is %+v", at)
			}
			ref, err := json.Marshal(app.AttachmentRef{Conversation: with.Conversation, Message: page.Messages[i].ID, Index: at.Index})
			if err != nil {
				t.Fatal(err)
			}
			answer, err := u.Do(t.Context(), "attachment", ref, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(answer.Body)
			if err != nil || !bytes.Equal(got, plain) || answer.Size != int64(len(plain)) {
				t.Errorf("read %d bytes of %d: %v", len(got), len(plain), err)
			}
			if err := answer.Body.Close(); err != nil {
				t.Error(err)
			}
		}
		do[app.None](ana, "leave", app.ConversationRef{Conversation: with.Conversation})
		pass(time.Minute)
		before := ana.device.size(t)
		if _, err := ana.Do(t.Context(), "send", raw, []io.Reader{bytes.NewReader(bytes.ToUpper(plain))}); err == nil {
			t.Error("something is sent to a conversation that was left")
		}
		if after := ana.device.size(t); after != before {
			t.Errorf("%d bytes remain of a file that was not sent", after-before)
		}
	})
}

// A passphrase of duress is shown to who has opened the profile, and removed by
// them or with the passphrase that it belongs to.
func TestDuressIsShownAndRemoved(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		u := newUser(t, net, "ana")
		u.create("ana", "mine")
		set := func(want bool) {
			t.Helper()
			if s := do[app.Session](u, "hello", app.None{}); s.Duress != want {
				t.Errorf("it says %v", s.Duress)
			}
		}
		set(false)
		do[app.None](u, "setDuress", app.Secret{Passphrase: "theirs"})
		set(true)
		do[app.Session](u, "lock", app.None{})
		set(false) // nothing is told before the profile is open
		do[app.Session](u, "unlock", app.Secret{Passphrase: "mine"})
		set(true)
		do[app.None](u, "setDuress", app.Secret{})
		set(false)
		do[app.None](u, "setDuress", app.Secret{Passphrase: "theirs"})
		do[app.None](u, "setPassphrase", app.Passphrase{Old: "mine", New: "my own"})
		set(false)
		do[app.Session](u, "lock", app.None{})
		u.fails(app.CodePassphrase, "unlock", app.Secret{Passphrase: "theirs"})
	})
}

// An interface that begins is told which servers cannot be reached.
func TestNewInterfacesHearOfServersThatAreAway(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		u := newUser(t, net, "ana")
		u.create("ana", "")
		pass(time.Minute)
		u.way.Partition("", true)
		u.way.Cut("")
		pass(time.Minute)
		told[app.Connection](u)
		do[app.Session](u, "hello", app.None{})
		pass(0)
		if got := told[app.Connection](u); len(got) != 1 || got[0].Online {
			t.Errorf("it is told %+v", got)
		}
		u.way.Partition("", false)
		pass(10 * time.Minute)
		told[app.Connection](u)
		do[app.Session](u, "hello", app.None{})
		pass(0)
		if got := told[app.Connection](u); len(got) != 0 {
			t.Errorf("later it is told %+v", got)
		}
	})
}
