// SPDX-License-Identifier: AGPL-3.0-or-later

package protocol

import (
	"fmt"
	"time"
)

func checkName(name string) error {
	return checkLen("name", len(name), 1, MaxName)
}

func checkLen(what string, n, least, most int) error {
	if n < least || n > most {
		return fmt.Errorf("%w: %s: %d, not within %d and %d", ErrMalformed, what, n, least, most)
	}
	return nil
}

func checkEach(what string, items [][]byte, most int) error {
	for _, b := range items {
		if err := checkLen(what, len(b), 1, most); err != nil {
			return err
		}
	}
	return nil
}

func checkStatements(statements [][]byte) error {
	if err := checkLen("statements", len(statements), 1, MaxStatements); err != nil {
		return err
	}
	return checkEach("statement", statements, MaxStatement)
}

// Validate implements [Body].
func (*Empty) Validate() error { return nil }

// Validate implements [Body].
func (r *Register) Validate() error {
	if err := checkLen("invite", len(r.Invite), 0, MaxInvite); err != nil {
		return err
	}
	return checkStatements(r.Statements)
}

// Validate implements [Body].
func (a *Authenticate) Validate() error {
	for _, mark := range []SessionMark{a.Session, a.Previous} {
		if mark.Counter == 0 && !mark.IsZero() {
			return fmt.Errorf("%w: session mark without a counter", ErrMalformed)
		}
	}
	return checkName(a.Name)
}

// Validate implements [Body].
func (a *AccountGet) Validate() error {
	if err := checkLen("names", len(a.Names), 1, MaxNames); err != nil {
		return err
	}
	for _, name := range a.Names {
		if err := checkName(name); err != nil {
			return err
		}
	}
	if err := checkLen("known chains", len(a.Known), 0, MaxNames); err != nil {
		return err
	}
	for _, known := range a.Known {
		if err := checkName(known.Name); err != nil {
			return err
		}
		if known.Length == 0 || known.Length > MaxStatements {
			return fmt.Errorf("%w: known chain of %d statements", ErrMalformed, known.Length)
		}
	}
	return nil
}

// Validate implements [Body].
func (a *AccountAppend) Validate() error {
	if err := checkName(a.Name); err != nil {
		return err
	}
	return checkLen("statement", len(a.Statement), 1, MaxStatement)
}

// Validate implements [Body].
func (r *RecoveryPut) Validate() error {
	if r.Counter == 0 {
		return fmt.Errorf("%w: counter", ErrMalformed)
	}
	return checkLen("recovery", len(r.Data), 1, MaxRecovery)
}

// Validate implements [Body].
func (r *Recovery) Validate() error {
	if r.Counter == 0 {
		return fmt.Errorf("%w: counter", ErrMalformed)
	}
	return checkLen("recovery", len(r.Data), 1, MaxRecovery)
}

// Validate implements [Body].
func (a *Accounts) Validate() error {
	if err := checkLen("accounts", len(a.Accounts), 0, MaxNames); err != nil {
		return err
	}
	if a.Rest > MaxNames {
		return fmt.Errorf("%w: more names than can be asked for", ErrMalformed)
	}
	for i := range a.Accounts {
		if err := a.Accounts[i].validate(); err != nil {
			return err
		}
	}
	return nil
}

func (a *Account) validate() error {
	if err := checkName(a.Name); err != nil {
		return err
	}
	if a.From > MaxStatements {
		return fmt.Errorf("%w: more statements than a chain has", ErrMalformed)
	}
	if err := checkLen("statements", len(a.Statements), 0, MaxStatements); err != nil {
		return err
	}
	if err := checkEach("statement", a.Statements, MaxStatement); err != nil {
		return err
	}
	if err := checkLen("times", len(a.Published), 0, MaxStatements); err != nil {
		return err
	}
	return checkLen("generations", len(a.Generations), 0, MaxKeyPackagesPublished)
}

// Validate implements [Body].
func (k *KeyPackagesPublish) Validate() error {
	if err := checkLen("key packages", len(k.KeyPackages), 0, MaxKeyPackagesPublished); err != nil {
		return err
	}
	if err := checkLen("last-resort key package", len(k.LastResort), 0, MaxKeyPackage); err != nil {
		return err
	}
	return checkEach("key package", k.KeyPackages, MaxKeyPackage)
}

