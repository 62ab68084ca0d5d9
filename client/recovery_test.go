// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"crypto/rand"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/protocol"
)

func newRecovery(t testing.TB) account.RecoverySecret {
	t.Helper()
	secret, err := account.NewRecoverySecret(rand.Reader)
	must(t, err)
	return secret
}

// TestRecoveryKeyIsReplaced replaces a recovery key twice: the newest is accepted, the
// older ones are refused by the day on which they were replaced, and contacts go on
// to see the person as verified.
func TestRecoveryKeyIsReplaced(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		id := a.talkTo(b)
		must(t, a.People().MarkVerified(b.Address()))
		before, _, err := a.People().Safety(soon(t), b.Address())
		must(t, err)
		first, second, third := b.key, newRecovery(t), newRecovery(t)
		must(t, b.Account().CheckRecovery(soon(t), first))
		if err := b.Account().CheckRecovery(soon(t), second); !errors.Is(err, chat.ErrOtherKey) {
			t.Errorf("a key of nobody: %v", err)
		}
		pass(time.Hour)
		must(t, b.Account().ReplaceRecovery(soon(t), first, second))
		when := time.Now()
		pass(time.Hour)
		replaced := new(chat.ReplacedKeyError)
		if err := b.Account().ReplaceRecovery(soon(t), first, third); !errors.As(err, &replaced) {
			t.Errorf("replaced with a key that was replaced: %v", err)
		}
		if err := b.Account().ReplaceRecovery(soon(t), second, first); err == nil {
			t.Error("a key came back")
		}
		must(t, b.Account().ReplaceRecovery(soon(t), second, third))
		b.restart()
		must(t, b.Account().CheckRecovery(soon(t), third))
		if err := b.Account().CheckRecovery(soon(t), first); !errors.As(err, &replaced) || replaced.At.Sub(when).Abs() > time.Minute {
			t.Errorf("the first key: %v, replaced at %s", err, when)
		}

		after, verified, err := a.People().Safety(soon(t), b.Address())
		must(t, err)
		if !verified || after != before {
			t.Errorf("verified %t; the safety number stays: %t", verified, after == before)
		}
		a.say(id, "still you")
		pass(time.Minute)
		want(t, "bob", b.texts(id), []string{"hello", "hi", "still you"})
	})
}

// TestReplacedRecoveryKeySurvivesFailures replaces a recovery key while the request or
// its answer is lost: the change takes effect once, when the server is reached.
func TestReplacedRecoveryKeySurvivesFailures(t *testing.T) {
	for name, fault := range map[string]fakeserver.Verdict{"request lost": {DropBefore: true}, "answer lost": {DropAfter: true}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				net := fakeserver.NewNet()
				b := join(t, net, "bob", host)
				net.Server(host).SetFaults(fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) fakeserver.Verdict {
					if op == protocol.OpAccountAppend {
						return fault
					}
					return fakeserver.Verdict{}
				}})
				next := newRecovery(t)
				if err := b.Account().ReplaceRecovery(soon(t), b.key, next); !errors.Is(err, backend.ErrOffline) || !errors.Is(err, chat.ErrNewKeyWaits) {
					t.Fatalf("without an answer: %v", err)
				}
				b.Close()
				net.Server(host).SetFaults(fakeserver.Faults{})
				b.restart()
				must(t, b.Sync(soon(t)))
				must(t, b.Account().CheckRecovery(soon(t), next))
				if n := len(net.Server(host).Statements("bob")); n != 2 {
					t.Errorf("the chain has %d statements", n)
				}
			})
		})
	}
}

