// SPDX-License-Identifier: AGPL-3.0-or-later

// Package sqlite keeps a client's state in one SQLite file.
//
// SQLite was chosen for clients because of secure_delete: what is deleted is
// overwritten with zeros in the file, so that a used message key does not
// linger (sealed) in a free page, as it would in a log-structured store.
package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/securecrypt/securecrypt/client/backend"
)

// Store is a client.Store in an SQLite file.
type Store struct {
	db *sql.DB
	mu sync.Mutex // held during an update: they do not overlap

	get, put, del *sql.Stmt
}

const schema = `CREATE TABLE IF NOT EXISTS records (
	key   BLOB PRIMARY KEY NOT NULL,
	value BLOB NOT NULL
) STRICT, WITHOUT ROWID`

// failed says what could not be done, and of a disk that refuses what to do.
func failed(doing string, err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_FULL:
			return fmt.Errorf("sqlite: %s: %w (%w)", doing, backend.ErrFull, err)
		case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY:
			return fmt.Errorf("sqlite: %s: the disk refuses; is it full or write-protected? Nothing is lost: make room and try again (%w)", doing, err)
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			return fmt.Errorf("sqlite: %s: the file is damaged; restore it from a backup (%w)", doing, err)
		}
	}
	return fmt.Errorf("sqlite: %s: %w", doing, err)
}

// Open opens or creates the file at path. Its folder must exist, and no other
// process may have the store open.
func Open(path string) (*Store, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(abs), RawQuery: url.Values{
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "secure_delete(ON)", "temp_store(MEMORY)"},
		"_txlock": {"deferred"},
	}.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(4)
	if _, err := db.Exec(schema); err != nil {
		return nil, errors.Join(failed("opening the store", err), db.Close())
	}
	s := &Store{db: db}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(failed("opening the store", err), db.Close())
	}
	return s, nil
}

// prepare compiles the statements that every transaction uses: compiling them
// each time costs more than running them.
func (s *Store) prepare() (err error) {
	for _, p := range []struct {
		at   **sql.Stmt
		text string
	}{
		{&s.get, "SELECT value FROM records WHERE key = ?"},
		{&s.put, "INSERT INTO records (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"},
		{&s.del, "DELETE FROM records WHERE key = ?"},
	} {
		if *p.at, err = s.db.Prepare(p.text); err != nil {
			return err
		}
	}
	return nil
}

// Close implements client.Store. It empties the write-ahead log into the
// file.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.db.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
	return errors.Join(err, s.db.Close())
}

// View implements client.Store.
func (s *Store) View(fn func(backend.Tx) error) error {
	t, err := s.db.BeginTx(context.Background(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	defer func() { _ = t.Rollback() }()
	return fn(&tx{s: s, t: t, readOnly: true})
}

// Update implements client.Store.
func (s *Store) Update(fn func(backend.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.db.Begin()
	if err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	defer func() { _ = t.Rollback() }() // no effect after a commit
	if err := fn(&tx{s: s, t: t}); err != nil {
		return err
	}
	if err := t.Commit(); err != nil {
		return failed("saving", err)
	}
	return nil
}

type tx struct {
	s        *Store
	t        *sql.Tx
	readOnly bool
}

var errReadOnly = errors.New("sqlite: write in a read transaction")

func (t *tx) Get(key []byte) ([]byte, error) {
	var v []byte
	err := t.t.Stmt(t.s.get).QueryRow(key).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, failed("reading", err)
	}
	if v == nil {
		v = []byte{}
	}
	return v, nil
}

func (t *tx) Put(key, value []byte) error {
	if t.readOnly {
		return errReadOnly
	}
	if value == nil {
		value = []byte{}
	}
	_, err := t.t.Stmt(t.s.put).Exec(key, value)
	if err != nil {
		return failed("writing", err)
	}
	return nil
}

func (t *tx) Delete(key []byte) error {
	if t.readOnly {
		return errReadOnly
	}
	if _, err := t.t.Stmt(t.s.del).Exec(key); err != nil {
		return failed("deleting", err)
	}
	return nil
}

func (t *tx) Scan(prefix, from []byte, reverse bool, fn func(key, value []byte) (bool, error)) (err error) {
	query, args := bounds(prefix, from, reverse)
	query += " ORDER BY key"
	if reverse {
		query += " DESC"
	}
	rows, err := t.t.Query(query, args...)
	if err != nil {
		return failed("scanning", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var k, v []byte
		if err := rows.Scan(&k, &v); err != nil {
			return failed("scanning", err)
		}
		if more, err := fn(k, v); err != nil || !more {
			return err
		}
	}
	return rows.Err()
}

// bounds is the query for the keys of a scan, without its order. It names one
// bound on each side, since SQLite would look for only one of several.
func bounds(prefix, from []byte, reverse bool) (query string, args []any) {
	low, end := prefix, prefixEnd(prefix)
	if from != nil && !reverse && bytes.Compare(from, low) > 0 {
		low = from
	}
	query, args = "SELECT key, value FROM records WHERE key >= ?", []any{append([]byte{}, low...)}
	switch {
	case from != nil && reverse && (end == nil || bytes.Compare(from, end) < 0):
		return query + " AND key <= ?", append(args, append([]byte{}, from...))
	case end != nil:
		return query + " AND key < ?", append(args, end)
	}
	return query, args
}

// prefixEnd returns the least key above all that begin with prefix, nil if
// there is none.
func prefixEnd(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- { // not package bytes's trimming, which is of characters
		if prefix[i] != 0xff {
			end := bytes.Clone(prefix[:i+1])
			end[i]++
			return end
		}
	}
	return nil
}
