// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/protocol"
)

func refuse(code protocol.ErrorCode) error { return &protocol.Error{Code: code} }

func (ss *session) register(r *protocol.Register) (protocol.Body, error) {
	s := ss.s
	if s.registration == RegistrationClosed {
		return nil, refuse(protocol.CodeRegistrationClosed)
	}
	if err := ss.limited(s.limiters.register, 1); err != nil {
		return nil, err
	}
	row, err := s.newAccount(r.Statements)
	if err != nil {
		return nil, err
	}
	err = s.store.Update(s.ctx, func(tx WriteTx) error {
		n, err := tx.Accounts().Count()
		if err != nil {
			return err
		}
		if n >= s.limits.MaxAccounts {
			return refuse(protocol.CodeQuotaExceeded)
		}
		if err := tx.Accounts().Create(row); err != nil {
			return err
		}
		if s.registration != RegistrationInvite {
			return nil
		}
		err = tx.Invites().Take(sha256.Sum256([]byte(r.Invite)), s.now())
		if errors.Is(err, ErrNotFound) {
			return refuse(protocol.CodeInviteRequired)
		}
		return err
	})
	if errors.Is(err, ErrExists) {
		err = s.registeredBefore(row)
	}
	return &protocol.Empty{}, err
}

// registeredBefore lets a client repeat a registration whose answer it lost.
func (s *Server) registeredBefore(row AccountRow) error {
	old, err := s.account(s.ctx, row.Name)
	if err != nil {
		return err
	}
	if len(old.Statements) == 0 || string(old.Statements[0]) != string(row.Statements[0]) {
		return refuse(protocol.CodeExists)
	}
	return nil
}

// newAccount checks a chain that asks to be registered.
func (s *Server) newAccount(statements [][]byte) (AccountRow, error) {
	if len(statements) != 1 {
		return AccountRow{}, refuse(protocol.CodeInvalid)
	}
	first, err := account.ParseStatement(statements[0])
	if err != nil {
		return AccountRow{}, refuse(protocol.CodeInvalid)
	}
	create, ok := first.Content.(account.CreateContent)
	if !ok || create.Address.Host != s.host {
		return AccountRow{}, refuse(protocol.CodeInvalid)
	}
	if _, err := account.Verify(create.Address, statements); err != nil {
		return AccountRow{}, refuse(protocol.CodeInvalid)
	}
	return AccountRow{Name: create.Address.Name, Statements: statements}, nil
}

func (s *Server) account(ctx context.Context, name string) (row AccountRow, err error) {
	err = s.store.View(ctx, func(tx ReadTx) error {
		row, err = tx.Accounts().Account(name)
		return err
	})
	return row, err
}

// chain returns the verified chain of an account, or ErrNotFound.
func (s *Server) chain(row AccountRow) (*account.Chain, error) {
	c, err := account.Verify(account.Address{Name: row.Name, Host: s.host}, row.Statements)
	if err != nil {
		return nil, errors.Join(ErrCorrupt, err)
	}
	return c, nil
}

// authenticate costs the same whether or not there is such a device.
func (ss *session) authenticate(r *protocol.Authenticate) (protocol.Body, error) {
	s := ss.s
	if ss.anonymous || ss.identity != nil {
		return nil, refuse(protocol.CodeInvalid)
	}
	if err := ss.limited(s.limiters.authenticate, 1); err != nil {
		return nil, err
	}
	row, err := s.account(s.ctx, r.Name)
	if errors.Is(err, ErrNotFound) {
		return nil, refuse(protocol.CodeUnauthenticated)
	}
	if err != nil {
		return nil, err
	}
	chain, err := s.chain(row)
	if err != nil {
		return nil, err
	}
	device, ok := chain.Device(account.DeviceID(r.Device))
	if !ok {
		return nil, refuse(protocol.CodeUnauthenticated)
	}
	challenge := protocol.AuthenticateChallenge(s.host, ss.nonce, r.Name, r.Device)
	if !ed25519.Verify(device.SignatureKey[:], challenge, r.Signature[:]) {
		return nil, refuse(protocol.CodeUnauthenticated)
	}
	ss.identity = &DeviceRef{Name: r.Name, Device: r.Device}
	return &protocol.Empty{}, nil
}

