// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/client/letter"
	"github.com/securecrypt/securecrypt/protocol"
)

// An honest invitation, too large for a letter, shows within ten seconds behind
// 200 letters that lead nowhere: to hosts that do not answer, or to large blobs
// at the own server.
func TestJunkLettersHoldUpNobody(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		bob, alice := join(t, net, "bob", host), join(t, net, "alice", host)
		m := bob.metered()
		m.swallows = func(h string) bool { return h != host }
		big := plantBlob(t, net, 16<<20)
		bob.way.Partition("", true)
		for i := range 200 {
			in := junk()
			in.Host = "evil.example"
			if i%2 == 0 {
				in.Host, in.Stash = host, &big
			}
			net.Server(host).InjectLetter("bob", sealed(t, net, "bob", in))
		}
		crowded := []account.Address{bob.Address()}
		for i := range 40 {
			p := join(t, net, fmt.Sprintf("other%d", i), host)
			crowded = append(crowded, p.Address())
			p.Close()
		}
		id, err := alice.CreateGroup(t.Context(), "Large", crowded)
		must(t, err)
		must(t, alice.ConnectConversation(id))
		must(t, alice.WaitUntilSent(soon(t), id))
		bob.way.Partition("", false)
		began := time.Now()
		for bob.has(id) == nil && time.Since(began) < time.Hour {
			pass(100 * time.Millisecond)
		}
		if c := bob.status(id); c.Status != chat.StatusRequest || time.Since(began) > 10*time.Second {
			t.Errorf("the invitation came after %v: %v", time.Since(began), c.Status)
		}
		if n := m.foreign(); n != 0 {
			t.Errorf("%d contacts with other hosts", n)
		}
		t.Logf("after %v", time.Since(began))
	})
}

// has returns the conversation, nil if there is none.
func (p *person) has(id chat.ConversationID) *chat.Conversation {
	c, err := p.Conversation(id)
	if err != nil {
		return nil
	}
	return &c
}

// What letters have a device download is bounded, whoever sends them and
// however often the program starts: 32 MiB a day for one sender, 64 MiB for all
// who are no contacts, nothing for somebody who is blocked.
func TestLettersCostBoundedDownloads(t *testing.T) {
	for name, one := range map[string]struct {
		senders int // 0: nobody signs
		block   bool
		most    int64
	}{
		"from nobody":           {0, false, 34 << 20},
		"from one":              {1, false, 34 << 20},
		"from forty":            {40, false, 67 << 20},
		"from somebody blocked": {1, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				net := fakeserver.NewNet()
				bob := join(t, net, "bob", host)
				m := bob.metered()
				if one.block {
					must(t, bob.People().Block(t.Context(), account.Address{Name: "mallory0", Host: "evil.example"}))
				}
				big := plantBlob(t, net, 16<<20)
				for i := range 40 {
					in := junk()
					in.Host, in.Stash = host, &big
					if one.senders > 0 {
						signAs(t, &in, net, "bob", fmt.Sprintf("mallory%d@evil.example", i%one.senders), i%one.senders)
					}
					net.Server(host).InjectLetter("bob", sealed(t, net, "bob", in))
				}
				for range 3 {
					pass(20 * time.Minute)
					bob.restart()
				}
				must(t, bob.Sync(soon(t)))
				if m.fetched > one.most {
					t.Errorf("%d bytes were fetched, at most %d should be", m.fetched, one.most)
				}
				t.Logf("%d MiB fetched", m.fetched>>20)
			})
		})
	}
}

// An invitation into a large group is not lost by a server that hands out no
// files for a while.
func TestTreesAreWaitedFor(t *testing.T) {
	for name, why := range map[string]error{
		"out of reach": fmt.Errorf("%w: no route", backend.ErrOffline),
		"busy":         &protocol.Error{Code: protocol.CodeUnavailable, RetryAfter: 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				net := fakeserver.NewNet()
				bob, alice := join(t, net, "bob", host), join(t, net, "alice", host)
				crowded := []account.Address{bob.Address()}
				for i := range 40 {
					p := join(t, net, fmt.Sprintf("other%d", i), host)
					crowded = append(crowded, p.Address())
					p.Close()
				}
				net.Server(host).SetFaults(fakeserver.Faults{Blob: func(who, _ string) error {
					if who == "bob" {
						return why
					}
					return nil
				}})
				id, err := alice.CreateGroup(t.Context(), "Large", crowded)
				must(t, err)
				must(t, alice.ConnectConversation(id))
				must(t, alice.WaitUntilSent(soon(t), id))
				pass(time.Hour)
				if bob.has(id) != nil {
					t.Fatal("the tree was in the letter")
				}
				net.Server(host).SetFaults(fakeserver.Faults{})
				pass(10 * time.Minute)
				if bob.has(id) == nil {
					t.Error("the invitation is lost")
				}
			})
		})
	}
}

// junk is an invitation that leads nowhere and cannot be told from an honest
// one before its tree was fetched.
func junk() letter.Invitation {
	return letter.Invitation{
		Host: host, Channel: protocol.ChannelID{1}, Welcome: make([]byte, 300),
		Stash: &envelope.Stash{Blob: protocol.BlobID{7}, Size: 100 << 10},
	}
}

// anotherDevice returns the only device of an account.
func device(t *testing.T, net *fakeserver.Net, name string) account.Device {
	t.Helper()
	chain, err := account.Verify(account.Address{Name: name, Host: host}, net.Server(host).Statements(name))
	must(t, err)
	return chain.Devices()[0]
}

// sealed seals an invitation to somebody at here.example.
func sealed(t *testing.T, net *fakeserver.Net, to string, in letter.Invitation) []byte {
	t.Helper()
	d := device(t, net, to)
	pub, err := d.MailboxKey.HPKE()
	must(t, err)
	b, err := letter.Seal(pub, protocol.DeviceID(d.ID()), in)
	must(t, err)
	return b
}

// signAs signs an invitation with the n-th key of some keys.
func signAs(t *testing.T, in *letter.Invitation, net *fakeserver.Net, to, address string, n int) {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = byte(n)
	in.Sign(protocol.DeviceID(device(t, net, to).ID()), address, ed25519.NewKeyFromSeed(seed))
}

// plantBlob uploads something to here.example that can be fetched and
// decrypted as a tree.
func plantBlob(t *testing.T, net *fakeserver.Net, size int) envelope.Stash {
	t.Helper()
	plain := make([]byte, size)
	hash := sha256.Sum256(plain)
	keys, err := attach.DeriveKeys(attach.NewSecret(), hash)
	must(t, err)
	box, err := attach.Seal(keys, plain)
	must(t, err)
	var token protocol.UploadToken
	token[0] = 1
	blobs := net.Transport("mallory").Blobs(host)
	_, err = blobs.Create(t.Context(), token, int64(len(box)), time.Hour)
	must(t, err)
	must(t, blobs.Append(t.Context(), token, 0, bytes.NewReader(box)))
	return envelope.Stash{Blob: token.BlobID(), Size: int64(size), Key: keys.Key, Nonce: keys.Nonce, Hash: hash}
}
