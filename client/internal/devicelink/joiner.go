// SPDX-License-Identifier: AGPL-3.0-or-later

package devicelink

import (
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// A Joiner is the new device's side. Its methods are called in their order; Sign may
// be called again.
type Joiner struct {
	host       string
	signing    ed25519.PrivateKey
	device     account.Device
	welcomeKey hpke.PrivateKey
	reveal     Reveal
	commit     Commit

	answer     *Answer
	address    account.Address
	transcript transcript
	signed     *account.Chain // with this device, as the last draft says
}

// NewJoiner returns the side of a device with those keys.
func NewJoiner(c Code, signing ed25519.PrivateKey, mailbox account.MailboxKey, rand io.Reader) (*Joiner, error) {
	key, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("devicelink: %w", err)
	}
	j := &Joiner{host: c.Host, signing: signing, welcomeKey: key}
	if j.device.SignatureKey, err = account.NewSignatureKey(signing.Public().(ed25519.PublicKey)); err != nil {
		return nil, err
	}
	j.device.MailboxKey = mailbox
	j.reveal = Reveal{SignatureKey: j.device.SignatureKey, MailboxKey: mailbox[:], WelcomeKey: key.PublicKey().Bytes()}
	if _, err := io.ReadFull(rand, j.reveal.Nonce[:]); err != nil {
		return nil, fmt.Errorf("devicelink: reading randomness: %w", err)
	}
	j.commit.Hash, err = commitmentTo(&j.reveal)
	return j, err
}

// Device returns what is to be added.
func (j *Joiner) Device() account.Device { return j.device }

// Commit returns the first message.
func (j *Joiner) Commit() Message { return Message{Commit: &j.commit} }

// Answered takes the answer to Commit and returns whose device this one is to be. A
// second answer means that somebody else has the code.
func (j *Joiner) Answered(m Message) (account.Address, error) {
	switch {
	case j.answer != nil && m.Answer != nil:
		return account.Address{}, chat.ErrLinkUsed
	case j.answer != nil || m.Answer == nil:
		return account.Address{}, chat.ErrLinkChanged
	}
	address, err := account.ParseAddress(m.Answer.Address)
	if err != nil || address.String() != m.Answer.Address {
		return account.Address{}, chat.ErrLinkChanged
	}
	if j.transcript, err = transcriptOf(j.host, &j.commit, m.Answer, &j.reveal); err != nil {
		return account.Address{}, err
	}
	j.answer, j.address = m.Answer, address
	return address, nil
}

// Check checks the account's chain as its server shows it: that it goes at least as
// far as the approver's, and that the approver speaks for it.
func (j *Joiner) Check(chain *account.Chain) error {
	if j.answer == nil {
		return chat.ErrLinkChanged
	}
	if chain.Address() != j.address || !chain.Extends(j.answer.Head) {
		return chat.ErrLinkChain
	}
	if _, live := chain.Device(j.answer.Device); !live {
		return chat.ErrLinkChain
	}
	return nil
}

// Reveal returns the answer to what Answered took.
func (j *Joiner) Reveal() Message { return Message{Reveal: &j.reveal} }

// Digits returns what the new device shows, after Answered.
func (j *Joiner) Digits() (string, error) { return j.transcript.digits() }

// Sign takes a draft, and the account's chain up to it. It signs the one statement
// that adds this device to that chain, and nothing else.
func (j *Joiner) Sign(m Message, chain *account.Chain) (Message, error) {
	if m.Draft == nil {
		return Message{}, chat.ErrLinkChanged
	}
	if err := j.Check(chain); err != nil {
		return Message{}, err
	}
	draft, err := account.ParseDraft(m.Draft.Body)
	if err != nil {
		return Message{}, chat.ErrLinkChanged
	}
	if draft.Content != account.Content(account.AddDevice{Device: j.device}) {
		return Message{}, chat.ErrLinkChanged
	}
	if draft.Previous != chain.Head() || draft.Sequence != uint64(chain.Len()) {
		return Message{}, chat.ErrLinkChain
	}
	signature, err := draft.SignDevice(j.signing)
	if err != nil {
		return Message{}, err
	}
	j.signed = chain
	return Message{Signature: &Signature{Draft: sha256.Sum256(draft.Body()), Signature: signature.Signature}}, nil
}

// DraftFollows returns the head of the chain that a draft continues.
func DraftFollows(m Message) (account.Head, error) {
	if m.Draft == nil {
		return account.Head{}, chat.ErrLinkChanged
	}
	draft, err := account.ParseDraft(m.Draft.Body)
	if err != nil {
		return account.Head{}, chat.ErrLinkChanged
	}
	return draft.Previous, nil
}

// Open opens the welcome, which the approver's device signed.
func (j *Joiner) Open(m Message) (Given, error) {
	if m.Welcome == nil || j.signed == nil {
		return Given{}, chat.ErrLinkChanged
	}
	plain, err := hpke.Open(j.welcomeKey, hpke.HKDFSHA256(), hpke.AES256GCM(), j.transcript.welcomeInfo(), m.Welcome.Sealed)
	if err != nil {
		return Given{}, chat.ErrLinkChanged
	}
	var w welcome
	if err := dcbor.Unmarshal(plain, &w); err != nil || w.Version != welcomeVersion {
		return Given{}, chat.ErrLinkChanged
	}
	signed, err := j.transcript.signed(&w)
	if err != nil {
		return Given{}, err
	}
	approver, live := j.signed.Device(j.answer.Device)
	if !live || !ed25519.Verify(approver.SignatureKey[:], signed, w.Signature[:]) {
		return Given{}, chat.ErrLinkChanged
	}
	return Given{Head: w.Head, Profile: w.Profile}, nil
}