// TestRecoveryKeyIsReplacedOffline replaces a recovery key while the server is away:
// the change is kept, no second one takes its place, and it takes effect when the
// server is back.
func TestRecoveryKeyIsReplacedOffline(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		b := join(t, net, "bob", host)
		b.way.Partition("", true)
		next := newRecovery(t)
		if err := b.Account().ReplaceRecovery(soon(t), newRecovery(t), next); !errors.Is(err, chat.ErrOtherKey) || errors.Is(err, chat.ErrNewKeyWaits) {
			t.Errorf("with another key: %v", err)
		}
		if waits, err := b.Account().RecoveryWaits(); waits || err != nil {
			t.Errorf("a refused change waits: %t, %v", waits, err)
		}
		if err := b.Account().ReplaceRecovery(soon(t), b.key, next); !errors.Is(err, chat.ErrNewKeyWaits) {
			t.Fatalf("without a server: %v", err)
		}
		if waits, err := b.Account().RecoveryWaits(); !waits || err != nil {
			t.Errorf("the change waits: %t, %v", waits, err)
		}
		replaced := new(chat.ReplacedKeyError)
		if err := b.Account().CheckRecovery(soon(t), b.key); !errors.As(err, &replaced) || !errors.Is(err, backend.ErrOffline) {
			t.Errorf("the old key: %v", err)
		}
		if err := b.Account().CheckRecovery(soon(t), next); !errors.Is(err, backend.ErrOffline) || errors.Is(err, chat.ErrOtherKey) {
			t.Errorf("the new key: %v", err)
		}
		if err := b.Account().ReplaceRecovery(soon(t), next, newRecovery(t)); !errors.Is(err, backend.ErrOffline) || errors.Is(err, chat.ErrNewKeyWaits) {
			t.Errorf("a second change: %v", err)
		}
		b.restart()
		b.way.Partition("", false)
		must(t, b.Account().CheckRecovery(soon(t), next))
		if waits, err := b.Account().RecoveryWaits(); waits || err != nil {
			t.Errorf("a change that took effect waits: %t, %v", waits, err)
		}
		if n := len(net.Server(host).Statements("bob")); n != 2 {
			t.Errorf("the chain has %d statements", n)
		}
	})
}

// TestServerThatLostAStatementGetsItAgain restores a server from before a recovery key
// was replaced, and one that lost everything: the old key does not come back.
func TestServerThatLostAStatementGetsItAgain(t *testing.T) {
	for name, restore := range map[string]func(*fakeserver.Server, fakeserver.Backup){
		"restored": func(s *fakeserver.Server, b fakeserver.Backup) { s.Restore(b, false) },
		"emptied":  func(s *fakeserver.Server, _ fakeserver.Backup) { s.Lose() },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				net := fakeserver.NewNet()
				s := net.Server(host)
				a, b := join(t, net, "alice", "there.example"), join(t, net, "bob", host)
				old := s.Backup()
				next := newRecovery(t)
				must(t, b.Account().ReplaceRecovery(soon(t), b.key, next))
				_, err := a.People().Resolve(soon(t), b.Address())
				must(t, err)
				want := s.Statements("bob")
				b.Close()
				restore(s, old)
				pass(time.Hour)         // alice connects again
				if name == "restored" { // what the server tells less than was known does not count
					chain, err := a.People().Resolve(soon(t), b.Address())
					must(t, err)
					if chain.Len() != len(want) {
						t.Errorf("alice has %d statements of bob's chain", chain.Len())
					}
				}
				b.open()
				b.Account().Connect()
				if name == "emptied" {
					must(t, b.Account().RegisterAgain(soon(t), ""))
				}
				must(t, b.Account().CheckRecovery(soon(t), next))
				if got := s.Statements("bob"); len(got) != 2 || !slices.EqualFunc(got, want, slices.Equal) {
					t.Errorf("the server has %d statements", len(got))
				}
				_, err = a.People().Resolve(soon(t), b.Address())
				must(t, err)
			})
		})
	}
}

// TestForkedOwnChainIsTold has a server show a chain that goes on in another way than
// the device knows: it is refused, and the person is told.
func TestForkedOwnChainIsTold(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		b := join(t, net, "bob", host)
		first := net.Server(host).Statements("bob")
		fork := slices.Concat(first, [][]byte{rotation(t, b.Address(), first, b.key, newRecovery(t))})
		must(t, b.Account().ReplaceRecovery(soon(t), b.key, newRecovery(t)))
		net.Server(host).SetFaults(fakeserver.Faults{Account: func(string, [][]byte) [][]byte { return fork }})
		b.failed()
		b.restart()
		pass(time.Minute)
		if got := b.failed(); len(got) != 1 || !errors.Is(got[0], chat.ErrImpostor) {
			t.Errorf("bob was told %v", got)
		}
		if err := b.Account().CheckRecovery(soon(t), b.key); !errors.Is(err, chat.ErrImpostor) {
			t.Errorf("checked: %v", err)
		}
		must(t, b.Sync(soon(t))) // letters come nevertheless
	})
}

// rotation returns the statement that replaces a recovery key in a chain.
func rotation(t testing.TB, a account.Address, statements [][]byte, current, next account.RecoverySecret) []byte {
	t.Helper()
	chain, err := account.Verify(a, statements)
	must(t, err)
	key, err := next.PublicKey()
	must(t, err)
	draft, err := chain.State().Draft(time.Now(), account.RotateRecovery{RecoveryKey: key})
	must(t, err)
	byCurrent, err := draft.SignRecovery(current)
	must(t, err)
	byNext, err := draft.SignRecovery(next)
	must(t, err)
	statement, err := draft.Statement(byCurrent, byNext)
	must(t, err)
	return statement
}
