// SPDX-License-Identifier: AGPL-3.0-or-later

package storetest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
)

// accountOf returns the rows of an account with these statements. What a state
// says is nothing to a store.
func accountOf(name string, statements ...string) (server.AccountRow, []server.StatementRow) {
	var rows []server.StatementRow
	for i, text := range statements {
		rows = append(rows, server.StatementRow{Name: name, Number: uint64(i), Published: int64(7 * i), Statement: []byte(text)})
	}
	return server.AccountRow{Name: name, Length: uint64(len(rows)), Head: [32]byte{byte(len(rows))}, State: []byte("state of " + name)}, rows
}

func accounts(t *testing.T, s server.Store) {
	row, statements := accountOf("bob", "a", "bc")
	update(t, s, func(tx server.WriteTx) error { return tx.Accounts().Create(row, statements) })
	wantErr(t, s.Update(t.Context(), func(tx server.WriteTx) error { return tx.Accounts().Create(row, statements) }), server.ErrExists)
	view(t, s, func(tx server.ReadTx) error {
		got, err := tx.Accounts().Account("bob")
		want(t, got, row)
		n, _ := tx.Accounts().Count()
		want(t, n, uint64(1))
		_, missing := tx.Accounts().Account("bo")
		wantErr(t, missing, server.ErrNotFound)
		return err
	})
}

func statements(t *testing.T, s server.Store) {
	row, rows := accountOf("bob", "one", "two", "three")
	last := row
	row.Length = 2
	other, others := accountOf("bobby", "another's")
	update(t, s, func(tx server.WriteTx) error {
		return errors.Join(tx.Accounts().Create(row, rows[:2]), tx.Accounts().Create(other, others))
	})
	row = last
	row.State = []byte("a later state")
	update(t, s, func(tx server.WriteTx) error { return tx.Accounts().Append(row, rows[2]) })
	nobody, none := accountOf("nobody", "one")
	wantErr(t, s.Update(t.Context(), func(tx server.WriteTx) error { return tx.Accounts().Append(nobody, none[0]) }), server.ErrNotFound)
	view(t, s, func(tx server.ReadTx) error {
		got, err := tx.Accounts().Account("bob")
		want(t, got, row)
		for _, some := range []struct {
			from uint64
			size int
			want []server.StatementRow
		}{{0, 100, rows}, {1, 100, rows[1:]}, {0, 1, rows[:1]}, {0, 4, rows[:2]}, {3, 100, nil}} {
			got, err := tx.Accounts().Statements(row, some.from, some.size)
			want(t, got, some.want)
			wantErr(t, err, nil)
		}
		_, missing := tx.Accounts().Statements(nobody, 0, 1)
		wantErr(t, missing, server.ErrNotFound)
		usage, _ := tx.Usage()
		want(t, usage.RowBytes, uint64(len("onetwothree")+len("another's")))
		return err
	})
}

// deletedDevice deletes what belongs to a device; what belongs to the account's
// other device, and to a device of the same number of another account, stays.
func deletedDevice(t *testing.T, s server.Store) {
	refs := []server.DeviceRef{ref, {Name: ref.Name, Device: protocol.DeviceID{8}}, {Name: "bobby", Device: ref.Device}}
	later := start.Unix() + 3600
	for _, name := range []string{"bob", "bobby"} {
		row, statements := accountOf(name, "statement")
		update(t, s, func(tx server.WriteTx) error { return tx.Accounts().Create(row, statements) })
	}
	used := func() (u server.Usage) {
		view(t, s, func(tx server.ReadTx) (err error) {
			u, err = tx.Usage()
			return err
		})
		return u
	}
	fill := func(ref server.DeviceRef) {
		update(t, s, func(tx server.WriteTx) error { return fillDevice(tx, ref, later) })
	}
	fill(refs[1])
	fill(refs[2])
	before := used()
	fill(refs[0])
	update(t, s, func(tx server.WriteTx) error { return tx.Accounts().DeleteDevice(refs[0]) })
	want(t, used(), before)
	for i, ref := range refs {
		n := min(i, 1)
		wantRows(t, s, ref, n)
	}
	view(t, s, func(tx server.ReadTx) error {
		row, _ := accountOf("bob", "statement")
		left, err := tx.Accounts().Statements(row, 0, 100)
		want(t, len(left), 1)
		return err
	})
	update(t, s, func(tx server.WriteTx) error { return tx.Accounts().DeleteDevice(refs[0]) }) // there is nothing left
}

