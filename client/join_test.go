// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/rawmember"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/letter"
	"github.com/securecrypt/securecrypt/client/store/memory"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// nowhere is a transport that reaches nothing.
type nowhere struct{}

func (nowhere) Dial(context.Context, string) (backend.Conn, error) { return nil, backend.ErrOffline }
func (nowhere) Blobs(string) backend.Blobs                         { return nil }

// lonely is a client, me@here, that reaches nobody.
func lonely(t testing.TB) *Client {
	t.Helper()
	cfg := Config{Store: memory.New(), Key: keyring.StoreKey{1}, Transport: nowhere{}}
	_, err := Create(cfg, CreateParams{Address: account.Address{Name: "me", Host: "here"}})
	fatal(t, err)
	c, err := Open(cfg)
	fatal(t, err)
	t.Cleanup(c.Close)
	return c
}

// offer makes a key package of a client.
func offer(t testing.TB, c *Client, lastResort bool) *mls.KeyPackage {
	t.Helper()
	var kp *mls.KeyPackage
	fatal(t, c.store.Update(func(tx *records.Tx) error {
		raw, err := c.home.NewKeyPackage(tx, lastResort)
		if err != nil {
			return err
		}
		kp, err = mls.ParseKeyPackage(raw)
		return err
	}))
	return kp
}

func invitation(t testing.TB, s *mls.StagedCommit, kp *mls.KeyPackage, channel protocol.ChannelID) letter.Invitation {
	t.Helper()
	welcome, err := s.Welcome(kp)
	fatal(t, err)
	return letter.Invitation{Version: 1, Host: "here", Channel: channel, Welcome: welcome, Tree: s.RatchetTree()}
}

func status(t testing.TB, c *Client, channel protocol.ChannelID) records.Conversation {
	t.Helper()
	var rec records.Conversation
	id := records.CID(c.store.Index(channel[:]))
	fatal(t, c.store.View(func(tx *records.Tx) error {
		_, err := tx.Load(records.Key(records.TableConversation, id[:]), &rec)
		return err
	}))
	return rec
}

func TestWelcomesThatLeadNowhere(t *testing.T) {
	channel := protocol.ChannelID{1}
	groupOf := func(owner string) rules.State {
		return rules.State{Version: records.Version, Host: "here", Group: true, Title: "T"}.WithRole(owner, chat.RoleOwner)
	}
	direct := rules.State{Version: records.Version, Host: "here"}.WithRole("bob@here", chat.RoleOwner)
	for name, one := range map[string]struct {
		state  rules.State
		others []string
		change func(*letter.Invitation)
		known  bool // bob is a contact, of other keys
		block  bool
		want   chat.Status // 0: refused
	}{
		"a stranger's group":    {state: groupOf("bob@here"), want: chat.StatusRequest},
		"in a contact's name":   {state: groupOf("bob@here"), known: true, want: chat.StatusRequest},
		"a conversation":        {state: direct, want: chat.StatusRequest},
		"another channel":       {state: groupOf("bob@here"), change: func(in *letter.Invitation) { in.Channel[5]++ }},
		"another host":          {state: groupOf("bob@here"), change: func(in *letter.Invitation) { in.Host = "there" }},
		"another tree":          {state: groupOf("bob@here"), change: func(in *letter.Invitation) { in.Tree = in.Tree[:len(in.Tree)-1] }},
		"no tree":               {state: groupOf("bob@here"), change: func(in *letter.Invitation) { in.Tree = nil }},
		"no welcome":            {state: groupOf("bob@here"), change: func(in *letter.Invitation) { in.Welcome = []byte{1, 2} }},
		"from a member":         {state: groupOf("eve@here"), others: []string{"eve@here"}},
		"three of two":          {state: direct, others: []string{"eve@here"}},
		"in one's own name":     {state: groupOf("bob@here"), others: []string{"me@here"}},
		"from a blocked person": {state: groupOf("bob@here"), block: true},
		"without a state":       {state: rules.State{Version: 9}},
	} {
		t.Run(name, func(t *testing.T) {
			c := lonely(t)
			bob := rawmember.New(t, "bob@here")
			fatal(t, c.store.Update(func(tx *records.Tx) error {
				return records.SaveContact(tx, records.Contact{Version: 1, Address: bob.Address, Known: one.known, Blocked: one.block})
			}))
			bob.Create(t, one.state, channel[:]...)
			kp := offer(t, c, false)
			kps := []*mls.KeyPackage{kp}
			for _, o := range one.others {
				other, _ := rawmember.New(t, o).KeyPackage(t)
				kps = append(kps, other)
			}
			in := invitation(t, bob.Invite(t, kps...), kp, channel)
			if one.change != nil {
				one.change(&in)
			}
			_, err := c.home.Join(in, 1)
			if got := status(t, c, channel).Status; got != one.want || (err == nil) != (one.want != 0) {
				t.Errorf("status %v, error %v", got, err)
			}
			if err != nil && (link.Retryable(err) || errors.Is(err, records.ErrStore)) {
				t.Errorf("%v would be tried again", err)
			}
		})
	}
}

