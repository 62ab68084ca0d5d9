// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"log"

	"github.com/securecrypt/securecrypt/mls"
)

// groupTable keeps the records of all groups in a table of a database, SQLite for instance:
//
//	CREATE TABLE mls (grp BLOB, key TEXT, value BLOB, PRIMARY KEY (grp, key)) WITHOUT ROWID;
//	PRAGMA secure_delete = ON;
type groupTable struct {
	db    *sql.DB
	group []byte
}

// Get makes the table the source of LoadGroup.
func (t groupTable) Get(key string) ([]byte, error) {
	var value []byte
	err := t.db.QueryRow("SELECT value FROM mls WHERE grp = ? AND key = ?", t.group, key).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return value, err
}

// persist keeps a delta in one transaction, with whatever else belongs to it.
func (t groupTable) persist(d mls.Delta, rest func(*sql.Tx) error) error {
	tx, err := t.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, r := range d.Put {
		if _, err := tx.Exec("REPLACE INTO mls (grp, key, value) VALUES (?, ?, ?)", t.group, r.Key, r.Value); err != nil {
			return err
		}
	}
	for _, key := range d.Delete {
		if _, err := tx.Exec("DELETE FROM mls WHERE grp = ? AND key = ?", t.group, key); err != nil {
			return err
		}
	}
	if err := rest(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// A message that is to be sent is put into the outbox by the transaction that spends its
// key.
func ExampleDelta() {
	db, err := sql.Open("sqlite", "groups.db") // with a driver of that name
	check(err)
	table := groupTable{db, []byte("group")}
	g, err := mls.LoadGroup(table, mls.Config{Rand: rand.Reader})
	check(err)
	message, delta, err := g.Protect([]byte("hello"), mls.ProtectOptions{})
	check(err)
	err = table.persist(delta, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO outbox (message) VALUES (?)", message)
		return err
	})
	if err != nil {
		log.Println(err) // drop g and load it again
	}
}
