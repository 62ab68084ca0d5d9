// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
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
	var d *Disclosure
	err := store.View(ctx, func(tx ReadTx) error {
		d = &Disclosure{Address: addr.String()}
		o, err := ownerOf(tx, addr)
		if err != nil {
			return err
		}
		for _, t := range Tables() {
			if !t.Disclosed {
				d.Withheld = append(d.Withheld, WithheldTable{t.Name, t.Reason})
				continue
			}
			out := DisclosedTable{Table: t.Name, Rows: []map[string]any{}}
			err := o.visit(tx, t.Name, func(row any) error {
				out.Rows = append(out.Rows, fieldsOf(row))
				return nil
			})
			if err != nil {
				return err
			}
			d.Tables = append(d.Tables, out)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("server: gathering what is stored: %w", err)
	}
	return d, nil
}

// owner is an account whose rows are disclosed. Of one that was deleted there are
// the reserved name and, for some days, its vaults.
type owner struct {
	name     string
	account  *AccountRow
	reserved *ReservedNameRow
	devices  []DeviceRef
}

func ownerOf(tx ReadTx, addr account.Address) (*owner, error) {
	row, err := tx.Accounts().Account(addr.Name)
	if errors.Is(err, ErrNotFound) {
		reserved, err := tx.Names().Reserved(addr.Name)
		return &owner{name: addr.Name, reserved: &reserved}, err
	}
	if err != nil {
		return nil, err
	}
	state, err := stateOf(row)
	if err != nil {
		return nil, err
	}
	return &owner{name: addr.Name, account: &row, devices: deviceRefs(state)}, nil
}

// visit calls fn with each row of a table that belongs to the account.
func (o *owner) visit(tx ReadTx, table string, fn func(row any) error) error {
	switch {
	case table == "account" && o.account != nil:
		return fn(*o.account)
	case table == "reserved_name" && o.reserved != nil:
		return fn(*o.reserved)
	case table == "account", table == "reserved_name":
		return nil
	case table == "recovery":
		row, err := tx.Recoveries().Recovery(o.name)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return visitAll([]RecoveryRow{row}, err, fn)
	case table == "statement":
		return o.visitStatements(tx.Accounts(), fn)
	case table == "vault", table == "vault_object", table == "vault_deletion":
		return o.visitVaults(tx.Vaults(), table, fn)
	}
	for _, ref := range o.devices {
		if err := visitDevice(tx, ref, table, fn); err != nil {
			return err
		}
	}
	return nil
}

func (o *owner) visitStatements(accounts AccountReader, fn func(row any) error) error {
	for next := uint64(0); o.account != nil; {
		rows, err := accounts.Statements(*o.account, next, slowReadSize)
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := visitAll(rows, nil, fn); err != nil {
			return err
		}
		next = rows[len(rows)-1].Number + 1
	}
	return nil
}

// visitVaults calls fn with the rows of a table of vaults, a page at a time.
func (o *owner) visitVaults(vaults VaultReader, table string, fn func(row any) error) error {
	rows, err := vaults.Vaults(o.name)
	if err != nil || table == "vault" {
		return visitAll(rows, err, fn)
	}
	for _, vault := range rows {
		for last, after := "", uint64(0); ; {
			n := 0
			if table == "vault_object" {
				page, err := vaults.Objects(o.name, vault.Vault, "", last, protocol.MaxVaultPage)
				if err := visitAll(page, err, fn); err != nil {
					return err
				}
				if n = len(page); n > 0 {
					last = page[n-1].Object
				}
			} else {
				page, err := vaults.Deletions(o.name, vault.Vault, after, protocol.MaxVaultPage)
				if err := visitAll(page, err, fn); err != nil {
					return err
				}
				if n = len(page); n > 0 {
					after = page[n-1].Number
				}
			}
			if n == 0 {
				break
			}
		}
	}
	return nil
}

func visitDevice(tx ReadTx, ref DeviceRef, table string, fn func(row any) error) error {
	boxes := tx.Mailboxes()
	switch table {
	case "session":
		row, err := tx.Sessions().Session(ref)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return visitAll([]SessionRow{row}, err, fn)
	case "key_package":
		rows, err := tx.KeyPackages().All(ref)
		return visitAll(rows, err, fn)
	case "mailbox":
		row, err := boxes.Mailbox(ref)
		return visitAll([]MailboxRow{row}, err, fn)
	case "letter":
		return visitLetters(boxes, ref, fn)
	case "letter_seen":
		rows, err := boxes.AllSeen(ref)
		return visitAll(rows, err, fn)
	case "mailbox_token":
		hash, err := boxes.Token(ref)
		if err != nil || hash == [sha256.Size]byte{} {
			return err
		}
		return fn(TokenRow{Name: ref.Name, Device: ref.Device, Hash: hash})
	}
	return fmt.Errorf("server: the table %s is to be disclosed, but not how", table)
}

func visitAll[R any](rows []R, err error, fn func(row any) error) error {
	for _, row := range rows {
		if err == nil {
			err = fn(row)
		}
	}
	return err
}

func visitLetters(boxes MailboxReader, ref DeviceRef, fn func(row any) error) error {
	after := uint64(0)
	for {
		rows, err := boxes.Letters(ref, after, slowReadSize)
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := visitAll(rows, nil, fn); err != nil {
			return err
		}
		after = rows[len(rows)-1].Seq
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
