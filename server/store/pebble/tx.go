// SPDX-License-Identifier: AGPL-3.0-or-later

package pebble

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/server"
)

// tx reads from r and, in an update, writes to b, which is then also r.
type tx struct {
	r     pebble.Reader
	b     *pebble.Batch
	usage *usage

	// What the transaction adds to the usage, once it is applied.
	rowBytes, blobBytes, vaultBytes int64
}

// usage counts the bytes that the store holds. It is counted when the store is
// opened and kept up to date in memory.
type usage struct{ rowBytes, blobBytes, vaultBytes atomic.Int64 }

// Usage returns what applied transactions and this one have stored.
func (t *tx) Usage() (server.Usage, error) {
	return server.Usage{
		RowBytes:   uint64(max(0, t.usage.rowBytes.Load()+t.rowBytes)),
		BlobBytes:  uint64(max(0, t.usage.blobBytes.Load()+t.blobBytes)),
		VaultBytes: uint64(max(0, t.usage.vaultBytes.Load()+t.vaultBytes)),
	}, nil
}

type readTx struct{ *tx }

func (t readTx) Accounts() server.AccountReader       { return accounts{t.tx} }
func (t readTx) Names() server.NameReader             { return names{t.tx} }
func (t readTx) KeyPackages() server.KeyPackageReader { return keyPackages{t.tx} }
func (t readTx) Mailboxes() server.MailboxReader      { return mailboxes{t.tx} }
func (t readTx) Channels() server.ChannelReader       { return channels{t.tx} }
func (t readTx) Blobs() server.BlobReader             { return blobs{t.tx} }
func (t readTx) Invites() server.InviteReader         { return invites{t.tx} }
func (t readTx) Wakes() server.WakeReader             { return wakes{t.tx} }
func (t readTx) Sessions() server.SessionReader       { return sessions{t.tx} }
func (t readTx) Recoveries() server.RecoveryReader    { return recoveries{t.tx} }
func (t readTx) Vaults() server.VaultReader           { return vaults{t.tx} }
func (t readTx) State() server.StateReader            { return state{t.tx} }

type writeTx struct{ *tx }

func (t writeTx) Accounts() server.AccountWriter       { return accounts{t.tx} }
func (t writeTx) Names() server.NameWriter             { return names{t.tx} }
func (t writeTx) KeyPackages() server.KeyPackageWriter { return keyPackages{t.tx} }
func (t writeTx) Mailboxes() server.MailboxWriter      { return mailboxes{t.tx} }
func (t writeTx) Channels() server.ChannelWriter       { return channels{t.tx} }
func (t writeTx) Blobs() server.BlobWriter             { return blobs{t.tx} }
func (t writeTx) Invites() server.InviteWriter         { return invites{t.tx} }
func (t writeTx) Wakes() server.WakeWriter             { return wakes{t.tx} }
func (t writeTx) Sessions() server.SessionWriter       { return sessions{t.tx} }
func (t writeTx) Recoveries() server.RecoveryWriter    { return recoveries{t.tx} }
func (t writeTx) Vaults() server.VaultWriter           { return vaults{t.tx} }
func (t writeTx) State() server.StateWriter            { return state{t.tx} }

// get returns a copy of a value, or ErrNotFound.
func (t *tx) get(key []byte) ([]byte, error) {
	v, closer, err := t.r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, server.ErrNotFound
	}
	if err != nil {
		return nil, wrap(err)
	}
	out := append([]byte(nil), v...)
	return out, closer.Close()
}

func (t *tx) has(key []byte) (bool, error) {
	_, err := t.get(key)
	if errors.Is(err, server.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (t *tx) set(key, value []byte) error { return wrap(t.b.Set(key, value, nil)) }
func (t *tx) delete(key []byte) error     { return wrap(t.b.Delete(key, nil)) }

// scan calls fn with the pairs from lower to below upper until it returns
// errStop or another error. Keys and values are the callee's for the call only.
func (t *tx) scan(lower, upper []byte, fn func(k, v []byte) error) error {
	it, err := t.r.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return wrap(err)
	}
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		var v []byte
		if v, err = it.ValueAndErr(); err == nil {
			err = fn(it.Key(), v)
		}
	}
	if errors.Is(err, errStop) {
		err = nil
	}
	return errors.Join(err, wrap(it.Close()))
}

func (t *tx) scanPrefix(prefix []byte, fn func(k, v []byte) error) error {
	return t.scan(prefix, after(prefix), fn)
}

var errStop = errors.New("pebble: stop")

// wrap says whose error it is, and of a damaged file no more than which.
func wrap(err error) error {
	if err == nil {
		return nil
	}
	if pebble.IsCorruptionError(err) {
		what, _, _ := strings.Cut(err.Error(), "\n")
		return fmt.Errorf("%w: %s", server.ErrCorrupt, what)
	}
	return fmt.Errorf("pebble: %w", err)
}

func decodeFormat(b []byte) (v valueFormat, err error) {
	if err := dcbor.Unmarshal(b, &v); err != nil {
		return v, fmt.Errorf("%w: format: %w", server.ErrCorrupt, err)
	}
	return v, nil
}

func (t *tx) totals() (valueTotals, error) {
	b, err := t.get(keyTotals)
	if errors.Is(err, server.ErrNotFound) {
		return valueTotals{V: valueVersion}, nil
	}
	if err != nil {
		return valueTotals{}, err
	}
	return decodeValue[valueTotals](b)
}

func (t *tx) changeTotals(change func(*valueTotals)) error {
	totals, err := t.totals()
	if err != nil {
		return err
	}
	change(&totals)
	return t.set(keyTotals, encodeValue(totals))
}

// expires puts a row into the expiry index.
func (t *tx) expires(at int64, key []byte, count uint64) error {
	return t.set(keyExpiry(minuteOf(at), key), encodeRun(count))
}
