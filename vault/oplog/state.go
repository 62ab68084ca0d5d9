// SPDX-License-Identifier: AGPL-3.0-or-later

package oplog

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/pack"
)

// Device is a device that the log added.
type Device struct {
	ID   keys.DeviceID
	Key  ed25519.PublicKey
	KEM  []byte // its X-Wing key; nil if it has not told it yet
	Name string
	Seq  uint64 // of the entry that added it
	Time int64  // of that entry
	// By is the device that added it; zeros for the recovery key.
	By keys.DeviceID
	// Domain is that of a write-only device, 0 for a full one.
	Domain keys.Domain
	// Revoked is the number of the entry that revoked it, plus 1; 0 for a device
	// that may sign. RevokedTime is the time of that entry.
	Revoked     uint64
	RevokedTime int64
}

// WriteOnly reports whether the device can back up, and nothing else.
func (d *Device) WriteOnly() bool { return d.Domain != 0 }

// Snapshot is a snapshot of the log.
type Snapshot struct {
	Seq    uint64 // of its entry
	Device keys.DeviceID
	Time   int64
	Body   SnapshotBody
	// Forgotten is the number of the forget entry that holds, plus 1; 0 for a
	// snapshot that is live.
	Forgotten uint64
}

// Mark is the announcement that a pack is to be deleted.
type Mark struct {
	Seq  uint64
	Time int64 // of the device that announced it
}

// State is what the entries of a log amount to.
type State struct {
	keys *keys.Keyring
	// Next is the number of the next entry, and Head the hash of the last object.
	Next uint64
	Head Hash

	Devices   map[keys.DeviceID]*Device
	Snapshots map[uint64]*Snapshot
	// Marks are the packs that are announced and not swept.
	Marks map[pack.Name]Mark
	// Swept are the packs that may be deleted, with the entry that says so.
	Swept map[pack.Name]uint64
	// Index are the packs with index frames, of snapshots and repacks, that are
	// not swept, in the order of the log. Those of entries that do not count any
	// more come first, so that the others' packs are preferred.
	Index []pack.Name
	// Doubtful are the packs of sweeps that do not count any more: somebody may
	// still be deleting them.
	Doubtful map[pack.Name]bool
	// Refused are the entries that were signed by a device that may not, or not
	// any more. They have no effect.
	Refused []uint64
	// Runs are the newest runs that write-only devices have announced.
	Runs map[keys.DeviceID]Hash
	// Lost is the number of the newest sweep of damaged packs, and Writers that of
	// the newest entry that changes what write-only devices are to be given, both 0
	// if there is none.
	Lost, Writers uint64
	// Needs counts the entries that can change which packs are needed, or where
	// chunks lie: snapshots, undos, sweeps and repacks.
	Needs   uint64
	indexes []indexEntry             // all that entries named
	indexed map[pack.Name]bool       // those in indexes
	forgets map[uint64][]uint64      // forget entry to its snapshots, if not taken back
	times   map[uint64]int64         // of forget entries
	signers map[uint64]keys.DeviceID // of forget and sweep entries and marks
}

// indexEntry is a pack with index frames, and where the log names it.
type indexEntry struct {
	name   pack.Name
	seq    uint64
	device keys.DeviceID
	void   bool // the entry does not count any more
}

// NewState returns the state of a log without entries.
func NewState(k *keys.Keyring) *State {
	return &State{keys: k, Devices: map[keys.DeviceID]*Device{}, Snapshots: map[uint64]*Snapshot{}, Marks: map[pack.Name]Mark{},
		Swept: map[pack.Name]uint64{}, Doubtful: map[pack.Name]bool{}, Runs: map[keys.DeviceID]Hash{}, indexed: map[pack.Name]bool{},
		forgets: map[uint64][]uint64{}, times: map[uint64]int64{}, signers: map[uint64]keys.DeviceID{}}
}

// Apply verifies the next entry and takes it into account. An error leaves the
// state as it was.
func (s *State) Apply(o *Opened) error {
	e := &o.Entry
	broken := func(format string, args ...any) error {
		return fmt.Errorf("%w at entry %d: %s", ErrBroken, e.Seq, fmt.Sprintf(format, args...))
	}
	if e.Seq != s.Next {
		return broken("expected %d", s.Next)
	}
	if e.Previous != s.Head {
		return broken("it does not follow the entry before: the storage mixes two histories, or shows an old one")
	}
	key := ed25519.PublicKey(s.keys.Config().RecoverySignature)
	d := s.Devices[e.Device]
	if e.Device != (keys.DeviceID{}) {
		if d == nil {
			return broken("a device signed it that the vault does not know")
		}
		key = d.Key
	} else if e.Kind != KindDevice {
		return broken("the recovery key signs nothing but devices")
	}
	if len(o.signature) != ed25519.SignatureSize || !ed25519.Verify(key, toSign(s.keys.Config().ID, o.bytes), o.signature) {
		return broken("its signature is wrong")
	}
	refused := s.refuses(o, d)
	if !refused {
		err := s.apply(e)
		switch {
		case err != nil && d != nil && d.WriteOnly():
			refused = true // a stolen one must not be able to end the log
		case errors.Is(err, keys.ErrNoRoot):
			return err
		case err != nil:
			return broken("%v", err)
		}
	}
	if refused {
		s.Refused = append(s.Refused, e.Seq)
	}
	s.Next, s.Head = s.Next+1, o.hash
	if !refused {
		s.noteWriters(e)
	}
	switch e.Kind {
	case KindSnapshot, KindUndo, KindSweep, KindRepack, KindEpoch, KindRun:
		s.Needs++
	}
	return nil
}