// A welcome works once, also one for the key package of last resort, and never
// leads back.
func TestWelcomesWorkOnce(t *testing.T) {
	channel := protocol.ChannelID{1}
	for _, lastResort := range []bool{false, true} {
		c := lonely(t)
		bob := rawmember.New(t, "bob@here")
		bob.Create(t, rules.State{Version: 1, Host: "here", Group: true}.WithRole("bob@here", chat.RoleOwner), channel[:]...)
		kp := offer(t, c, lastResort)
		in := invitation(t, bob.Invite(t, kp), kp, channel)
		_, err := c.home.Join(in, 1)
		fatal(t, err)
		for _, s := range []chat.Status{chat.StatusRequest, chat.StatusActive, chat.StatusLeft, chat.StatusRemoved, chat.StatusLost, chat.StatusStopped} {
			rec := status(t, c, channel)
			rec.Status = s
			id := records.CID(c.store.Index(channel[:]))
			fatal(t, c.store.Update(func(tx *records.Tx) error { return tx.Save(records.Key(records.TableConversation, id[:]), &rec) }))
			if _, err := c.home.Join(in, 2); err == nil {
				t.Errorf("last resort %v, %v: joined again", lastResort, s)
			}
		}
		again := offer(t, c, false)
		_, _, err = bob.Group.Stage(mls.CommitOptions{Now: time.Now(), Remove: []mls.LeafIndex{1}})
		fatal(t, err)
		_, err = bob.Group.Apply(bob.Group.PendingCommit())
		fatal(t, err)
		_, err = c.home.Join(invitation(t, bob.Invite(t, again), again, channel), 3)
		if got := status(t, c, channel).Status; err != nil || got != chat.StatusRequest {
			t.Errorf("added again: %v, %v", got, err)
		}
	}
}

// Somebody who claims to be a peer does not take the place of the conversation
// with that peer.
func TestDirectConversationsAreNotHijacked(t *testing.T) {
	c := lonely(t)
	state := rules.State{Version: 1, Host: "here"}.WithRole("bob@here", chat.RoleOwner)
	peer := account.Address{Name: "bob", Host: "here"}
	var first chat.ConversationID
	for n := range byte(2) {
		channel := protocol.ChannelID{n}
		bob := rawmember.New(t, "bob@here")
		bob.Create(t, state, channel[:]...)
		kp := offer(t, c, false)
		_, err := c.home.Join(invitation(t, bob.Invite(t, kp), kp, channel), uint64(n))
		fatal(t, err)
		if n == 0 {
			first = chat.IDOf(channel)
		}
		if got, err := c.directWith(peer); err != nil || got != first {
			t.Errorf("after welcome %d the conversation is %v, %v", n, got, err)
		}
	}
}

// Whoever writes in the name of a contact, with other keys, asks as a stranger
// does, and is shown by the address that they claim: not by the contact's name,
// and not as verified.
func TestClaimsAreShownAsSuch(t *testing.T) {
	c := lonely(t)
	who := account.Address{Name: "bob", Host: "here"}
	_, key, err := ed25519.GenerateKey(nil)
	fatal(t, err)
	recovery, err := account.NewRecoverySecret(rand.Reader)
	fatal(t, err)
	mine, err := c.home.Chain()
	fatal(t, err)
	statement, err := account.Create(account.CreateParams{
		Address: who, Time: time.Now(), DeviceKey: key, MailboxKey: mine.Devices()[0].MailboxKey, Recovery: recovery,
	})
	fatal(t, err)
	chain, err := account.Verify(who, [][]byte{statement})
	fatal(t, err)
	head := chain.Head()
	fatal(t, c.store.Update(func(tx *records.Tx) error {
		return errors.Join(records.PinChain(tx, chain), records.SaveContact(tx, records.Contact{
			Version: 1, Address: who.String(), Known: true, Name: "My brother", Verified: head[:],
		}))
	}))
	if k, err := c.People().Contact(who); err != nil || !k.Verified {
		t.Fatalf("%+v, %v", k, err)
	}
	channel := protocol.ChannelID{1}
	impostor := rawmember.New(t, who.String())
	impostor.Create(t, rules.State{Version: records.Version, Host: "here"}.WithRole(who.String(), chat.RoleOwner), channel[:]...)
	kp := offer(t, c, false)
	_, err = c.home.Join(invitation(t, impostor.Invite(t, kp), kp, channel), 1)
	fatal(t, err)
	conv, err := c.Conversation(chat.IDOf(channel))
	fatal(t, err)
	if conv.Status != chat.StatusRequest || conv.Confirmed || conv.Verified || conv.Name != who.String() {
		t.Errorf("%v, confirmed %v, verified %v, %q", conv.Status, conv.Confirmed, conv.Verified, conv.Name)
	}
}
