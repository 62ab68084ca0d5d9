// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"crypto/sha256"
	"errors"

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
	row, statements, err := s.newAccount(r.Statements)
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
		if err := takeReserved(tx.Names(), row.Name, statements[0].Statement); err != nil {
			return err
		}
		if err := tx.Accounts().Create(row, statements); err != nil {
			return err
		}
		if err := reopenVaults(tx.Vaults(), row.Name, s.clock.Expiry()); err != nil {
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

// takeReserved frees a name that is reserved for an account's first statement, and
// refuses one that is reserved for another.
func takeReserved(names NameWriter, name string, first []byte) error {
	reserved, err := names.Reserved(name)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if reserved.Hash != sha256.Sum256(first) {
		return refuse(protocol.CodeExists)
	}
	return names.Free(name)
}

// registeredBefore reports whether there is an account that begins with the same
// statement. It verifies nothing: the one that is stored was.
func (s *Server) registeredBefore(statements [][]byte) (known bool, err error) {
	create, err := s.createOf(statements)
	if err != nil {
		return false, nil // newAccount says what is wrong
	}
	err = s.store.View(s.ctx, func(tx ReadTx) error {
		known = false
		row, err := tx.Accounts().Account(create.Address.Name)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		first, err := tx.Accounts().Statements(row, 0, 1)
		known = err == nil && string(first[0].Statement) == string(statements[0])
		return err
	})
	return known, err
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
		if _, err := liveDevice(tx.Accounts(), ref); err != nil {
			return err // deleted or revoked meanwhile
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
