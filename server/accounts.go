// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"crypto/sha256"
	"errors"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
)

func refuse(code protocol.ErrorCode) error { return &protocol.Error{Code: code} }

// refuseFor is refuse that says more.
func refuseFor(code protocol.ErrorCode, reason protocol.Reason) error {
	return &protocol.Error{Code: code, Reason: reason}
}

// register creates an account. One that exists with the same first statement is
// left as it is, whatever else holds for new ones: the client lost the answer.
func (ss *session) register(r *protocol.Register) (protocol.Body, error) {
	s := ss.s
	if known, err := s.registeredBefore(r.Statements); known || err != nil {
		return &protocol.Empty{}, err
	}
	if s.registration == RegistrationClosed {
		return nil, refuse(protocol.CodeRegistrationClosed)
	}
	if err := ss.limited(fairness.RateRegister, 1); err != nil {
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
			return refuseFor(protocol.CodeQuotaExceeded, protocol.ReasonAccounts)
		}
		if err := takeReserved(tx.Accounts(), row); err != nil {
			return err
		}
		if err := tx.Accounts().Create(row); err != nil {
			return err
		}
		if s.registration != RegistrationInvite {
			return nil
		}
		err = tx.Invites().Take(sha256.Sum256([]byte(r.Invite)), s.clock.Expiry())
		if errors.Is(err, ErrNotFound) {
			return refuse(protocol.CodeInviteRequired)
		}
		return err
	})
	if errors.Is(err, ErrExists) {
		err = refuse(protocol.CodeExists)
		if known, lookErr := s.registeredBefore(r.Statements); known { // by another connection, meanwhile
			err = lookErr
		}
	}
	return &protocol.Empty{}, err
}

// takeReserved frees a name that is reserved for the account's first statement,
// and refuses one that is reserved for another.
func takeReserved(accounts AccountWriter, row AccountRow) error {
	reserved, err := accounts.Reserved(row.Name)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if reserved.Hash != sha256.Sum256(row.Statements[0]) {
		return refuse(protocol.CodeExists)
	}
	return accounts.Free(row.Name)
}

// registeredBefore reports whether there is an account that begins with these
// statements. It verifies nothing: the ones that are stored were.
func (s *Server) registeredBefore(statements [][]byte) (bool, error) {
	if len(statements) != 1 {
		return false, nil
	}
	first, err := account.ParseStatement(statements[0])
	if err != nil {
		return false, nil
	}
	create, ok := first.Content.(account.CreateContent)
	if !ok || create.Address.Host != s.host {
		return false, nil
	}
	row, err := s.account(s.ctx, create.Address.Name)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil && len(row.Statements) > 0 && string(row.Statements[0]) == string(statements[0]), err
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

// lookupCost is what a lookup costs besides its names, generationSize how many
// bytes of its answer tell a device's generation.
const (
	lookupCost     = 10
	generationSize = 40
)

func (ss *session) accountGet(r *protocol.AccountGet) (protocol.Body, error) {
	s := ss.s
	if err := ss.limited(fairness.RateLookup, float64(lookupCost+len(r.Names))); err != nil {
		return nil, err
	}
	// Members look up names that exist; who guesses names does not know them.
	if err := ss.limited(fairness.RateMiss, 0); err != nil {
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
			found := protocol.Account{Name: row.Name, Statements: row.Statements}
			if r.Generations {
				if found.Generations, err = generations(tx.Sessions(), name); err != nil {
					return err
				}
			}
			size += generationSize * len(found.Generations)
			for _, b := range row.Statements {
				size += len(b)
			}
			if size > protocol.MaxMessage {
				return refuse(protocol.CodeTooLarge)
			}
			out.Accounts = append(out.Accounts, found)
		}
		return nil
	})
	if err == nil {
		ss.from.Spend(fairness.RateMiss, float64(len(r.Names)-len(out.Accounts)), s.now())
	}
	return &out, err
}

// generations returns those of an account's devices that told theirs.
func generations(sessions SessionReader, name string) (all []protocol.DeviceGeneration, err error) {
	rows, err := sessions.All(name)
	for _, row := range rows {
		if row.Generation != (protocol.Generation{}) {
			all = append(all, protocol.DeviceGeneration{Device: row.Device, Generation: row.Generation})
		}
	}
	return all, err
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
	size := int64(len(r.LastResort))
	for _, b := range r.KeyPackages {
		size += int64(len(b))
	}
	if err := ss.reserveStoredBytes(size); err != nil {
		return nil, err
	}
	var status protocol.KeyPackagesStatus
	err := s.store.Update(s.ctx, func(tx WriteTx) error {
		if _, err := tx.Accounts().Account(ref.Name); err != nil {
			return accountNotFound(err) // deleted meanwhile
		}
		kps := tx.KeyPackages()
		if r.Replace {
			if err := kps.DeleteOneTime(ref); err != nil {
				return err
			}
		}
		n, _, err := kps.Count(ref)
		if err != nil {
			return err
		}
		if n+len(r.KeyPackages) > s.limits.MaxKeyPackages {
			return refuseFor(protocol.CodeQuotaExceeded, protocol.ReasonKeyPackages)
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
	if err != nil {
		s.shares.Unkeep(ss.from, fairness.KeptRows, size)
	}
	return &status, err
}

// reserveStoredBytes counts bytes that will be stored for the connection's
// origin, or refuses them.
func (ss *session) reserveStoredBytes(n int64) error {
	usage, err := ss.s.usage(ss.s.ctx)
	if err != nil {
		return err
	}
	if !ss.s.shares.Keep(ss.from, fairness.KeptRows, n, int64(usage.RowBytes)) {
		return refuseFor(protocol.CodeQuotaExceeded, ss.s.shares.KeptReason(fairness.KeptRows, n, int64(usage.RowBytes)))
	}
	return nil
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
	refs, err := s.devicesOf(r.Name)
	if err != nil {
		return nil, err
	}
	_, fresh := s.targets.keyPackages.Take(r.Name, ss.from, 1, s.now())
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
