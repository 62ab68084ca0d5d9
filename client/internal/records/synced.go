// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// HistoryRoom is where the own history begins on a device that another device of the
// account brings into a conversation. What was said before has room below.
const HistoryRoom = 1 << 32

// MissingRoom is the room in the history for what was said while this device did not
// follow a conversation.
const MissingRoom = 1 << 20

// A FieldKind says what a Field is about. The numbers are stored, and sent to the other
// devices of the account.
type FieldKind uint8

// The kinds of fields. Values are in deterministic CBOR.
const (
	_               FieldKind = iota
	FieldPinned               // of a conversation: bool
	FieldArchived             // bool
	FieldMuted                // until when, in Unix milliseconds: int64
	FieldDraft                // SyncedDraft
	FieldRead                 // the identifier of the newest message that was read
	FieldDeleted              // true: the conversation was deleted
	FieldForgotten            // true: a message was removed from the history; Sub is its identifier
	FieldName                 // of a contact: the private name, text
	FieldVerified             // SyncedVerified
	FieldBlocked              // bool
	FieldKnown                // bool
	FieldSetting              // of the account: a setting by its name, as text
	FieldProfile              // the name shown to others, text
	FieldAccepted             // of a conversation that was a request: true
	FieldSealing              // of the account: Profile.Sealing
	FieldDeviceName           // of a device of the account, by its identifier: text
	FieldDeviceUse            // SyncedUse
)

// A Field is something that all devices of the account have alike. Main is a channel, an
// address or a name; Sub tells fields of one kind and subject apart.
type Field struct {
	Kind FieldKind `cbor:"1,keyasint"`
	Main []byte    `cbor:"2,keyasint"`
	Sub  []byte    `cbor:"3,keyasint,omitempty"`
}

// A Synced is a field with its value and the stamp of its last change: of two values
// the one with the higher counter counts, of two with the same counter the one of the
// device with the higher identifier. No clock decides.
type Synced struct {
	Version uint8            `cbor:"1,keyasint"`
	Field   Field            `cbor:"2,keyasint"`
	Value   []byte           `cbor:"3,keyasint"`
	Counter uint64           `cbor:"4,keyasint"`
	Device  account.DeviceID `cbor:"5,keyasint"`
}

// newer reports whether s counts more than o.
func (s *Synced) newer(o *Synced) bool {
	return cmp.Or(cmp.Compare(s.Counter, o.Counter), bytes.Compare(s.Device[:], o.Device[:]), bytes.Compare(s.Value, o.Value)) > 0
}

// A SyncedDraft is the value of FieldDraft.
type SyncedDraft struct {
	Text  string `cbor:"1,keyasint,omitempty"`
	Reply []byte `cbor:"2,keyasint,omitempty"`
}

// A SyncedVerified is the value of FieldVerified. Identity is empty for somebody who is
// not verified.
type SyncedVerified struct {
	Identity []byte `cbor:"1,keyasint,omitempty"`
	Profile  string `cbor:"2,keyasint,omitempty"`
}

// A SyncedUse is the value of FieldDeviceUse: what a device runs on, and on which day
// since 1970 it was used last.
type SyncedUse struct {
	Kind string `cbor:"1,keyasint"`
	Day  int64  `cbor:"2,keyasint"`
}

// fieldKey returns the key of a field in a table: those of one subject are together,
// those of a conversation by its place in the store.
func fieldKey(tx *Tx, table string, f Field) []byte {
	k := Key(table, tx.Index(f.Main), []byte{byte(f.Kind)})
	if len(f.Sub) > 0 {
		k = append(k, tx.Index(f.Sub)...)
	}
	return k
}

// OwnConversation returns the place of the conversation of the account's own devices,
// false if there is none: then nothing is synchronised.
func OwnConversation(tx *Tx) (id CID, ok bool, err error) {
	b, err := tx.Get([]byte(tableOwn))
	if err != nil || len(b) != len(id) {
		return id, false, err
	}
	return CID(b), true, nil
}

// SetOwnConversation makes a conversation the one of the account's own devices.
func SetOwnConversation(tx *Tx, id CID) error { return tx.Put([]byte(tableOwn), id[:]) }

