// SPDX-License-Identifier: AGPL-3.0-or-later

package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
)

var start = time.Unix(1_800_000_000, 0)

// never is when the channel of a test expires that is about something else.
var never = start.AddDate(1, 0, 0).Unix()

// Run checks a kind of store; open returns a new, empty one.
func Run(t *testing.T, open func(t *testing.T) server.Store) {
	for name, test := range map[string]func(*testing.T, server.Store){
		"accounts are created once":                  accounts,
		"statements are appended in order":           statements,
		"a deleted device leaves nothing":            deletedDevice,
		"a deleted account leaves nothing":           deletedAccount,
		"names are reserved and freed":               reservedNames,
		"one-time key packages are deleted":          deletedKeyPackages,
		"marks of sign-ins are replaced":             sessions,
		"what recovery needs is replaced":            recoveries,
		"the store's state is replaced":              state,
		"invitations are taken once":                 invites,
		"wakes are replaced and deleted":             wakes,
		"key packages are taken in order":            keyPackages,
		"mailboxes keep letters in order":            mailboxes,
		"channels keep entries in order":             channels,
		"channels expire unless they are used":       unusedChannels,
		"a deleted channel leaves nothing":           deletedChannel,
		"delivery tokens are replaced":               deliveryTokens,
		"what is stored is counted":                  counted,
		"blobs are counted as they arrive":           blobs,
		"rows expire in their time and no other":     expiry,
		"an epoch's key goes with its last entry":    epochs,
		"a failing update stores nothing":            failing,
		"an update sees its own writes":              ownWrites,
		"a view does not change":                     stableView,
		"concurrent updates are serialisable":        concurrent,
		"a failing update does not spoil the others": mates,
		"rows come back as they were":                roundTrip,
		"a cancelled context stores nothing":         cancelled,
		"objects of vaults are listed":               vaultObjects,
		"deletions of vaults are taken back or go":   vaultDeletions,
		"a revoked device deletes nothing for good":  revokedDeletions,
		"closed vaults expire":                       closedVaults,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func update(t *testing.T, s server.Store, fn func(server.WriteTx) error) {
	t.Helper()
	if err := s.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func view(t *testing.T, s server.Store, fn func(server.ReadTx) error) {
	t.Helper()
	if err := s.View(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func wantErr(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("error %v, want %v", err, target)
	}
}

func wakes(t *testing.T, s server.Store) {
	row := server.WakeRow{Hash: [32]byte{1}, Endpoint: "https://push.example/1", Expires: start.Unix() + 60}
	other := server.WakeRow{Hash: [32]byte{2}, Endpoint: "https://push.example/2", Expires: start.Unix() + 60}
	update(t, s, func(tx server.WriteTx) error { return errors.Join(tx.Wakes().Put(row), tx.Wakes().Put(other)) })
	row.Endpoint, row.Expires = "https://push.example/3", start.Unix()+3600
	update(t, s, func(tx server.WriteTx) error { return tx.Wakes().Put(row) })
	view(t, s, func(tx server.ReadTx) error {
		got, err := tx.Wakes().Wake(row.Hash)
		want(t, got, row)
		_, missing := tx.Wakes().Wake([32]byte{3})
		wantErr(t, missing, server.ErrNotFound)
		return err
	})
	want(t, expireAll(t, s, start.Add(2*time.Minute)).Rows, 1) // the other
	update(t, s, func(tx server.WriteTx) error { return tx.Wakes().Put(other) })
	remove := func() error {
		return s.Update(t.Context(), func(tx server.WriteTx) error { return tx.Wakes().Delete(other.Hash) })
	}
	wantErr(t, remove(), nil)
	wantErr(t, remove(), server.ErrNotFound)
	want(t, expireAll(t, s, start.Add(2*time.Hour)).Rows, 1)
	view(t, s, func(tx server.ReadTx) error {
		_, err := tx.Wakes().Wake(row.Hash)
		wantErr(t, err, server.ErrNotFound)
		return nil
	})
}

var ref = server.DeviceRef{Name: "bob", Device: protocol.DeviceID{7}}

var channel = protocol.ChannelID{9}

func createChannel(t *testing.T, s server.Store) {
	t.Helper()
	update(t, s, func(tx server.WriteTx) error {
		return tx.Channels().Create(server.ChannelRow{Channel: channel, Expires: never}, server.EpochRow{Channel: channel, Key: protocol.AccessKey{1}})
	})
}

// post appends entries of the given expiry times.
func post(tx server.WriteTx, expires ...int64) error {
	row, err := tx.Channels().Channel(channel)
	if err != nil {
		return err
	}
	var entries []server.EntryRow
	for _, at := range expires {
		row.Last++
		row.Entries++
		row.Bytes += 3
		entries = append(entries, server.EntryRow{Channel: channel, Seq: row.Last, Epoch: row.Epoch, Expires: at, Ciphertext: []byte("abc")})
	}
	return tx.Channels().Append(row, entries)
}

func seqs(t *testing.T, s server.Store, after, upTo uint64, maxBytes int) (out []uint64) {
	t.Helper()
	view(t, s, func(tx server.ReadTx) error {
		rows, err := tx.Channels().Entries(channel, after, upTo, maxBytes)
		for _, r := range rows {
			out = append(out, r.Seq)
		}
		return err
	})
	return out
}

func channels(t *testing.T, s server.Store) {
	createChannel(t, s)
	err := s.Update(t.Context(), func(tx server.WriteTx) error {
		return tx.Channels().Create(server.ChannelRow{Channel: channel, Expires: never}, server.EpochRow{Channel: channel})
	})
	wantErr(t, err, server.ErrExists)
	later := start.Unix() + 3600
	update(t, s, func(tx server.WriteTx) error { return post(tx, later, later, later+600) })
	update(t, s, func(tx server.WriteTx) error { return post(tx, later) })
	want(t, seqs(t, s, 0, 100, 1000), []uint64{1, 2, 3, 4})
	want(t, seqs(t, s, 1, 3, 1000), []uint64{2, 3})
	want(t, seqs(t, s, 0, ^uint64(0), 4), []uint64{1, 2})
	want(t, seqs(t, s, 4, 2, 1000), []uint64(nil))
	view(t, s, func(tx server.ReadTx) error {
		row, err := tx.Channels().Channel(channel)
		want(t, row, server.ChannelRow{Channel: channel, Last: 4, Entries: 4, Bytes: 12, Expires: never})
		n, _ := tx.Channels().Count()
		want(t, n, uint64(1))
		_, missing := tx.Channels().Channel(protocol.ChannelID{8})
		wantErr(t, missing, server.ErrNotFound)
		_, missing = tx.Channels().Epoch(channel, 1)
		wantErr(t, missing, server.ErrNotFound)
		return err
	})
}

func unusedChannels(t *testing.T, s server.Store) {
	other := protocol.ChannelID{99}
	soon, later := start.Unix()+3600, start.Unix()+7200
	update(t, s, func(tx server.WriteTx) error {
		return errors.Join(
			tx.Channels().Create(server.ChannelRow{Channel: channel, Expires: soon}, server.EpochRow{Channel: channel}),
			tx.Channels().Create(server.ChannelRow{Channel: other, Expires: soon}, server.EpochRow{Channel: other}),
			tx.Channels().Extend(other, later), tx.Channels().Extend(other, soon),
		)
	})
	err := s.Update(t.Context(), func(tx server.WriteTx) error { return tx.Channels().Extend(protocol.ChannelID{8}, later) })
	wantErr(t, err, server.ErrNotFound)
	want(t, expireAll(t, s, start).Rows, 0)
	want(t, expireAll(t, s, start.Add(61*time.Minute)).Rows, 1)
	left := func() (n uint64) {
		view(t, s, func(tx server.ReadTx) (err error) {
			n, err = tx.Channels().Count()
			return err
		})
		return n
	}
	want(t, left(), uint64(1))
	want(t, expireAll(t, s, start.Add(121*time.Minute)).Rows, 1)
	want(t, left(), uint64(0))
}

func deletedChannel(t *testing.T, s server.Store) {
	createChannel(t, s)
	later := start.Unix() + 3600
	update(t, s, func(tx server.WriteTx) error { return post(tx, later, later) })
	update(t, s, func(tx server.WriteTx) error { return tx.Channels().Delete(channel) })
	err := s.Update(t.Context(), func(tx server.WriteTx) error { return tx.Channels().Delete(channel) })
	wantErr(t, err, server.ErrNotFound)
	view(t, s, func(tx server.ReadTx) error {
		_, missing := tx.Channels().Channel(channel)
		wantErr(t, missing, server.ErrNotFound)
		_, missing = tx.Channels().Epoch(channel, 0)
		wantErr(t, missing, server.ErrNotFound)
		n, err := tx.Channels().Count()
		want(t, n, uint64(0))
		usage, _ := tx.Usage()
		want(t, usage, server.Usage{})
		return err
	})
	want(t, seqs(t, s, 0, 100, 1000), []uint64(nil))
	want(t, expireAll(t, s, start.Add(2*time.Hour)).Rows, 0)
	createChannel(t, s) // the identifier is free again
	want(t, seqs(t, s, 0, 100, 1000), []uint64(nil))
}

func counted(t *testing.T, s server.Store) {
	createChannel(t, s)
	later := start.Unix() + 3600
	usage := func() (u server.Usage) {
		view(t, s, func(tx server.ReadTx) (err error) {
			u, err = tx.Usage()
			return err
		})
		return u
	}
	for _, step := range []struct {
		what string
		rows uint64
		do   func(server.WriteTx) error
	}{
		{"an account", 2, func(tx server.WriteTx) error {
			return tx.Accounts().Create(accountOf("bob", "12"))
		}},
		{"entries", 2 + 6, func(tx server.WriteTx) error { return post(tx, later, later) }},
		{"a letter", 8 + 4, func(tx server.WriteTx) error { return addLetter(tx, 1, "four", later) }},
		{"key packages", 12 + 5, func(tx server.WriteTx) error {
			return errors.Join(tx.KeyPackages().Add(ref, [][]byte{{1}, {2, 2}}), tx.KeyPackages().SetLastResort(ref, []byte{3, 3}))
		}},
		{"another one of last resort", 17 + 1, func(tx server.WriteTx) error { return tx.KeyPackages().SetLastResort(ref, []byte{3, 3, 3}) }},
		{"one taken", 18 - 1, func(tx server.WriteTx) error {
			_, err := tx.KeyPackages().Take(ref, false)
			return err
		}},
		{"a wake", 17 + 3, func(tx server.WriteTx) error {
			return tx.Wakes().Put(server.WakeRow{Hash: [32]byte{1}, Endpoint: "abc", Expires: later})
		}},
		{"the letter deleted", 20 - 4, func(tx server.WriteTx) error { return tx.Mailboxes().Delete(ref, 9) }},
		{"the channel deleted", 16 - 6, func(tx server.WriteTx) error { return tx.Channels().Delete(channel) }},
		{"the wake deleted", 10 - 3, func(tx server.WriteTx) error { return tx.Wakes().Delete([32]byte{1}) }},
	} {
		failed := errors.New("failed")
		err := s.Update(t.Context(), func(tx server.WriteTx) error { return errors.Join(step.do(tx), failed) })
		wantErr(t, err, failed) // and is not counted
		update(t, s, step.do)
		if got := usage().RowBytes; got != step.rows {
			t.Errorf("%s: %d bytes, want %d", step.what, got, step.rows)
		}
	}
}

func blobs(t *testing.T, s server.Store) {
	row := server.BlobRow{Blob: protocol.BlobID{1}, Length: 10, Expires: start.Unix() + 60, UploadUntil: start.Unix() + 30}
	update(t, s, func(tx server.WriteTx) error { return tx.Blobs().Put(row) })
	row.Offset = 10
	update(t, s, func(tx server.WriteTx) error { return tx.Blobs().Put(row) })
	view(t, s, func(tx server.ReadTx) error {
		got, err := tx.Blobs().Blob(row.Blob)
		want(t, got, row)
		usage, _ := tx.Usage()
		want(t, usage, server.Usage{BlobBytes: 10})
		return err
	})
	update(t, s, func(tx server.WriteTx) error { return tx.Blobs().Delete(row.Blob) })
	err := s.Update(t.Context(), func(tx server.WriteTx) error { return tx.Blobs().Delete(row.Blob) })
	wantErr(t, err, server.ErrNotFound)
	view(t, s, func(tx server.ReadTx) error {
		usage, err := tx.Usage()
		want(t, usage, server.Usage{})
		return err
	})
}

// expireAll calls Expire, a few rows at a time, until there is no more.
func expireAll(t *testing.T, s server.Store, now time.Time) (gone server.Expired) {
	t.Helper()
	for more := true; more; {
		var some server.Expired
		update(t, s, func(tx server.WriteTx) (err error) {
			some, err = tx.Expire(now, 2)
			return err
		})
		gone.Rows += some.Rows
		gone.Blobs = append(gone.Blobs, some.Blobs...)
		more = some.More
	}
	return gone
}

func expiry(t *testing.T, s server.Store) {
	createChannel(t, s)
	soon, later := start.Unix()+60, start.Unix()+3600
	update(t, s, func(tx server.WriteTx) error {
		return errors.Join(
			post(tx, later, soon, soon, later), addLetter(tx, 1, "soon", soon), addLetter(tx, 2, "later", later),
			tx.Invites().Put(server.InviteRow{Hash: [32]byte{1}, Hint: "abcd", Expires: soon}),
			tx.Blobs().Put(server.BlobRow{Blob: protocol.BlobID{1}, Length: 5, Offset: 5, Expires: soon}),
			tx.Blobs().Put(server.BlobRow{Blob: protocol.BlobID{2}, Length: 5, Offset: 1, Expires: later, UploadUntil: soon}),
			tx.Blobs().Put(server.BlobRow{Blob: protocol.BlobID{3}, Length: 5, Offset: 1, Expires: later, UploadUntil: soon}),
			tx.Blobs().Put(server.BlobRow{Blob: protocol.BlobID{3}, Length: 5, Offset: 5, Expires: later, UploadUntil: soon}),
		)
	})
	want(t, expireAll(t, s, start).Rows, 0)
	gone := expireAll(t, s, start.Add(2*time.Minute))
	want(t, gone.Rows, 2+2+1+2)
	want(t, len(gone.Blobs), 2)
	want(t, seqs(t, s, 0, 100, 1000), []uint64{1, 4})
	view(t, s, func(tx server.ReadTx) error {
		row, err := tx.Channels().Channel(channel)
		want(t, row, server.ChannelRow{Channel: channel, Last: 4, Entries: 2, Bytes: 6, Expires: never})
		box, _ := tx.Mailboxes().Mailbox(ref)
		want(t, box.Letters, uint64(1))
		usage, _ := tx.Usage()
		want(t, usage, server.Usage{RowBytes: 6 + 5, BlobBytes: 5})
		return err
	})
	want(t, expireAll(t, s, start.Add(2*time.Hour)).Rows, 2+2+1)
	want(t, expireAll(t, s, start.Add(2*time.Hour)).Rows, 0)
}

func epochs(t *testing.T, s server.Store) {
	createChannel(t, s)
	soon, later := start.Unix()+60, start.Unix()+3600
	update(t, s, func(tx server.WriteTx) error {
		if err := post(tx, soon, soon, later); err != nil {
			return err
		}
		row, err := tx.Channels().Channel(channel)
		row.Epoch = 2
		return errors.Join(err, tx.Channels().Append(row, nil),
			tx.Channels().PutEpoch(server.EpochRow{Channel: channel, Epoch: 0, End: 2}),
			tx.Channels().PutEpoch(server.EpochRow{Channel: channel, Epoch: 1, Start: 2, End: 3}),
			tx.Channels().PutEpoch(server.EpochRow{Channel: channel, Epoch: 2, Start: 3}))
	})
	known := func() (out []uint64) {
		view(t, s, func(tx server.ReadTx) error {
			for n := range uint64(3) {
				if _, err := tx.Channels().Epoch(channel, n); err == nil {
					out = append(out, n)
				}
			}
			return nil
		})
		return out
	}
	want(t, known(), []uint64{0, 1, 2})
	expireAll(t, s, start.Add(2*time.Minute))
	want(t, known(), []uint64{1, 2})
	expireAll(t, s, start.Add(2*time.Hour))
	want(t, known(), []uint64{2})
}

var errMine = errors.New("mine")

func failing(t *testing.T, s server.Store) {
	createChannel(t, s)
	err := s.Update(t.Context(), func(tx server.WriteTx) error {
		return errors.Join(post(tx, start.Unix()), addLetter(tx, 1, "x", start.Unix()),
			tx.Accounts().Create(accountOf("eve", "1")), errMine)
	})
	wantErr(t, err, errMine)
	want(t, seqs(t, s, 0, 100, 1000), []uint64(nil))
	view(t, s, func(tx server.ReadTx) error {
		n, err := tx.Accounts().Count()
		want(t, n, uint64(0))
		box, _ := tx.Mailboxes().Mailbox(ref)
		want(t, box.Last, uint64(0))
		return err
	})
}

func ownWrites(t *testing.T, s server.Store) {
	update(t, s, func(tx server.WriteTx) error {
		if err := tx.Accounts().Create(accountOf("bob", "1")); err != nil {
			return err
		}
		wantErr(t, tx.Accounts().Create(accountOf("bob", "1")), server.ErrExists)
		n, err := tx.Accounts().Count()
		want(t, n, uint64(1))
		return err
	})
}

func stableView(t *testing.T, s server.Store) {
	createChannel(t, s)
	view(t, s, func(tx server.ReadTx) error {
		update(t, s, func(tx server.WriteTx) error { return post(tx, start.Unix()) })
		row, err := tx.Channels().Channel(channel)
		want(t, row.Last, uint64(0))
		return err
	})
}

func concurrent(t *testing.T, s server.Store) {
	createChannel(t, s)
	const writers, each = 8, 25
	var wait sync.WaitGroup
	for range writers {
		wait.Go(func() {
			for range each {
				if err := s.Update(context.Background(), func(tx server.WriteTx) error { return post(tx, start.Unix()) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	want(t, len(seqs(t, s, 0, ^uint64(0), 1<<20)), writers*each)
}

func mates(t *testing.T, s server.Store) {
	createChannel(t, s)
	var wait sync.WaitGroup
	for i := range 32 {
		wait.Go(func() {
			err := s.Update(context.Background(), func(tx server.WriteTx) error {
				if err := post(tx, start.Unix()); err != nil {
					return err
				}
				if i%2 == 1 {
					return fmt.Errorf("%d: %w", i, errMine)
				}
				return nil
			})
			if errors.Is(err, errMine) != (i%2 == 1) {
				t.Errorf("update %d: %v", i, err)
			}
		})
	}
	wait.Wait()
	want(t, len(seqs(t, s, 0, ^uint64(0), 1<<20)), 16)
}

func roundTrip(t *testing.T, s server.Store) {
	entry := server.EntryRow{Channel: channel, Seq: 1, Epoch: 1 << 40, Kind: protocol.KindCommit, Expires: 1 << 33, Ciphertext: []byte{0, 1, 2}}
	epoch := server.EpochRow{Channel: channel, Epoch: 3, Key: protocol.AccessKey{9}, Start: 4, End: 5}
	row := server.ChannelRow{Channel: channel, Epoch: 1, Last: 2, Entries: 3, Bytes: 4, Expires: never}
	update(t, s, func(tx server.WriteTx) error {
		return errors.Join(tx.Channels().Create(row, epoch), tx.Channels().Append(row, []server.EntryRow{entry}))
	})
	view(t, s, func(tx server.ReadTx) error {
		gotRow, err1 := tx.Channels().Channel(channel)
		gotEpoch, err2 := tx.Channels().Epoch(channel, 3)
		gotEntries, err3 := tx.Channels().Entries(channel, 0, 10, 100)
		want(t, gotRow, row)
		want(t, gotEpoch, epoch)
		want(t, gotEntries, []server.EntryRow{entry})
		return errors.Join(err1, err2, err3)
	})
}

func cancelled(t *testing.T, s server.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.Update(ctx, func(tx server.WriteTx) error { return tx.Accounts().Create(accountOf("bob", "1")) })
	wantErr(t, err, context.Canceled)
}