// refuses reports whether the device that signed an entry was not allowed to. Such
// an entry keeps its place in the log, so that a device that was revoked cannot
// end it, and has no effect. What is sealed to an earlier epoch was written by
// somebody who was not given the current one, or by a write-only device that has
// not heard of it.
func (s *State) refuses(o *Opened, d *Device) bool {
	switch {
	case d != nil && d.Revoked != 0:
		return true
	case d != nil && d.WriteOnly():
		return o.Entry.Kind != KindSnapshot && o.Entry.Kind != KindRun
	}
	return o.epoch != s.keys.Epoch()
}

// noteWriters sets Writers after an entry was applied.
func (s *State) noteWriters(e *Entry) {
	for _, d := range s.Devices {
		if d.WriteOnly() && (e.Kind == KindDevice || e.Kind == KindEpoch || s.Lost == e.Seq && e.Kind == KindSweep) {
			s.Writers = e.Seq
		}
	}
}

// BeginAt has a device that cannot read entries begin in the middle of the log.
func (s *State) BeginAt(next uint64, head Hash) { s.Next, s.Head = next, head }

// Skip goes past an entry that this device cannot read.
func (s *State) Skip(object []byte) { s.Next, s.Head = s.Next+1, HashOf(object) }

func body[T any](e *Entry) (*T, error) {
	var b T
	if err := dcbor.Unmarshal(e.Body, &b); err != nil {
		return nil, err
	}
	return &b, nil
}

func (s *State) apply(e *Entry) error {
	switch e.Kind {
	case KindDevice:
		return s.applyDevice(e)
	case KindSnapshot:
		return s.applySnapshot(e)
	case KindForget:
		return s.applyForget(e)
	case KindUndo:
		return s.applyUndo(e)
	case KindMark, KindSweep:
		return s.applyPacks(e)
	case KindRepack:
		b, err := body[RepackBody](e)
		if err != nil {
			return err
		}
		s.addIndex(e, b.Index)
		return nil
	case KindKey:
		return s.applyKey(e)
	case KindEpoch:
		return s.applyEpoch(e)
	case KindRun:
		b, err := body[RunBody](e)
		if err == nil {
			s.Runs[e.Device] = b.Session
		}
		return err
	}
	return fmt.Errorf("kind %d is unknown: a newer version of securecrypt wrote it; update the program", e.Kind)
}

func (s *State) applyDevice(e *Entry) error {
	b, err := body[DeviceBody](e)
	switch {
	case err != nil:
		return err
	case len(b.Key) != ed25519.PublicKeySize:
		return fmt.Errorf("a device's key has %d bytes", len(b.Key))
	case s.Devices[keys.IDOf(b.Key)] != nil:
		return fmt.Errorf("the device is there already")
	case b.Domain != 0 && (b.Domain < keys.FirstOwnDomain || len(b.KEM) == 0):
		return fmt.Errorf("not a possible write-only device")
	}
	if len(b.KEM) > 0 {
		if _, err := keys.ParseKEM(b.KEM); err != nil {
			return err
		}
	}
	for _, d := range s.Devices {
		if b.Domain != 0 && d.Domain == b.Domain {
			return fmt.Errorf("its domain is another device's")
		}
	}
	id := keys.IDOf(b.Key)
	s.Devices[id] = &Device{ID: id, Key: b.Key, KEM: b.KEM, Name: b.Name, Seq: e.Seq, Time: e.Time, By: e.Device, Domain: b.Domain}
	return nil
}

func (s *State) applyKey(e *Entry) error {
	b, err := body[KeyBody](e)
	if err != nil {
		return err
	}
	if _, err := keys.ParseKEM(b.KEM); err != nil {
		return err
	}
	if d := s.Devices[e.Device]; d.KEM == nil {
		d.KEM = b.KEM
		return nil
	}
	return fmt.Errorf("the device's key is known already")
}

func (s *State) applySnapshot(e *Entry) error {
	b, err := body[SnapshotBody](e)
	switch {
	case err != nil:
		return err
	case len(b.Root) != 0 && len(b.Root) != len(pack.ID{}), b.Parent > e.Seq:
		return fmt.Errorf("not a possible snapshot")
	}
	s.Snapshots[e.Seq] = &Snapshot{Seq: e.Seq, Device: e.Device, Time: e.Time, Body: *b}
	s.addIndex(e, b.Index)
	return nil
}