// fillDevice stores one row of each kind that belongs to a device.
func fillDevice(tx server.WriteTx, ref server.DeviceRef, later int64) error {
	return errors.Join(
		tx.KeyPackages().Add(ref, [][]byte{[]byte("package")}), tx.KeyPackages().SetLastResort(ref, []byte("last")),
		tx.Mailboxes().Add(server.LetterRow{Name: ref.Name, Device: ref.Device, Expires: later, Letter: []byte("letter")},
			server.SeenRow{Name: ref.Name, Device: ref.Device, ID: [16]byte{1}, Hash: sha256.Sum256([]byte("letter")), Expires: later}),
		tx.Mailboxes().SetToken(ref, [32]byte{1}),
		tx.Sessions().Put(server.SessionRow{Name: ref.Name, Device: ref.Device, Counter: 1, Highest: 1}),
	)
}

// wantRows checks that n times what fillDevice stored is there.
func wantRows(t *testing.T, s server.Store, ref server.DeviceRef, n int) {
	t.Helper()
	view(t, s, func(tx server.ReadTx) error {
		_, noSession := tx.Sessions().Session(ref)
		want(t, errors.Is(noSession, server.ErrNotFound), n == 0)
		packages, err1 := tx.KeyPackages().All(ref)
		box, err2 := tx.Mailboxes().Mailbox(ref)
		letters, err3 := tx.Mailboxes().Letters(ref, 0, 1000)
		seen, err4 := tx.Mailboxes().AllSeen(ref)
		token, err5 := tx.Mailboxes().Token(ref)
		want(t, []int{len(packages), int(box.Last), len(letters), len(seen), int(token[0])}, []int{2 * n, n, n, n, n})
		return errors.Join(err1, err2, err3, err4, err5)
	})
}

func deletedAccount(t *testing.T, s server.Store) {
	others := server.DeviceRef{Name: "bobby", Device: ref.Device}
	fill := func(tx server.WriteTx, ref server.DeviceRef) error {
		row, statements := accountOf(ref.Name, "statement")
		return errors.Join(tx.Accounts().Create(row, statements), fillDevice(tx, ref, start.Unix()+3600))
	}
	used := func() (u server.Usage) {
		view(t, s, func(tx server.ReadTx) (err error) {
			u, err = tx.Usage()
			return err
		})
		return u
	}
	update(t, s, func(tx server.WriteTx) error { return fill(tx, others) })
	before := used()
	update(t, s, func(tx server.WriteTx) error { return fill(tx, ref) })
	update(t, s, func(tx server.WriteTx) error { return tx.Accounts().Delete(ref.Name) })
	wantErr(t, s.Update(t.Context(), func(tx server.WriteTx) error { return tx.Accounts().Delete(ref.Name) }), server.ErrNotFound)
	want(t, used(), before)
	for n, kept := range []server.DeviceRef{ref, others} {
		wantRows(t, s, kept, n)
		view(t, s, func(tx server.ReadTx) error {
			_, missing := tx.Accounts().Account(kept.Name)
			want(t, errors.Is(missing, server.ErrNotFound), n == 0)
			row, _ := accountOf(kept.Name, "statement")
			_, missing = tx.Accounts().Statements(row, 0, 1)
			want(t, errors.Is(missing, server.ErrNotFound), n == 0)
			return nil
		})
	}
	want(t, expireAll(t, s, start.Add(2*time.Hour)).Rows, 2) // those of the other
	update(t, s, func(tx server.WriteTx) error { return fill(tx, ref) })
}

func reservedNames(t *testing.T, s server.Store) {
	row := server.ReservedNameRow{Name: "bob", Hash: [32]byte{7}}
	update(t, s, func(tx server.WriteTx) error { return tx.Names().Reserve(row) })
	view(t, s, func(tx server.ReadTx) error {
		got, err := tx.Names().Reserved("bob")
		want(t, got, row)
		_, missing := tx.Names().Reserved("bo")
		wantErr(t, missing, server.ErrNotFound)
		return err
	})
	free := func() error {
		return s.Update(t.Context(), func(tx server.WriteTx) error { return tx.Names().Free("bob") })
	}
	wantErr(t, free(), nil)
	wantErr(t, free(), server.ErrNotFound)
}