// Validate implements [Body].
func (*KeyPackagesStatus) Validate() error { return nil }

// Validate implements [Body].
func (k *KeyPackagesTake) Validate() error { return checkName(k.Name) }

// Validate implements [Body].
func (k *KeyPackages) Validate() error {
	if err := checkLen("key packages", len(k.KeyPackages), 0, MaxKeyPackagesPublished); err != nil {
		return err
	}
	for _, p := range k.KeyPackages {
		if err := checkLen("key package", len(p.KeyPackage), 1, MaxKeyPackage); err != nil {
			return err
		}
	}
	return nil
}

// Validate implements [Body].
func (l *LetterSend) Validate() error {
	if err := checkName(l.Name); err != nil {
		return err
	}
	if err := checkLen("delivery token", len(l.Token), 0, MaxDeliveryToken); err != nil {
		return err
	}
	return checkLen("letter", len(l.Letter), 1, MaxLetter)
}

// Validate implements [Body].
func (*MailboxToken) Validate() error { return nil }

// Validate implements [Body].
func (*MailboxOpen) Validate() error { return nil }

// Validate implements [Body].
func (*MailboxDelete) Validate() error { return nil }

// Validate implements [Body].
func (*ChannelCreate) Validate() error { return nil }

// Validate implements [Body].
func (*ChannelOpen) Validate() error { return nil }

// Validate implements [Body].
func (s *ChannelState) Validate() error {
	if len(s.Mark) != 0 {
		return checkLen("mark", len(s.Mark), markLen, markLen)
	}
	return nil
}

// Validate implements [Body].
func (p *ChannelPost) Validate() error {
	if p.ExpireIn > uint64(DefaultExpiry/time.Second) {
		return fmt.Errorf("%w: expiry of %d s", ErrMalformed, p.ExpireIn)
	}
	return checkLen("ciphertext", len(p.Ciphertext), 1, MaxCiphertext)
}

// Validate implements [Body].
func (c *ChannelCommit) Validate() error {
	return checkLen("ciphertext", len(c.Ciphertext), 1, MaxCiphertext)
}

// Validate implements [Body].
func (*Posted) Validate() error { return nil }

// Validate implements [Body].
func (*ChannelClose) Validate() error { return nil }

// Validate implements [Body].
func (*ChannelGrant) Validate() error { return nil }

// Validate implements [Body].
func (*ChannelDelete) Validate() error { return nil }

// Validate implements [Body].
func (s *ChannelSignal) Validate() error {
	return checkLen("ciphertext", len(s.Ciphertext), 1, MaxSignal)
}

// Validate implements [Body].
func (*AccountDisclose) Validate() error { return nil }

// Validate implements [Body].
func (d *Disclosure) Validate() error {
	return checkLen("part", len(d.Part), 1, MaxDisclosurePart)
}

// Validate implements [Body].
func (s *Signal) Validate() error {
	return checkLen("ciphertext", len(s.Ciphertext), 1, MaxSignal)
}

// Validate implements [Body].
func (h *Hello) Validate() error { return checkLen("host", len(h.Host), 1, 255) }

// Validate implements [Body].
func (e *Entry) Validate() error {
	if e.Kind > KindCommit {
		return fmt.Errorf("%w: entry of unknown kind", ErrMalformed)
	}
	return checkLen("ciphertext", len(e.Ciphertext), 1, MaxCiphertext)
}

// Validate implements [Body].
func (*CaughtUp) Validate() error { return nil }

// Validate implements [Body].
func (*MailboxState) Validate() error { return nil }

// Validate implements [Body].
func (l *Letter) Validate() error { return checkLen("letter", len(l.Letter), 1, MaxLetter) }

// Validate implements [Body].
func (*WakeKey) Validate() error { return nil }

// Validate implements [Body].
func (w *WakeRegister) Validate() error {
	return checkLen("endpoint", len(w.Endpoint), 1, MaxEndpoint)
}

// Validate implements [Body].
func (*WakeForget) Validate() error { return nil }

// Validate implements [Body].
func (*Wake) Validate() error { return nil }