func (s *State) addIndex(e *Entry, packs []pack.Name) {
	for _, p := range packs {
		if _, swept := s.Swept[p]; !swept && !s.indexed[p] {
			s.indexed[p] = true
			s.indexes = append(s.indexes, indexEntry{name: p, seq: e.Seq, device: e.Device})
			s.Index = append(s.Index, p)
		}
	}
}

// computeIndex sets Index to the packs with index frames that are not swept.
func (s *State) computeIndex() {
	var void, valid []pack.Name
	for _, x := range s.indexes {
		switch _, swept := s.Swept[x.name]; {
		case swept:
		case x.void:
			void = append(void, x.name)
		default:
			valid = append(valid, x.name)
		}
	}
	s.Index = append(void, valid...)
}

func (s *State) applyForget(e *Entry) error {
	b, err := body[ForgetBody](e)
	if err != nil {
		return err
	}
	if !ascending(b.Snapshots) || len(b.Snapshots) > MaxSnapshots {
		return fmt.Errorf("its snapshots are out of order")
	}
	for _, seq := range b.Snapshots {
		if s.Snapshots[seq] == nil {
			return fmt.Errorf("there is no snapshot %d", seq)
		}
	}
	s.forgets[e.Seq], s.times[e.Seq], s.signers[e.Seq] = b.Snapshots, e.Time, e.Device
	s.computeForgotten()
	return nil
}

func (s *State) applyUndo(e *Entry) error {
	b, err := body[UndoBody](e)
	if err != nil {
		return err
	}
	if !ascending(b.Forgets) {
		return fmt.Errorf("its numbers are out of order")
	}
	for _, seq := range b.Forgets {
		if _, ok := s.times[seq]; !ok {
			return fmt.Errorf("entry %d forgets nothing", seq)
		}
	}
	for _, seq := range b.Forgets {
		delete(s.forgets, seq)
	}
	s.computeForgotten()
	return nil
}

// computeForgotten sets for each snapshot the first forget entry that names it.
func (s *State) computeForgotten() {
	for _, snap := range s.Snapshots {
		snap.Forgotten = 0
	}
	for _, seq := range slices.Sorted(maps.Keys(s.forgets)) {
		for _, n := range s.forgets[seq] {
			if snap := s.Snapshots[n]; snap.Forgotten == 0 {
				snap.Forgotten = seq + 1
			}
		}
	}
}

func (s *State) applyPacks(e *Entry) error {
	b, err := body[PacksBody](e)
	if err != nil {
		return err
	}
	if len(b.Packs) > MaxPacks {
		return fmt.Errorf("it names too many packs")
	}
	s.signers[e.Seq] = e.Device
	for _, p := range b.Packs {
		if e.Kind == KindSweep {
			s.Swept[p] = e.Seq
			delete(s.Marks, p)
			delete(s.Doubtful, p)
		} else if _, ok := s.Marks[p]; !ok {
			s.Marks[p] = Mark{e.Seq, e.Time}
		}
	}
	if e.Kind == KindSweep {
		s.computeIndex()
	}
	if b.Lost {
		s.Lost = e.Seq
	}
	return nil
}

func ascending(n []uint64) bool {
	for i := 1; i < len(n); i++ {
		if n[i-1] >= n[i] {
			return false
		}
	}
	return len(n) > 0
}

// Live returns the snapshots that are not forgotten, in the order of the log.
func (s *State) Live() []*Snapshot {
	return s.sorted(func(x *Snapshot) bool { return x.Forgotten == 0 })
}

// Forgotten returns the snapshots that are forgotten, in the order of the log.
func (s *State) Forgotten() []*Snapshot {
	return s.sorted(func(x *Snapshot) bool { return x.Forgotten != 0 })
}

func (s *State) sorted(which func(*Snapshot) bool) (out []*Snapshot) {
	for _, seq := range slices.Sorted(maps.Keys(s.Snapshots)) {
		if which(s.Snapshots[seq]) {
			out = append(out, s.Snapshots[seq])
		}
	}
	return out
}

// ForgetTime returns when a forgotten snapshot was given up, by the clock of the
// device that did.
func (s *State) ForgetTime(x *Snapshot) int64 { return s.times[x.Forgotten-1] }

// CanUndo reports whether an entry has forgotten snapshots, so that an undo may name
// it.
func (s *State) CanUndo(seq uint64) bool {
	_, ok := s.times[seq]
	return ok
}

// Forgets returns the forget entries that hold, in the order of the log.
func (s *State) Forgets() []uint64 { return slices.Sorted(maps.Keys(s.forgets)) }

// NextEntry returns the next entry of a kind, for a device to sign.
func (s *State) NextEntry(device keys.DeviceID, kind Kind, time int64) Entry {
	return Entry{Seq: s.Next, Previous: s.Head, Device: device, Kind: kind, Time: time}
}

// Text makes a text fit for an entry: valid UTF-8 of at most max bytes.
func Text(s string, max int) string {
	if len(s) > max {
		s = s[:max]
	}
	out := make([]rune, 0, len(s))
	for _, r := range s {
		if r != utf8.RuneError {
			out = append(out, r)
		}
	}
	return string(out)
}
