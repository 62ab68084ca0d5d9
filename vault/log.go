// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/storage"
)

// open reads the whole log and holds it against the pin and the listing.
func (v *Vault) open(ctx context.Context) error {
	if err := v.Refresh(ctx); err != nil {
		return err
	}
	if v.state.Next < v.pin.Entries {
		return fmt.Errorf("%w: %d log entries, and it had %d", ErrRolledBack, v.state.Next, v.pin.Entries)
	}
	if v.state.Next == 0 {
		return fmt.Errorf("%w: it is empty", ErrWithheld)
	}
	return v.store.List(ctx, "log/", func(name string, _ int64) error {
		seq, err := strconv.ParseUint(strings.TrimPrefix(name, "log/"), 16, 64)
		if err == nil && seq > v.state.Next { // the next may have come meanwhile
			return fmt.Errorf("%w: entry %d is missing, and there is entry %d", ErrWithheld, v.state.Next, seq)
		}
		return nil
	})
}

// Refresh reads the entries that were published since.
func (v *Vault) Refresh(ctx context.Context) error {
	swept := len(v.state.Swept)
	for {
		seq := v.state.Next
		object, err := storage.ReadAll(ctx, v.store, oplog.ObjectName(seq), oplog.LargeObject)
		if errors.Is(err, storage.ErrNotFound) {
			break
		}
		if err != nil {
			return err
		}
		if err := v.apply(ctx, seq, object); err != nil {
			return err
		}
	}
	if len(v.state.Swept) != swept {
		v.index = nil // its places may be gone
	}
	return nil
}

func (v *Vault) apply(ctx context.Context, seq uint64, object []byte) error {
	if err := v.take(ctx, seq, object); err != nil {
		return err
	}
	if v.state.Next == v.pin.Entries && v.state.Head != v.pin.Head {
		return fmt.Errorf("%w: entry %d differs from the one that was seen", ErrRolledBack, seq)
	}
	return nil
}

// take verifies an entry and takes it into account.
func (v *Vault) take(ctx context.Context, seq uint64, object []byte) error {
	if v.WriteOnly() {
		v.state.Skip(object)
		return nil
	}
	opened, err := oplog.Open(v.keys, seq, object)
	if err != nil {
		return err
	}
	err = v.state.Apply(opened)
	if !errors.Is(err, keys.ErrNoRoot) {
		return err
	}
	// The entry is genuine, and begins an epoch whose root is not known yet.
	if v.device != nil && slices.Contains(opened.RevokedBy(), v.device.ID()) {
		return v.revoked(opened)
	}
	stored, err := readKeys(ctx, v.store)
	if err != nil {
		return err
	}
	if err := v.keys.Learn(stored.objects, v.unlock); err != nil {
		return err
	}
	if err = v.state.Apply(opened); errors.Is(err, keys.ErrNoRoot) {
		return fmt.Errorf("%w: entry %d begins an epoch whose keys are not there", ErrWithheld, seq)
	}
	return err
}

// revoked says who removed this device, and when.
func (v *Vault) revoked(o *oplog.Opened) error {
	by := "another device"
	if d := v.state.Devices[o.Entry.Device]; d != nil {
		by = strconv.Quote(d.Name)
	}
	return fmt.Errorf("%w by %s on %s; what it had published before counts", ErrRevoked, by, time.Unix(o.Entry.Time, 0).UTC().Format("2 January 2006"))
}

// append creates the next log object and takes it into account. It returns
// storage.ErrExists if another device was first.
func (v *Vault) append(ctx context.Context, object []byte) error {
	name := oplog.ObjectName(v.state.Next)
	if err := v.store.Create(ctx, name, object); err != nil {
		// A lost answer is no failure: the object is there, or it is another's.
		there, rerr := storage.ReadAll(ctx, v.store, name, oplog.LargeObject)
		if rerr != nil || !bytes.Equal(there, object) {
			return err
		}
	}
	if err := v.store.Sync(ctx); err != nil {
		return err
	}
	return v.apply(ctx, v.state.Next, object)
}

// publish signs and appends an entry with what make returns for the newest state.
// make is called again when another device was first. A nil body publishes nothing.
func (v *Vault) publish(ctx context.Context, kind oplog.Kind, make func() (body any, err error)) (seq uint64, err error) {
	return v.publishAt(ctx, kind, v.unix, make)
}

// unix returns the time in seconds since 1970.
func (v *Vault) unix() int64 { return v.now().Unix() }

// publishAt is publish with the time that now returns for the entry.
func (v *Vault) publishAt(ctx context.Context, kind oplog.Kind, now func() int64, make func() (body any, err error)) (seq uint64, err error) {
	if v.device == nil {
		return 0, fmt.Errorf("%w: it was opened with the recovery key, to read from it", keys.ErrKey)
	}
	if err := v.prepare(ctx, kind); err != nil {
		return 0, err
	}
	for {
		if err := v.Refresh(ctx); err != nil {
			return 0, err
		}
		if v.WriteOnly() {
			if kind != oplog.KindSnapshot && kind != oplog.KindRun {
				return 0, ErrWriteOnly
			}
			if err := v.refreshGrant(ctx); err != nil {
				return 0, err
			}
		}
		body, err := make()
		if err != nil || body == nil {
			return 0, err
		}
		seq = v.state.Next
		object, err := oplog.Seal(v.keys, v.device.Signature, v.state.NextEntry(v.device.ID(), kind, now()), body)
		if err != nil {
			return 0, err
		}
		if err = v.append(ctx, object); err == nil {
			return seq, nil
		}
		if !errors.Is(err, storage.ErrExists) {
			return 0, err
		}
	}
}
