// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
)

// authenticate identifies the connection as one of a device.
func (ss *session) authenticate(r *protocol.Authenticate) (protocol.Body, error) {
	s := ss.s
	if ss.anonymous || ss.identity != nil || !checkSessionMarks(r) {
		return nil, refuse(protocol.CodeInvalid)
	}
	if err := ss.limited(fairness.RateAuthenticate, 1); err != nil {
		return nil, err
	}
	if err := s.verifyDevice(ss.nonce, r); err != nil {
		return nil, err
	}
	ref := DeviceRef{Name: r.Name, Device: r.Device}
	// The set knows the connection before the store knows the sign-in, so that a
	// copy that signs in at the same time ends this one.
	s.identified.add(ref, ss)
	if err := s.signIn(ref, r); err != nil {
		s.identified.remove(ref, ss)
		if errors.Is(err, &protocol.Error{Code: protocol.CodeProfileCopied}) {
			s.endIdentified(ref, nil)
		}
		return nil, err
	}
	ss.identity = &ref
	if !r.Session.IsZero() {
		s.endIdentified(ref, ss) // a device has one; an older one is dead, or a copy's
	}
	return &protocol.Empty{}, nil
}

// checkSessionMarks reports whether the session marks of a sign-in follow each
// other.
func checkSessionMarks(r *protocol.Authenticate) bool {
	if r.Session.IsZero() {
		return r.Previous.IsZero() && !r.Takeover
	}
	return r.Session.Counter > r.Previous.Counter
}

// verifyDevice checks that the account has the device, and its signature.
func (s *Server) verifyDevice(nonce protocol.Nonce, r *protocol.Authenticate) error {
	var device account.Device
	err := s.store.View(s.ctx, func(tx ReadTx) (err error) {
		device, err = liveDevice(tx.Accounts(), DeviceRef{Name: r.Name, Device: r.Device})
		return err
	})
	if err != nil {
		return err
	}
	challenge := protocol.AuthenticateChallenge(s.host, nonce, r.Name, r.Device)
	if !ed25519.Verify(device.SignatureKey[:], challenge, r.Signature[:]) {
		return refuse(protocol.CodeUnauthenticated)
	}
	return nil
}

// signIn compares the marks of a sign-in with the one that the store has of the
// device, and replaces that. A device without marks is let in unless copies of it
// are known.
func (s *Server) signIn(ref DeviceRef, r *protocol.Authenticate) error {
	if r.Session.IsZero() {
		return s.store.View(s.ctx, func(tx ReadTx) error {
			if _, err := liveDevice(tx.Accounts(), ref); err != nil {
				return err
			}
			row, err := tx.Sessions().Session(ref)
			if err == nil && row.Copied {
				return refuse(protocol.CodeProfileCopied)
			}
			if errors.Is(err, ErrNotFound) {
				return nil
			}
			return err
		})
	}
	copied := false
	// A row of constant size takes the place of the one before: a disk without
	// room must not keep anybody from making some.
	err := s.store.Update(Freeing(s.ctx), func(tx WriteTx) error {
		if _, err := liveDevice(tx.Accounts(), ref); err != nil {
			return err
		}
		row, err := tx.Sessions().Session(ref)
		known := err == nil
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		copied = known && !row.admits(r)
		if copied && row.Copied {
			return nil
		}
		if copied {
			row.Copied = true
			return tx.Sessions().Put(row)
		}
		if r.Takeover { // the other copy may have made them
			if err := tx.KeyPackages().DeleteOneTime(ref); err != nil {
				return err
			}
		}
		return tx.Sessions().Put(SessionRow{
			Name: ref.Name, Device: ref.Device, Counter: r.Session.Counter, ID: r.Session.ID,
			Highest: max(row.Highest, r.Session.Counter), Generation: r.Generation,
		})
	})
	if err == nil && copied {
		err = refuse(protocol.CodeProfileCopied)
	}
	return err
}

// admits reports whether a sign-in continues the one that the row is of. It also
// does where the device counted further than this row ever did: then the server
// was put back, not the device. Highest is compared and not Counter, because a
// copy that takes over may count from a lower number.
func (row *SessionRow) admits(r *protocol.Authenticate) bool {
	mark := protocol.SessionMark{Counter: row.Counter, ID: row.ID}
	switch {
	case r.Takeover:
		return true
	case row.Copied:
		return false
	}
	return mark == r.Previous || mark == r.Session || row.Highest < r.Previous.Counter
}

// accountNotFound returns CodeNotFound for a missing row of an account.
func accountNotFound(err error) error {
	if errors.Is(err, ErrNotFound) {
		return refuse(protocol.CodeNotFound)
	}
	return err
}

// accountDelete deletes the account of this connection, reserves its name for
// its first statement, and ends its connections, this one last.
func (ss *session) accountDelete(r request) (protocol.Body, error) {
	s, name := ss.s, ss.identity.Name
	err := s.store.Update(Freeing(s.ctx), func(tx WriteTx) error {
		row, err := tx.Accounts().Account(name)
		if err != nil {
			return accountNotFound(err)
		}
		first, err := tx.Accounts().Statements(row, 0, 1)
		if err != nil {
			return err
		}
		reserved := ReservedNameRow{Name: name, Hash: sha256.Sum256(first[0].Statement)}
		// A thief who has the device must not destroy the backups with the account.
		goes := unix(s.clock.Stamp(), s.limits.VaultKeep)
		return errors.Join(tx.Accounts().Delete(name), tx.Names().Reserve(reserved), tx.Vaults().Close(name, goes))
	})
	if err != nil {
		return nil, err
	}
	ss.answer(r.id, r.op, &protocol.Empty{}, nil)
	s.endIdentified(DeviceRef{Name: name}, nil)
	return nil, errLater
}
