// SPDX-License-Identifier: AGPL-3.0-or-later

package devicelink_test

import (
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/devicelink"
	"github.com/securecrypt/securecrypt/protocol"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newKeys(t testing.TB) (ed25519.PrivateKey, account.MailboxKey) {
	t.Helper()
	_, signing, err := ed25519.GenerateKey(nil)
	must(t, err)
	key, err := hpke.MLKEM768X25519().GenerateKey()
	must(t, err)
	mailbox, err := account.NewMailboxKey(key.PublicKey().Bytes())
	must(t, err)
	return signing, mailbox
}

// an owner is an account with one device.
type owner struct {
	signing ed25519.PrivateKey
	secret  account.RecoverySecret
	chain   *account.Chain
}

func newOwner(t testing.TB, name string) *owner {
	t.Helper()
	signing, mailbox := newKeys(t)
	secret, err := account.NewRecoverySecret(rand.Reader)
	must(t, err)
	address := account.Address{Name: name, Host: "here.example"}
	create, err := account.Create(account.CreateParams{Address: address, Time: time.Now(), DeviceKey: signing, MailboxKey: mailbox, Recovery: secret})
	must(t, err)
	chain, err := account.Verify(address, [][]byte{create})
	must(t, err)
	return &owner{signing, secret, chain}
}

// rotated returns the chain with another statement.
func (o *owner) rotated(t testing.TB) *account.Chain {
	t.Helper()
	next, err := account.NewRecoverySecret(rand.Reader)
	must(t, err)
	key, err := next.PublicKey()
	must(t, err)
	draft, err := o.chain.State().Draft(time.Now(), account.RotateRecovery{RecoveryKey: key})
	must(t, err)
	one, err := draft.SignRecovery(o.secret)
	must(t, err)
	two, err := draft.SignRecovery(next)
	must(t, err)
	statement, err := draft.Statement(one, two)
	must(t, err)
	chain, err := o.chain.Append(statement, time.Now())
	must(t, err)
	return chain
}

// a pair is both sides of one linking, whose messages pass through the encoding.
type pair struct {
	t        testing.TB
	owner    *owner
	meet     *devicelink.Rendezvous
	joiner   *devicelink.Joiner
	approver *devicelink.Approver
}

func newPair(t testing.TB) *pair {
	t.Helper()
	code, err := devicelink.NewCode("here.example", rand.Reader)
	must(t, err)
	return newPairWith(t, code, newOwner(t, "alice"))
}

func newPairWith(t testing.TB, code devicelink.Code, o *owner) *pair {
	t.Helper()
	p := &pair{t: t, owner: o}
	var err error
	p.meet, err = code.Rendezvous()
	must(t, err)
	signing, mailbox := newKeys(t)
	p.joiner, err = devicelink.NewJoiner(code, signing, mailbox, rand.Reader)
	must(t, err)
	p.approver, err = devicelink.NewApprover(code, o.chain, o.signing, rand.Reader)
	must(t, err)
	return p
}

// through returns a message as the other side opens it.
func (p *pair) through(m devicelink.Message) devicelink.Message {
	p.t.Helper()
	sealed, err := p.meet.Seal(m)
	must(p.t, err)
	got, err := p.meet.Open(sealed)
	must(p.t, err)
	if got.From() != m.From() || got.From() == 0 {
		p.t.Fatalf("said by %d, heard of %d", m.From(), got.From())
	}
	return got
}

// greet carries the handshake up to the digits.
func (p *pair) greet() {
	p.t.Helper()
	answer, err := p.approver.Committed(p.through(p.joiner.Commit()))
	must(p.t, err)
	address, err := p.joiner.Answered(p.through(answer))
	must(p.t, err)
	if address != p.owner.chain.Address() {
		p.t.Fatalf("joins %s", address)
	}
	must(p.t, p.joiner.Check(p.owner.chain))
	must(p.t, p.approver.Revealed(p.through(p.joiner.Reveal())))
}

func (p *pair) digits() string {
	p.t.Helper()
	digits, err := p.joiner.Digits()
	must(p.t, err)
	return digits
}

// add carries it on to the statement.
func (p *pair) add(chain *account.Chain) *account.Chain {
	p.t.Helper()
	draft, err := p.approver.Draft(chain, time.Now())
	must(p.t, err)
	signature, err := p.joiner.Sign(p.through(draft), chain)
	must(p.t, err)
	statement, ok, err := p.approver.Signed(p.through(signature))
	must(p.t, err)
	if !ok {
		p.t.Fatal("the signature is of another draft")
	}
	next, err := chain.Append(statement, time.Now())
	must(p.t, err)
	return next
}

func TestDeviceIsLinked(t *testing.T) {
	p := newPair(t)
	p.greet()
	must(t, p.approver.Confirm(strings.ReplaceAll(p.digits(), " ", "-")))
	chain := p.add(p.owner.chain)
	if _, live := chain.Device(p.joiner.Device().ID()); !live {
		t.Fatal("the device is not in the chain")
	}
	profile := strings.Repeat("Ä", chat.MaxTitle)
	welcome, err := p.approver.Welcome(devicelink.Given{Head: chain.Head(), Profile: profile})
	must(t, err)
	sealed, err := p.meet.Seal(welcome)
	must(t, err)
	if len(sealed) > protocol.MaxCiphertext {
		t.Errorf("the longest welcome has %d bytes", len(sealed))
	}
	given, err := p.joiner.Open(p.through(welcome))
	must(t, err)
	if given.Head != chain.Head() || given.Profile != profile {
		t.Errorf("%+v", given)
	}
}

// A chain that got another statement before the new device was added is followed.
func TestStaleChainIsDraftedAgain(t *testing.T) {
	p := newPair(t)
	p.greet()
	must(t, p.approver.Confirm(p.digits()))
	first, err := p.approver.Draft(p.owner.chain, time.Now())
	must(t, err)
	late, err := p.joiner.Sign(p.through(first), p.owner.chain)
	must(t, err)
	newer := p.owner.rotated(t)
	if _, err := p.joiner.Sign(p.through(first), newer); !errors.Is(err, chat.ErrLinkChain) {
		t.Errorf("a draft of an older chain: %v", err)
	}
	second, err := p.approver.Draft(newer, time.Now())
	must(t, err)
	follows, err := devicelink.DraftFollows(second)
	must(t, err)
	if follows != newer.Head() {
		t.Error("the draft follows another statement")
	}
	if _, ok, err := p.approver.Signed(p.through(late)); ok || err != nil {
		t.Errorf("the signature of the first draft: %t, %v", ok, err)
	}
	signature, err := p.joiner.Sign(p.through(second), newer)
	must(t, err)
	if _, ok, err := p.approver.Signed(p.through(signature)); !ok || err != nil {
		t.Errorf("the signature of the second draft: %t, %v", ok, err)
	}
}

func TestWrongDigitsEndIt(t *testing.T) {
	p := newPair(t)
	p.greet()
	wrong := "000 000"
	if p.digits() == wrong {
		wrong = "000 001"
	}
	for i := range devicelink.MaxAttempts {
		want := devicelink.ErrDigits
		if i == devicelink.MaxAttempts-1 {
			want = chat.ErrLinkDigits
		}
		if err := p.approver.Confirm(wrong); !errors.Is(err, want) {
			t.Errorf("attempt %d: %v", i, err)
		}
		if _, err := p.approver.Draft(p.owner.chain, time.Now()); err == nil {
			t.Fatal("a draft without the digits")
		}
		if _, err := p.approver.Welcome(devicelink.Given{}); err == nil {
			t.Fatal("a welcome without the digits")
		}
	}
	if err := p.approver.Confirm(p.digits()); !errors.Is(err, chat.ErrLinkDigits) {
		t.Errorf("the right digits after three wrong ones: %v", err)
	}
}

// An attacker who has the code and is between the devices makes them show different
// digits: it commits to its keys before it can know the digits.
func TestSwappedKeysShowOtherDigits(t *testing.T) {
	for _, swap := range []string{"device", "account"} {
		t.Run(swap, func(t *testing.T) {
			code, err := devicelink.NewCode("here.example", rand.Reader)
			must(t, err)
			o := newOwner(t, "alice")
			honest, middle := newPairWith(t, code, o), newPairWith(t, code, newOwner(t, "mallory"))
			// The approver speaks with the attacker's device, and the joiner with the
			// attacker's account, or with what the approver said to another device.
			answer, err := honest.approver.Committed(middle.joiner.Commit())
			must(t, err)
			must(t, honest.approver.Revealed(middle.joiner.Reveal()))
			if swap == "account" {
				answer, err = middle.approver.Committed(honest.joiner.Commit())
				must(t, err)
			}
			_, err = honest.joiner.Answered(answer)
			must(t, err)
			if err := honest.approver.Confirm(honest.digits()); err == nil {
				t.Error("the digits are the same")
			}
		})
	}
}

// A message that does not follow from the ones before is refused, also from a sender
// who has the code.
func TestHandshakeIsKeptTo(t *testing.T) {
	other := newPair(t)
	other.greet()
	cases := map[string]struct {
		want error
		do   func(p *pair) error
	}{
		"a second commit": {chat.ErrLinkUsed, func(p *pair) error {
			_, err := p.approver.Committed(other.joiner.Commit())
			return err
		}},
		"a commit after the keys": {chat.ErrLinkUsed, func(p *pair) error { return p.approver.Revealed(other.joiner.Commit()) }},
		"a second answer": {chat.ErrLinkUsed, func(p *pair) error {
			answer, err := newPair(t).approver.Committed(p.joiner.Commit())
			must(t, err)
			_, err = p.joiner.Answered(answer)
			return err
		}},
		"keys twice":   {chat.ErrLinkChanged, func(p *pair) error { return p.approver.Revealed(p.joiner.Reveal()) }},
		"no draft":     {chat.ErrLinkChanged, func(p *pair) error { _, err := p.joiner.Sign(p.joiner.Reveal(), p.owner.chain); return err }},
		"no signature": {chat.ErrLinkChanged, func(p *pair) error { _, _, err := p.approver.Signed(p.joiner.Reveal()); return err }},
		"a welcome before": {chat.ErrLinkChanged, func(p *pair) error {
			_, err := p.joiner.Open(devicelink.Message{Welcome: &devicelink.Welcome{}})
			return err
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			p.greet()
			if err := c.do(p); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	t.Run("other keys than those that it committed to", func(t *testing.T) {
		p := newPair(t)
		_, err := p.approver.Committed(p.joiner.Commit())
		must(t, err)
		if err := p.approver.Revealed(other.joiner.Reveal()); !errors.Is(err, chat.ErrLinkChanged) {
			t.Error(err)
		}
	})
}

// The new device signs nothing but that it is added to the account it was shown.
func TestOtherDraftsAreNotSigned(t *testing.T) {
	p := newPair(t)
	p.greet()
	signing, mailbox := newKeys(t)
	key, err := account.NewSignatureKey(signing.Public().(ed25519.PublicKey))
	must(t, err)
	device := p.joiner.Device()
	mixed := device
	mixed.MailboxKey = mailbox
	for name, content := range map[string]account.Content{
		"another device":      account.AddDevice{Device: account.Device{SignatureKey: key, MailboxKey: mailbox}},
		"another mailbox key": account.AddDevice{Device: mixed},
		"a revocation":        account.RevokeDevice{Device: p.owner.chain.Devices()[0].ID()},
		"a closing":           account.Close{},
	} {
		draft, err := p.owner.chain.State().Draft(time.Now(), content)
		must(t, err)
		if _, err := p.joiner.Sign(devicelink.Message{Draft: &devicelink.Draft{Body: draft.Body()}}, p.owner.chain); !errors.Is(err, chat.ErrLinkChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, body := range map[string][]byte{"nothing": nil, "no CBOR": {0xff}} {
		if _, err := p.joiner.Sign(devicelink.Message{Draft: &devicelink.Draft{Body: body}}, p.owner.chain); !errors.Is(err, chat.ErrLinkChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A chain that the server cut off, forked or swapped, and one that revoked the device
// that says it is of the account, are refused.
func TestOtherChainsAreRefused(t *testing.T) {
	o := newOwner(t, "alice")
	longer := o.rotated(t)
	forked := o.rotated(t)
	code, err := devicelink.NewCode("here.example", rand.Reader)
	must(t, err)
	p := newPairWith(t, code, &owner{o.signing, o.secret, longer})
	p.greet()
	for name, chain := range map[string]*account.Chain{"cut off": o.chain, "forked": forked, "of another account": newOwner(t, "mallory").chain} {
		if err := p.joiner.Check(chain); !errors.Is(err, chat.ErrLinkChain) {
			t.Errorf("%s: %v", name, err)
		}
		draft, err := chain.State().Draft(time.Now(), account.AddDevice{Device: p.joiner.Device()})
		must(t, err)
		if _, err := p.joiner.Sign(devicelink.Message{Draft: &devicelink.Draft{Body: draft.Body()}}, chain); !errors.Is(err, chat.ErrLinkChain) {
			t.Errorf("a draft for a chain that is %s: %v", name, err)
		}
	}
	t.Run("revoked approver", func(t *testing.T) {
		p := newPair(t)
		p.greet()
		draft, err := p.owner.chain.State().Draft(time.Now(), account.RevokeDevice{Device: p.owner.chain.Devices()[0].ID()})
		must(t, err)
		by, err := draft.SignRecovery(p.owner.secret)
		must(t, err)
		statement, err := draft.Statement(by)
		must(t, err)
		revoked, err := p.owner.chain.Append(statement, time.Now())
		must(t, err)
		if err := p.joiner.Check(revoked); !errors.Is(err, chat.ErrLinkChain) {
			t.Error(err)
		}
		if _, err := devicelink.NewApprover(code, revoked, p.owner.signing, rand.Reader); !errors.Is(err, account.ErrNotInChain) {
			t.Errorf("a revoked device lets somebody in: %v", err)
		}
	})
}

// A welcome is of the approver's device, and of this linking.
func TestOtherWelcomesAreRefused(t *testing.T) {
	p, other := newPair(t), newPair(t)
	for _, one := range []*pair{p, other} {
		one.greet()
		must(t, one.approver.Confirm(one.digits()))
		one.add(one.owner.chain)
	}
	welcome, err := other.approver.Welcome(devicelink.Given{Profile: "Mallory"})
	must(t, err)
	if _, err := p.joiner.Open(welcome); !errors.Is(err, chat.ErrLinkChanged) {
		t.Errorf("the welcome of another linking: %v", err)
	}
	right, err := p.approver.Welcome(devicelink.Given{Profile: "Alice"})
	must(t, err)
	right.Welcome.Sealed[len(right.Welcome.Sealed)-1] ^= 1
	if _, err := p.joiner.Open(right); !errors.Is(err, chat.ErrLinkChanged) {
		t.Errorf("a welcome that was changed: %v", err)
	}
}

// The server sees the sizes of a few classes.
func TestEntriesArePadded(t *testing.T) {
	p := newPair(t)
	p.greet()
	must(t, p.approver.Confirm(p.digits()))
	draft, err := p.approver.Draft(p.owner.chain, time.Now())
	must(t, err)
	signature, err := p.joiner.Sign(draft, p.owner.chain)
	must(t, err)
	sizes := map[int]bool{}
	for _, m := range []devicelink.Message{p.joiner.Commit(), p.joiner.Reveal(), draft, signature, {Done: true}, {Abort: &devicelink.Abort{By: devicelink.Joining}}} {
		sealed, err := p.meet.Seal(m)
		must(t, err)
		sizes[len(sealed)] = true
	}
	if len(sizes) != 1 {
		t.Errorf("sizes %v", sizes)
	}
	clear(sizes)
	for _, profile := range []int{0, 1, chat.MaxTitle} {
		welcome, err := p.approver.Welcome(devicelink.Given{Profile: strings.Repeat("Ä", profile)})
		must(t, err)
		sealed, err := p.meet.Seal(welcome)
		must(t, err)
		sizes[len(sealed)] = true
	}
	if len(sizes) != 1 {
		t.Errorf("sizes of welcomes %v", sizes)
	}
	sign := p.meet.SealSign(devicelink.Joining)
	if len(sign) > protocol.MaxSignal || p.meet.OpenSign(sign) != devicelink.Joining {
		t.Errorf("a sign of life has %d bytes, and is of %d", len(sign), p.meet.OpenSign(sign))
	}
	if _, err := p.meet.Open(sign); !errors.Is(err, chat.ErrLinkChanged) {
		t.Errorf("a signal as an entry: %v", err)
	}
}

func TestMessageOfNobodyIsRefused(t *testing.T) {
	p := newPair(t)
	for name, m := range map[string]devicelink.Message{
		"empty": {}, "two in one": {Commit: p.joiner.Commit().Commit, Reveal: p.joiner.Reveal().Reveal},
		"an abort of nobody": {Abort: &devicelink.Abort{By: 9}},
	} {
		sealed, err := p.meet.Seal(m)
		must(t, err)
		if _, err := p.meet.Open(sealed); !errors.Is(err, chat.ErrLinkChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	sealed, err := p.meet.Seal(p.joiner.Commit())
	must(t, err)
	for i := range sealed {
		sealed[i] ^= 1
		if _, err := p.meet.Open(sealed); !errors.Is(err, chat.ErrLinkChanged) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		sealed[i] ^= 1
	}
	if _, err := p.meet.Open(nil); !errors.Is(err, chat.ErrLinkChanged) {
		t.Errorf("nothing: %v", err)
	}
	if _, err := newPair(t).meet.Open(sealed); !errors.Is(err, chat.ErrLinkChanged) {
		t.Errorf("with another code: %v", err)
	}
}

func TestCodeIsRead(t *testing.T) {
	for _, host := range []string{"chat.example.org", "localhost:8443", "[::1]:1", "xn--cht-qla.example"} {
		code, err := devicelink.NewCode(host, rand.Reader)
		must(t, err)
		for _, text := range []string{
			code.Text(), code.URI(), strings.ToUpper(code.URI()), "  " + host + "/" + strings.ReplaceAll(strings.TrimPrefix(code.Text(), host+"/"), "-", " ") + "\n",
			host + "/" + strings.NewReplacer("0", "O", "1", "l").Replace(strings.TrimPrefix(code.Text(), host+"/")),
		} {
			got, err := devicelink.ParseCode(text)
			if err != nil || got != code {
				t.Errorf("%q is read as %s: %v", text, got.Text(), err)
			}
		}
		if s := fmt.Sprintf("%v %+v %#v %s", code, code, code, code); strings.Contains(s, code.Text()) || strings.Contains(s, strings.TrimPrefix(code.Text(), host+"/")) {
			t.Errorf("the secret is printed: %s", s)
		}
	}
}

func TestSlipsInCodesAreFound(t *testing.T) {
	code, err := devicelink.NewCode("chat.example.org", rand.Reader)
	must(t, err)
	text := code.Text()
	for i := range text {
		if text[i] == '-' {
			continue
		}
		for _, c := range []byte("2z9x") {
			slip := text[:i] + string(c) + text[i+1:]
			if slip == text {
				continue
			}
			if got, err := devicelink.ParseCode(slip); err == nil {
				t.Errorf("%q is read as %s", slip, got.Text())
			}
		}
	}
	for _, bad := range []string{"", "/", "chat.example.org", "chat.example.org/", text + "0", text[:len(text)-1], strings.Repeat("a", 600), "u" + text, strings.Replace(text, "-", "u", 1)} {
		if _, err := devicelink.ParseCode(bad); !errors.Is(err, chat.ErrLinkCode) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzCode(f *testing.F) {
	code, err := devicelink.NewCode("here.example", rand.Reader)
	must(f, err)
	f.Add([]byte(nil))
	f.Add([]byte(code.Text()))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := devicelink.ParseCode(string(b)); err == nil {
			again, err := devicelink.ParseCode(got.URI())
			if err != nil || again != got {
				t.Errorf("%q is %s and then %v, %v", b, got.Text(), again.Text(), err)
			}
		}
	})
}
