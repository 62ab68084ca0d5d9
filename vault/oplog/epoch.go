// SPDX-License-Identifier: AGPL-3.0-or-later

package oplog

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/securecrypt/securecrypt/vault/keys"
)

// applyEpoch begins the next epoch. The keyring has to have its root, so that this
// fails with keys.ErrNoRoot in a device that was not given it.
func (s *State) applyEpoch(e *Entry) error {
	b, err := body[EpochBody](e)
	switch {
	case err != nil:
		return err
	case b.Since > e.Seq, b.Since != 0 && len(b.Revoked) == 0:
		return fmt.Errorf("not a possible epoch")
	case !slices.IsSortedFunc(b.Revoked, func(a, b keys.DeviceID) int { return bytes.Compare(a[:], b[:]) }):
		return fmt.Errorf("its devices are out of order")
	}
	for _, id := range b.Revoked {
		if d := s.Devices[id]; d == nil || d.Revoked != 0 {
			return fmt.Errorf("it revokes a device that the vault does not have")
		}
	}
	if err := s.keys.Advance(b.Epoch, b.Root); err != nil {
		return err
	}
	for _, id := range b.Revoked {
		s.Devices[id].Revoked, s.Devices[id].RevokedTime = e.Seq+1, e.Time
		delete(s.Runs, id)
	}
	if b.Since != 0 {
		s.void(e, b)
	}
	return nil
}

// RevokedBy returns the devices that an entry revokes, none if it is of another
// kind. It does not verify the entry.
func (o *Opened) RevokedBy() []keys.DeviceID {
	if o.Entry.Kind != KindEpoch {
		return nil
	}
	b, err := body[EpochBody](&o.Entry)
	if err != nil {
		return nil
	}
	return b.Revoked
}

// void takes back what revoked devices did from an entry on: their snapshots count
// as forgotten by the entry that revokes, so that an undo of it brings them back;
// what they had forgotten, announced or swept is there again, as far as nobody has
// deleted it.
func (s *State) void(e *Entry, b *EpochBody) {
	void := func(device keys.DeviceID, seq uint64) bool {
		return seq >= b.Since && slices.Contains(b.Revoked, device)
	}
	var gone []uint64
	for seq, x := range s.Snapshots {
		if void(x.Device, seq) {
			gone = append(gone, seq)
		}
	}
	for seq := range s.forgets {
		if void(s.signers[seq], seq) {
			delete(s.forgets, seq)
		}
	}
	if len(gone) > 0 {
		slices.Sort(gone)
		s.forgets[e.Seq], s.times[e.Seq], s.signers[e.Seq] = gone, e.Time, e.Device
	}
	s.computeForgotten()
	for p, seq := range s.Swept {
		if void(s.signers[seq], seq) {
			delete(s.Swept, p)
			s.Doubtful[p] = true
		}
	}
	for p, mark := range s.Marks {
		if void(s.signers[mark.Seq], mark.Seq) {
			delete(s.Marks, p)
		}
	}
	for i := range s.indexes {
		s.indexes[i].void = s.indexes[i].void || void(s.indexes[i].device, s.indexes[i].seq)
	}
	s.computeIndex()
}
