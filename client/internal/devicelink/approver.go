// SPDX-License-Identifier: AGPL-3.0-or-later

package devicelink

import (
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// MaxAttempts is how often the digits can be typed in.
const MaxAttempts = 3

// An Approver is the side of the device that the account has. Its methods are called
// in their order; Confirm up to MaxAttempts times, Draft and Statement again if the
// chain got another statement meanwhile.
type Approver struct {
	host    string
	signing ed25519.PrivateKey
	answer  Answer

	commit     *Commit
	reveal     *Reveal
	transcript transcript
	device     account.Device
	welcomeKey hpke.PublicKey
	attempts   int
	confirmed  bool
	draft      *account.Draft
}

// NewApprover returns the side of a device whose signature key is given, and which is
// a device of the chain.
func NewApprover(c Code, chain *account.Chain, signing ed25519.PrivateKey, rand io.Reader) (*Approver, error) {
	key, err := account.NewSignatureKey(signing.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	if _, live := chain.Device(key.ID()); !live {
		return nil, account.ErrNotInChain
	}
	a := &Approver{host: c.Host, signing: signing, answer: Answer{Address: chain.Address().String(), Device: key.ID(), Head: chain.Head()}}
	if _, err := io.ReadFull(rand, a.answer.Nonce[:]); err != nil {
		return nil, fmt.Errorf("devicelink: reading randomness: %w", err)
	}
	return a, nil
}

// Committed takes the joiner's first message and returns the answer. A second one
// means that somebody else has the code.
func (a *Approver) Committed(m Message) (Message, error) {
	switch {
	case a.commit != nil && m.Commit != nil:
		return Message{}, chat.ErrLinkUsed
	case a.commit != nil || m.Commit == nil:
		return Message{}, chat.ErrLinkChanged
	}
	a.commit = m.Commit
	return Message{Answer: &a.answer}, nil
}

// Revealed takes the joiner's keys, which are those that it committed to.
func (a *Approver) Revealed(m Message) error {
	if a.commit == nil || a.reveal != nil || m.Reveal == nil {
		if m.Commit != nil {
			return chat.ErrLinkUsed
		}
		return chat.ErrLinkChanged
	}
	hash, err := commitmentTo(m.Reveal)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(hash[:], a.commit.Hash[:]) != 1 {
		return chat.ErrLinkChanged
	}
	mailbox, err := account.NewMailboxKey(m.Reveal.MailboxKey)
	if err != nil {
		return chat.ErrLinkChanged
	}
	if a.welcomeKey, err = hpke.MLKEM768X25519().NewPublicKey(m.Reveal.WelcomeKey); err != nil {
		return chat.ErrLinkChanged
	}
	a.device = account.Device{SignatureKey: m.Reveal.SignatureKey, MailboxKey: mailbox}
	a.reveal = m.Reveal
	a.transcript, err = transcriptOf(a.host, a.commit, &a.answer, a.reveal)
	return err
}

// ErrDigits: the digits are not those that the new device shows. They can be typed in
// again.
var ErrDigits = errors.New("devicelink: wrong digits")

// Confirm takes the digits that the new device shows, as they were typed in. The error
// is ErrDigits, or after the last attempt chat.ErrLinkDigits.
func (a *Approver) Confirm(typed string) error {
	if a.reveal == nil {
		return chat.ErrLinkChanged
	}
	if a.attempts >= MaxAttempts {
		return chat.ErrLinkDigits
	}
	a.attempts++
	right, err := a.transcript.digits()
	if err != nil {
		return err
	}
	same := subtle.ConstantTimeCompare([]byte(onlyDigits(typed)), []byte(onlyDigits(right))) == 1
	switch {
	case same:
		a.confirmed = true
		return nil
	case a.attempts >= MaxAttempts:
		return chat.ErrLinkDigits
	}
	return ErrDigits
}

// onlyDigits leaves out what people put between digits.
func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '\t' || r == '\r' || r == '\n' || r == '\u00a0' {
			return -1
		}
		return r
	}, s)
}

// Device returns what is added, once its digits were confirmed.
func (a *Approver) Device() (account.Device, error) {
	if !a.confirmed {
		return account.Device{}, chat.ErrLinkDigits
	}
	return a.device, nil
}

// Draft returns the draft of the statement that adds the new device to the chain, once
// its digits were confirmed.
func (a *Approver) Draft(chain *account.Chain, now time.Time) (Message, error) {
	device, err := a.Device()
	if err != nil {
		return Message{}, err
	}
	if !chain.Extends(a.answer.Head) {
		return Message{}, chat.ErrLinkChain
	}
	if a.draft, err = chain.State().Draft(now, account.AddDevice{Device: device}); err != nil {
		return Message{}, err
	}
	return Message{Draft: &Draft{slices.Clone(a.draft.Body())}}, nil
}

// Signed takes the joiner's signature and returns the statement, which this device
// has signed then. It reports false for the signature of an earlier draft.
func (a *Approver) Signed(m Message) (statement []byte, ok bool, err error) {
	if a.draft == nil || m.Signature == nil {
		return nil, false, chat.ErrLinkChanged
	}
	if m.Signature.Draft != sha256.Sum256(a.draft.Body()) {
		return nil, false, nil
	}
	own, err := a.draft.SignDevice(a.signing)
	if err != nil {
		return nil, false, err
	}
	theirs := account.Signature{Role: account.RoleDevice, Key: a.device.SignatureKey, Signature: m.Signature.Signature}
	statement, err = a.draft.Statement(own, theirs)
	return statement, err == nil, err
}

// Welcome returns what the new device gets, sealed to it.
func (a *Approver) Welcome(g Given) (Message, error) {
	if !a.confirmed {
		return Message{}, chat.ErrLinkDigits
	}
	w := welcome{Version: welcomeVersion, Head: g.Head, Profile: g.Profile}
	signed, err := a.transcript.signed(&w)
	if err != nil {
		return Message{}, err
	}
	w.Signature = protocolSignature(ed25519.Sign(a.signing, signed))
	plain, err := dcbor.Marshal(w)
	if err != nil {
		return Message{}, err
	}
	sealed, err := hpke.Seal(a.welcomeKey, hpke.HKDFSHA256(), hpke.AES256GCM(), a.transcript.welcomeInfo(), plain)
	if err != nil {
		return Message{}, fmt.Errorf("devicelink: %w", err)
	}
	return Message{Welcome: &Welcome{sealed}}, nil
}