// SetField notes that this device, self, changed a field, for the other devices to
// hear of it. It returns false if the value is the same as before, or if nothing is
// synchronised.
func SetField(tx *Tx, self account.DeviceID, f Field, value any) (changed bool, err error) {
	if _, ok, err := OwnConversation(tx); err != nil || !ok {
		return false, err
	}
	b, err := dcbor.Marshal(value)
	if err != nil {
		return false, err
	}
	at := fieldKey(tx, tableSynced, f)
	rec := Synced{Version: Version, Field: f}
	known, err := tx.Load(at, &rec)
	if err != nil || known && bytes.Equal(rec.Value, b) {
		return false, err
	}
	rec.Value, rec.Counter, rec.Device = b, rec.Counter+1, self
	if err := tx.Save(at, &rec); err != nil {
		return false, err
	}
	return true, tx.Put(fieldKey(tx, tableUnsent, f), nil)
}

// LoadField reads the value of a field; false if nobody set it.
func LoadField(tx *Tx, f Field, value any) (bool, error) {
	var rec Synced
	ok, err := tx.Load(fieldKey(tx, tableSynced, f), &rec)
	if err != nil || !ok {
		return false, err
	}
	return true, Decode(rec.Value, value)
}

// MergeField takes in a field that another device sent. It reports whether that is news
// here: then it is to be carried out, see Unapplied.
func MergeField(tx *Tx, in Synced) (news bool, err error) {
	at := fieldKey(tx, tableSynced, in.Field)
	var rec Synced
	known, err := tx.Load(at, &rec)
	if err != nil || known && !in.newer(&rec) {
		return false, err
	}
	same := known && bytes.Equal(rec.Value, in.Value)
	in.Version = Version
	if err := tx.Save(at, &in); err != nil {
		return false, err
	}
	if err := tx.Delete(fieldKey(tx, tableUnsent, in.Field)); err != nil || same {
		return false, err
	}
	return true, tx.Put(fieldKey(tx, tableUnapplied, in.Field), nil)
}

// TakeUnsent returns fields that the other devices have not heard of, of about limit bytes,
// and takes them for sent.
func TakeUnsent(tx *Tx, limit int) ([]Synced, error) {
	var keys [][]byte
	err := tx.ScanKeys([]byte(tableUnsent), false, func(k []byte) (bool, error) {
		keys = append(keys, slices.Clone(k))
		return len(keys) < limit/64, nil
	})
	if err != nil {
		return nil, err
	}
	var all []Synced
	size := 0
	for _, k := range keys {
		var rec Synced
		ok, err := tx.Load(append([]byte(tableSynced), k[len(tableUnsent):]...), &rec)
		if err != nil {
			return nil, err
		}
		if n := len(rec.Value) + len(rec.Field.Main) + len(rec.Field.Sub) + 64; ok {
			if size += n; size > limit && len(all) > 0 {
				break
			}
			all = append(all, rec)
		}
		if err := tx.Delete(k); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// HasUnsent reports whether the other devices have not heard of something.
func HasUnsent(tx *Tx) (bool, error) { return hasAny(tx, []byte(tableUnsent)) }

// hasAny reports whether there are keys with a prefix.
func hasAny(tx *Tx, prefix []byte) (has bool, err error) {
	err = tx.ScanKeys(prefix, false, func([]byte) (bool, error) {
		has = true
		return false, nil
	})
	return has, err
}

// ResendFields has all fields sent again: a device came that knows none of them.
func ResendFields(tx *Tx) error {
	var keys [][]byte
	err := tx.ScanKeys([]byte(tableSynced), false, func(k []byte) (bool, error) {
		keys = append(keys, append([]byte(tableUnsent), k[len(tableSynced):]...))
		return true, nil
	})
	for _, k := range keys {
		if err == nil {
			err = tx.Put(k, nil)
		}
	}
	return err
}

// Unapplied returns the fields of a subject that other devices changed and that are
// still to be carried out here; of all subjects if there is none given.
func Unapplied(tx *Tx, subject []byte) ([]Synced, error) {
	var keys [][]byte
	err := tx.ScanKeys(Key(tableUnapplied, subject), false, func(k []byte) (bool, error) {
		keys = append(keys, slices.Clone(k))
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	var all []Synced
	for _, k := range keys {
		var rec Synced
		ok, err := tx.Load(append([]byte(tableSynced), k[len(tableUnapplied):]...), &rec)
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, rec)
		}
	}
	return all, nil
}

// HasUnapplied reports whether fields of a subject are to be carried out here.
func HasUnapplied(tx *Tx, subject []byte) (bool, error) {
	return hasAny(tx, Key(tableUnapplied, subject))
}

// Applied notes that a field was carried out.
func Applied(tx *Tx, f Field) error { return tx.Delete(fieldKey(tx, tableUnapplied, f)) }

// IsOfConversation reports whether a field is about a conversation, by its channel.
func (f Field) IsOfConversation() bool {
	return f.Kind >= FieldPinned && f.Kind <= FieldForgotten || f.Kind == FieldAccepted
}
