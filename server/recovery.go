// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"errors"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
)

// recoveryPut keeps what an account needs for its recovery, which this server cannot
// read.
func (ss *session) recoveryPut(r *protocol.RecoveryPut) (protocol.Body, error) {
	s, ref := ss.s, *ss.identity
	if err := ss.limited(fairness.RateAppend, 1); err != nil {
		return nil, err
	}
	size := int64(len(r.Data))
	if err := ss.reserveStoredBytes(size); err != nil {
		return nil, err
	}
	before := int64(0)
	err := s.store.Update(s.ctx, func(tx WriteTx) error {
		if _, err := liveDevice(tx.Accounts(), ref); err != nil {
			return err // deleted or revoked meanwhile
		}
		old, err := tx.Recoveries().Recovery(ref.Name)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if err == nil && old.Counter >= r.Counter {
			return refuse(protocol.CodeExists)
		}
		before = int64(len(old.Data))
		return tx.Recoveries().Put(RecoveryRow{Name: ref.Name, Counter: r.Counter, Device: ref.Device, Stored: s.now().Unix(), Data: r.Data})
	})
	if err != nil {
		before = size
	}
	s.shares.Unkeep(ss.from, fairness.KeptRows, min(before, size))
	return &protocol.Empty{}, err
}

func (ss *session) recoveryGet() (protocol.Body, error) {
	var out protocol.Recovery
	err := ss.s.store.View(ss.s.ctx, func(tx ReadTx) error {
		row, err := tx.Recoveries().Recovery(ss.identity.Name)
		if errors.Is(err, ErrNotFound) {
			return refuse(protocol.CodeNotFound)
		}
		out = protocol.Recovery{Counter: row.Counter, Device: row.Device, Stored: uint64(row.Stored), Data: row.Data}
		return err
	})
	return &out, err
}