func invites(t *testing.T, s server.Store) {
	row := server.InviteRow{Hash: [32]byte{1}, Hint: "abcd", Created: 1, Expires: start.Unix() + 60}
	update(t, s, func(tx server.WriteTx) error { return tx.Invites().Put(row) })
	view(t, s, func(tx server.ReadTx) error {
		all, err := tx.Invites().All()
		want(t, all, []server.InviteRow{row})
		return err
	})
	take := func(now time.Time) error {
		return s.Update(t.Context(), func(tx server.WriteTx) error { return tx.Invites().Take(row.Hash, now) })
	}
	wantErr(t, take(start.Add(time.Hour)), server.ErrNotFound)
	wantErr(t, take(start), nil)
	wantErr(t, take(start), server.ErrNotFound)
}

func keyPackages(t *testing.T, s server.Store) {
	update(t, s, func(tx server.WriteTx) error {
		kps := tx.KeyPackages()
		_, err := kps.Take(ref, false)
		wantErr(t, err, server.ErrNotFound)
		other := server.DeviceRef{Name: "bo", Device: protocol.DeviceID{7}}
		return errors.Join(kps.Add(other, [][]byte{[]byte("x")}), kps.Add(ref, [][]byte{[]byte("a"), []byte("b")}),
			kps.SetLastResort(ref, []byte("z")), kps.Add(ref, [][]byte{[]byte("c")}))
	})
	for _, text := range []string{"a", "b", "c", "z", "z"} {
		update(t, s, func(tx server.WriteTx) error {
			if text == "b" {
				last, err := tx.KeyPackages().Take(ref, true)
				want(t, string(last), "z")
				wantErr(t, err, nil)
			}
			got, err := tx.KeyPackages().Take(ref, false)
			want(t, string(got), text)
			return err
		})
	}
	view(t, s, func(tx server.ReadTx) error {
		n, last, err := tx.KeyPackages().Count(ref)
		want(t, n, 0)
		want(t, last, true)
		return err
	})
}

func deletedKeyPackages(t *testing.T, s server.Store) {
	refs := []server.DeviceRef{ref, {Name: "bo", Device: ref.Device}, {Name: "bobby", Device: protocol.DeviceID{1}}}
	add := func(tx server.WriteTx) error {
		var errs []error
		for _, ref := range refs {
			errs = append(errs, tx.KeyPackages().Add(ref, [][]byte{[]byte("one"), []byte("two")}), tx.KeyPackages().SetLastResort(ref, []byte("last")))
		}
		return errors.Join(errs...)
	}
	counts := func(bytes uint64, n ...int) {
		t.Helper()
		view(t, s, func(tx server.ReadTx) error {
			for i, ref := range refs {
				got, last, err := tx.KeyPackages().Count(ref)
				want(t, got, n[i])
				want(t, last, true)
				wantErr(t, err, nil)
			}
			usage, err := tx.Usage()
			want(t, usage.RowBytes, bytes)
			return err
		})
	}
	update(t, s, add)
	counts(30, 2, 2, 2)
	update(t, s, func(tx server.WriteTx) error { return tx.KeyPackages().DeleteOneTime(refs[1]) })
	counts(24, 2, 0, 2)
	update(t, s, func(tx server.WriteTx) error {
		return errors.Join(tx.KeyPackages().DeleteOneTime(refs[0]), tx.KeyPackages().Add(refs[0], [][]byte{[]byte("new")}))
	})
	counts(21, 1, 0, 2)
	update(t, s, func(tx server.WriteTx) error { return tx.KeyPackages().DeleteAllOneTime() })
	counts(12, 0, 0, 0)
}

func letter(seq uint64, text string, expires int64) server.LetterRow {
	return server.LetterRow{Name: ref.Name, Device: ref.Device, Seq: seq, Expires: expires, Letter: []byte(text)}
}

func addLetter(tx server.WriteTx, id byte, text string, expires int64) error {
	return tx.Mailboxes().Add(letter(0, text, expires), server.SeenRow{Name: ref.Name, Device: ref.Device, ID: [16]byte{id}, Hash: sha256.Sum256([]byte(text)), Expires: expires})
}

