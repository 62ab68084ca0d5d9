// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/protocol"
)

// A Disclosure is everything that is stored about an account: the answer to
// any order to hand it over.
type Disclosure struct {
	Address string           `json:"address"`
	Tables  []DisclosedTable `json:"tables"`
	// Withheld are the kinds of row that cannot be tied to an account.
	Withheld []WithheldTable `json:"not_attributable"`
}

// DisclosedTable holds the rows of one kind, as field names and values.
// Identifiers and hashes are in hexadecimal, other bytes in base64.
type DisclosedTable struct {
	Table string           `json:"table"`
	Rows  []map[string]any `json:"rows"`
}

// WithheldTable says why rows of a kind cannot be disclosed.
type WithheldTable struct {
	Table  string `json:"table"`
	Reason string `json:"reason"`
}

// Disclose returns all that the store has about an account, or an error that
// wraps ErrNotFound.
func Disclose(ctx context.Context, store Store, addr account.Address) (*Disclosure, error) {
	var rows map[string][]any
	err := store.View(ctx, func(tx ReadTx) (err error) {
		rows, err = rowsOf(tx, addr)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("server: gathering what is stored: %w", err)
	}
	d := &Disclosure{Address: addr.String()}
	for _, t := range Tables() {
		if !t.Disclosed {
			d.Withheld = append(d.Withheld, WithheldTable{t.Name, t.Reason})
			continue
		}
		out := DisclosedTable{Table: t.Name, Rows: []map[string]any{}}
		for _, row := range rows[t.Name] {
			out.Rows = append(out.Rows, fieldsOf(row))
		}
		d.Tables = append(d.Tables, out)
	}
	return d, nil
}

// accountDisclose returns a part of what the store has about the account of
// this connection.
func (ss *session) accountDisclose(b *protocol.AccountDisclose) (protocol.Body, error) {
	if err := ss.limited(ss.s.limiters.disclose, 1); err != nil {
		return nil, err
	}
	d, err := Disclose(ss.s.ctx, ss.s.store, account.Address{Name: ss.identity.Name, Host: ss.s.host})
	if err != nil {
		return nil, err
	}
	whole, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	if b.Offset >= uint64(len(whole)) {
		return nil, refuse(protocol.CodeInvalid)
	}
	part := whole[b.Offset:]
	return &protocol.Disclosure{
		Hash: sha256.Sum256(whole), Size: uint64(len(whole)), Part: part[:min(len(part), protocol.MaxDisclosurePart)],
	}, nil
}

func rowsOf(tx ReadTx, addr account.Address) (map[string][]any, error) {
	row, err := tx.Accounts().Account(addr.Name)
	if err != nil {
		return nil, err
	}
	chain, err := account.Verify(addr, row.Statements)
	if err != nil {
		return nil, err
	}
	rows := map[string][]any{"account": {row}}
	for _, d := range chain.Devices() {
		if err := deviceRows(tx, DeviceRef{Name: addr.Name, Device: protocol.DeviceID(d.ID())}, rows); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func deviceRows(tx ReadTx, ref DeviceRef, rows map[string][]any) error {
	kps, err := tx.KeyPackages().All(ref)
	if err != nil {
		return err
	}
	addRows(rows, "key_package", kps)
	box, err := tx.Mailboxes().Mailbox(ref)
	if err != nil {
		return err
	}
	addRows(rows, "mailbox", []MailboxRow{box})
	letters, err := tx.Mailboxes().Letters(ref, 0, int(^uint(0)>>1))
	if err != nil {
		return err
	}
	addRows(rows, "letter", letters)
	seen, err := tx.Mailboxes().AllSeen(ref)
	addRows(rows, "letter_seen", seen)
	return err
}

func addRows[R any](rows map[string][]any, table string, more []R) {
	for _, r := range more {
		rows[table] = append(rows[table], r)
	}
}

// fieldsOf returns every field of a row, so that none can be forgotten.
func fieldsOf(row any) map[string]any {
	v := reflect.ValueOf(row)
	out := map[string]any{}
	for i := range v.NumField() {
		out[v.Type().Field(i).Name] = fieldValue(v.Field(i))
	}
	return out
}

func fieldValue(v reflect.Value) any {
	switch {
	case v.Kind() == reflect.Array && v.Type().Elem().Kind() == reflect.Uint8:
		b := make([]byte, v.Len())
		reflect.Copy(reflect.ValueOf(b), v)
		return hex.EncodeToString(b)
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	case v.Kind() == reflect.Slice:
		list := []any{}
		for i := range v.Len() {
			list = append(list, fieldValue(v.Index(i)))
		}
		return list
	}
	return v.Interface()
}

// WriteText prints the disclosure for people.
func (d *Disclosure) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Everything this server stores about %s\n", d.Address)
	for _, t := range Tables() {
		for _, got := range d.Tables {
			if got.Table == t.Name {
				writeTable(&b, t, got)
			}
		}
	}
	b.WriteString("\nWhat the server stores without knowing whose it is\n")
	for _, t := range d.Withheld {
		fmt.Fprintf(&b, "  %s: %s\n", t.Table, t.Reason)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeTable(b *strings.Builder, t Table, got DisclosedTable) {
	fmt.Fprintf(b, "\n%s: %d\n", t.Name, len(got.Rows))
	row := reflect.TypeOf(t.Row)
	for _, fields := range got.Rows {
		for i := range row.NumField() {
			name := row.Field(i).Name
			mark := "   "
			if i == 0 {
				mark = " - "
			}
			fmt.Fprintf(b, "%s%s: %v\n", mark, name, fields[name])
		}
	}
}
