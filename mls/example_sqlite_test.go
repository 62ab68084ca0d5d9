// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver; any other database does as well

	"github.com/securecrypt/securecrypt/mls"
)

// table keeps the records of groups in a table of SQLite.
type table struct {
	db    *sql.DB
	group string
}

// openTable has SQLite overwrite what is deleted: records hold keys.
func openTable(path, group string) (*table, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=secure_delete(ON)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	_, err = db.Exec(`CREATE TABLE IF NOT EXISTS records (grp TEXT, key TEXT, value BLOB NOT NULL, PRIMARY KEY (grp, key)) STRICT, WITHOUT ROWID`)
	return &table{db, group}, err
}

// Get makes a table an mls.Reader.
func (t *table) Get(key string) (value []byte, err error) {
	err = t.db.QueryRow(`SELECT value FROM records WHERE grp = ? AND key = ?`, t.group, key).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return value, err
}

// persist applies a delta in one transaction, to which the application adds what belongs
// with it: the message that a received delta came with, or the one to be sent.
func (t *table) persist(d mls.Delta) error {
	tx, err := t.db.Begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // no effect after a commit
	for _, r := range d.Put {
		if _, err := tx.Exec(`INSERT OR REPLACE INTO records VALUES (?, ?, ?)`, t.group, r.Key, r.Value); err != nil {
			return err
		}
	}
	for _, key := range d.Delete {
		if _, err := tx.Exec(`DELETE FROM records WHERE grp = ? AND key = ?`, t.group, key); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// Deltas go into a database, and a group comes back from it.
func ExampleDelta() {
	dir, err := os.MkdirTemp("", "groups")
	check(err)
	defer func() { _ = os.RemoveAll(dir) }()
	store, err := openTable(filepath.Join(dir, "groups.db"), "friends")
	check(err)
	defer func() { _ = store.db.Close() }()

	g, _, delta := solo("alice", time.Now())
	check(store.persist(delta))
	_, delta, err = g.Protect([]byte("hello"), mls.ProtectOptions{})
	check(err)
	check(store.persist(delta)) // then the message is sent

	_, err = mls.LoadGroup(store, mls.Config{Rand: rand.Reader})
	check(err)
	fmt.Println("a message changed", len(delta.Put)+len(delta.Delete), "records")
	// Output: a message changed 3 records
}