func mailboxes(t *testing.T, s server.Store) {
	later := start.Unix() + 3600
	update(t, s, func(tx server.WriteTx) error {
		return errors.Join(addLetter(tx, 1, "one", later), addLetter(tx, 2, "two", later), addLetter(tx, 3, "three", later))
	})
	view(t, s, func(tx server.ReadTx) error {
		box := tx.Mailboxes()
		all, err := box.Letters(ref, 0, 1000)
		want(t, all, []server.LetterRow{letter(1, "one", later), letter(2, "two", later), letter(3, "three", later)})
		some, _ := box.Letters(ref, 1, 1)
		want(t, some, []server.LetterRow{letter(2, "two", later)})
		none, _ := box.Letters(ref, ^uint64(0), 1)
		want(t, len(none), 0)
		row, _ := box.Mailbox(ref)
		want(t, row, server.MailboxRow{Name: ref.Name, Device: ref.Device, Last: 3, Letters: 3, Bytes: 11})
		seen, _ := box.Seen(ref, [16]byte{2})
		want(t, seen.Seq, uint64(2))
		every, _ := box.AllSeen(ref)
		want(t, len(every), 3)
		return err
	})
	update(t, s, func(tx server.WriteTx) error { return tx.Mailboxes().Delete(ref, 2) })
	update(t, s, func(tx server.WriteTx) error { return addLetter(tx, 4, "four", later) })
	view(t, s, func(tx server.ReadTx) error {
		all, err := tx.Mailboxes().Letters(ref, 0, 1000)
		want(t, all, []server.LetterRow{letter(3, "three", later), letter(4, "four", later)})
		return err
	})
	update(t, s, func(tx server.WriteTx) error { return tx.Mailboxes().Delete(ref, ^uint64(0)) })
	view(t, s, func(tx server.ReadTx) error {
		row, err := tx.Mailboxes().Mailbox(ref)
		want(t, row, server.MailboxRow{Name: ref.Name, Device: ref.Device, Last: 4})
		return err
	})
}

func deliveryTokens(t *testing.T, s server.Store) {
	token := func() (hash [32]byte) {
		view(t, s, func(tx server.ReadTx) (err error) {
			hash, err = tx.Mailboxes().Token(ref)
			return err
		})
		return hash
	}
	want(t, token(), [32]byte{})
	for _, hash := range [][32]byte{{1}, {2}, {}} {
		update(t, s, func(tx server.WriteTx) error { return tx.Mailboxes().SetToken(ref, hash) })
		want(t, token(), hash)
	}
}

func recoveries(t *testing.T, s server.Store) {
	row := server.RecoveryRow{Name: ref.Name, Counter: 1, Device: ref.Device, Stored: 2, Data: make([]byte, 1000)}
	rowBytes := func() (n uint64) {
		view(t, s, func(tx server.ReadTx) error {
			u, err := tx.Usage()
			n = u.RowBytes
			return err
		})
		return n
	}
	before := rowBytes()
	update(t, s, func(tx server.WriteTx) error {
		_, missing := tx.Recoveries().Recovery(ref.Name)
		wantErr(t, missing, server.ErrNotFound)
		return tx.Recoveries().Put(row)
	})
	row.Counter, row.Data = 2, make([]byte, 300)
	update(t, s, func(tx server.WriteTx) error { return tx.Recoveries().Put(row) })
	view(t, s, func(tx server.ReadTx) error {
		got, err := tx.Recoveries().Recovery(ref.Name)
		want(t, fmt.Sprint(got), fmt.Sprint(row))
		return err
	})
	want(t, rowBytes()-before, uint64(300))
}

func sessions(t *testing.T, s server.Store) {
	row := server.SessionRow{Name: ref.Name, Device: ref.Device, Counter: 3, ID: [16]byte{1}, Highest: 5}
	update(t, s, func(tx server.WriteTx) error {
		_, missing := tx.Sessions().Session(ref)
		wantErr(t, missing, server.ErrNotFound)
		return tx.Sessions().Put(row)
	})
	row.Copied, row.ID, row.Generation = true, [16]byte{2}, protocol.Generation{3}
	update(t, s, func(tx server.WriteTx) error { return tx.Sessions().Put(row) })
	view(t, s, func(tx server.ReadTx) error {
		got, err := tx.Sessions().Session(ref)
		want(t, got, row)
		all, e := tx.Sessions().All(ref.Name)
		want(t, fmt.Sprint(all), fmt.Sprint([]server.SessionRow{row}))
		none, e2 := tx.Sessions().All(ref.Name[:1])
		want(t, len(none), 0)
		return errors.Join(err, e, e2)
	})
}

func state(t *testing.T, s server.Store) {
	row := server.StateRow{Incarnation: protocol.Incarnation{1}, Newest: start.Unix(), Boot: "boot", Uptime: 5}
	update(t, s, func(tx server.WriteTx) error {
		none, err := tx.State().Get()
		want(t, none, server.StateRow{})
		return errors.Join(err, tx.State().Put(row))
	})
	view(t, s, func(tx server.ReadTx) error {
		got, err := tx.State().Get()
		want(t, got, row)
		return err
	})
}