func (ss *session) accountGet(r *protocol.AccountGet) (protocol.Body, error) {
	s := ss.s
	if err := ss.limited(s.limiters.lookup, float64(len(r.Names))); err != nil {
		return nil, err
	}
	var out protocol.Accounts
	err := s.store.View(s.ctx, func(tx ReadTx) error {
		out.Accounts = nil
		size := 0
		for _, name := range r.Names {
			row, err := tx.Accounts().Account(name)
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			for _, b := range row.Statements {
				size += len(b)
			}
			if size > protocol.MaxMessage {
				return refuse(protocol.CodeTooLarge)
			}
			out.Accounts = append(out.Accounts, protocol.Account{Name: row.Name, Statements: row.Statements})
		}
		return nil
	})
	return &out, err
}

// devices returns the devices of an account, or refuses with CodeNotFound.
func (s *Server) devices(tx ReadTx, name string) ([]DeviceRef, error) {
	row, err := tx.Accounts().Account(name)
	if errors.Is(err, ErrNotFound) {
		return nil, refuse(protocol.CodeNotFound)
	}
	if err != nil {
		return nil, err
	}
	chain, err := s.chain(row)
	if err != nil {
		return nil, err
	}
	var refs []DeviceRef
	for _, d := range chain.Devices() {
		refs = append(refs, DeviceRef{Name: name, Device: protocol.DeviceID(d.ID())})
	}
	return refs, nil
}

func (s *Server) devicesOf(name string) (refs []DeviceRef, err error) {
	err = s.store.View(s.ctx, func(tx ReadTx) error {
		refs, err = s.devices(tx, name)
		return err
	})
	return refs, err
}

func (ss *session) keyPackagesPublish(r *protocol.KeyPackagesPublish) (protocol.Body, error) {
	s, ref := ss.s, *ss.identity
	var status protocol.KeyPackagesStatus
	err := s.store.Update(s.ctx, func(tx WriteTx) error {
		kps := tx.KeyPackages()
		n, _, err := kps.Count(ref)
		if err != nil {
			return err
		}
		if n+len(r.KeyPackages) > s.limits.MaxKeyPackages {
			return refuse(protocol.CodeQuotaExceeded)
		}
		if err := kps.Add(ref, r.KeyPackages); err != nil {
			return err
		}
		if len(r.LastResort) > 0 {
			if err := kps.SetLastResort(ref, r.LastResort); err != nil {
				return err
			}
		}
		status, err = keyPackagesStatus(kps, ref)
		return err
	})
	return &status, err
}

func keyPackagesStatus(kps KeyPackageReader, ref DeviceRef) (protocol.KeyPackagesStatus, error) {
	n, last, err := kps.Count(ref)
	return protocol.KeyPackagesStatus{Count: uint64(n), LastResort: last}, err
}

func (ss *session) keyPackagesStatus() (protocol.Body, error) {
	var status protocol.KeyPackagesStatus
	err := ss.s.store.View(ss.s.ctx, func(tx ReadTx) (err error) {
		status, err = keyPackagesStatus(tx.KeyPackages(), *ss.identity)
		return err
	})
	return &status, err
}

// keyPackagesTake hands out last-resort key packages alone once an account's
// have been taken too often: whoever drains them gains nothing and harms
// little.
func (ss *session) keyPackagesTake(r *protocol.KeyPackagesTake) (protocol.Body, error) {
	s := ss.s
	if err := ss.limited(s.limiters.takeKeys, 1); err != nil {
		return nil, err
	}
	refs, err := s.devicesOf(r.Name)
	if err != nil {
		return nil, err
	}
	_, fresh := s.limiters.targetTake.take(r.Name, 1, s.now())
	var out protocol.KeyPackages
	err = s.store.Update(s.ctx, func(tx WriteTx) error {
		out.KeyPackages = nil
		for _, ref := range refs {
			b, err := tx.KeyPackages().Take(ref, !fresh)
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			out.KeyPackages = append(out.KeyPackages, protocol.DeviceKeyPackage{Device: ref.Device, KeyPackage: b})
		}
		return nil
	})
	return &out, err
}
