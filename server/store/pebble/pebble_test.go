// SPDX-License-Identifier: AGPL-3.0-or-later

package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/store/storetest"
)

func openTest(t *testing.T, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStoreConforms(t *testing.T) {
	storetest.Run(t, func(t *testing.T) server.Store {
		s := openTest(t, t.TempDir(), Options{Reserve: 1})
		t.Cleanup(func() {
			found, err := s.Check(context.Background(), "")
			if err != nil || len(found.Problems) > 0 && t.Name() != "TestStoreConforms/rows_come_back_as_they_were" && !strings.Contains(t.Name(), "epoch") {
				t.Errorf("check: %v %v", found.Problems, err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}

func TestFaultyStoreConforms(t *testing.T) {
	storetest.Run(t, func(t *testing.T) server.Store {
		s, err := OpenMemory()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() }) // in memory
		return storetest.NewFaulty(s)
	})
}

func TestKeysAndValuesHoldTheRegisteredTables(t *testing.T) {
	registered := map[string]reflect.Type{}
	for _, table := range server.Tables() {
		registered[table.Name] = reflect.TypeOf(table.Row)
	}
	if got, want := slices.Sorted(maps.Values(tableOf)), slices.Sorted(maps.Keys(registered)); !slices.Equal(got, want) {
		t.Errorf("prefixes are of %v, registered are %v", got, want)
	}
	for table, value := range map[string]any{
		"format": valueFormat{}, "totals": valueTotals{}, "mailbox": valueMailbox{}, "letter": valueLetter{},
		"letter_seen": valueSeen{}, "epoch": valueEpoch{}, "blob": valueBlob{}, "session": valueSession{}, "reserved_name": valueReserved{}, "state": valueState{}, "invite": valueInvite{}, "wake": valueWake{},
	} {
		v := reflect.TypeOf(value)
		for i := range v.NumField() {
			name := v.Field(i).Name
			if _, ok := registered[table].FieldByName(name); !ok && name != "_" && name != "V" {
				t.Errorf("%s stores %s, which the registered row does not have", table, name)
			}
		}
	}
}

var channel = protocol.ChannelID{1}

func appendOne(s *Store, n byte) (seq uint64, err error) {
	err = s.Update(context.Background(), func(tx server.WriteTx) error {
		row, err := tx.Channels().Channel(channel)
		if err != nil {
			return err
		}
		row.Last++
		row.Entries++
		row.Bytes++
		seq = row.Last
		return tx.Channels().Append(row, []server.EntryRow{{Channel: channel, Seq: seq, Expires: 1, Ciphertext: []byte{n}}})
	})
	return seq, err
}

// TestWhatWasToldIsDurable crashes the file system at random moments: whatever
// an update acknowledged or a view showed must be there afterwards.
func TestWhatWasToldIsDurable(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { crash(t, seed) })
	}
}

func crash(t *testing.T, seed uint64) {
	fs := vfs.NewCrashableMem()
	s := openTest(t, "db", Options{FS: fs, Reserve: 1})
	err := s.Update(t.Context(), func(tx server.WriteTx) error {
		return tx.Channels().Create(server.ChannelRow{Channel: channel, Expires: 1 << 40}, server.EpochRow{Channel: channel})
	})
	if err != nil {
		t.Fatal(err)
	}
	var told atomic.Uint64
	var wait sync.WaitGroup
	wait.Go(func() { useUntilDone(t, s, &told) })
	random := rand.New(rand.NewPCG(seed, 1))
	for random.IntN(400) > 0 {
		runtime.Gosched()
	}
	// What was told before the crash began must survive it.
	before := told.Load()
	image := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: random})
	wait.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := openTest(t, "db", Options{FS: image, Reserve: 1})
	found, err := again.Check(t.Context(), "")
	if err != nil || len(found.Problems) > 0 {
		t.Fatalf("after the crash: %v %v", found.Problems, err)
	}
	err = again.View(t.Context(), func(tx server.ReadTx) error {
		row, err := tx.Channels().Channel(channel)
		if row.Last < before || row.Entries != row.Last {
			t.Errorf("%d entries of %d after the crash, %d were told", row.Entries, row.Last, before)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

// useUntilDone writes and reads concurrently and raises told to what it was
// told.
func useUntilDone(t *testing.T, s *Store, told *atomic.Uint64) {
	tell := func(seq uint64) {
		for now := told.Load(); seq > now && !told.CompareAndSwap(now, seq); now = told.Load() {
		}
	}
	var wait sync.WaitGroup
	defer wait.Wait()
	for range 4 {
		wait.Go(func() {
			for range 50 {
				seq, err := appendOne(s, 1)
				if err != nil {
					t.Error(err)
				}
				tell(seq)
			}
		})
		wait.Go(func() {
			for range 50 {
				var last uint64
				err := s.View(context.Background(), func(tx server.ReadTx) error {
					row, err := tx.Channels().Channel(channel)
					last = row.Last
					return err
				})
				if err != nil {
					t.Error(err)
				}
				tell(last)
			}
		})
	}
}

// smallDisk has as much room as a test says.
type smallDisk struct {
	vfs.FS
	free uint64
}

func (d *smallDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: d.free}, nil
}

func TestFullDiskRefusesAndRecovers(t *testing.T) {
	disk := &smallDisk{FS: vfs.NewMem(), free: 2 << 20}
	s := openTest(t, "db", Options{FS: disk, Reserve: 1 << 20})
	defer func() { _ = s.Close() }() // in memory
	create := func(name string) error {
		return s.Update(t.Context(), func(tx server.WriteTx) error {
			return tx.Accounts().Create(server.AccountRow{Name: name}, []server.StatementRow{{Name: name, Statement: []byte{1}}})
		})
	}
	if err := create("a"); err != nil {
		t.Fatal(err)
	}
	disk.free = 1000
	var err error
	for n := 0; n < roomEvery && err == nil; n++ {
		err = create(fmt.Sprint(n))
	}
	for range 2 * roomEvery {
		if !errors.Is(err, server.ErrFull) {
			t.Fatalf("error %v", err)
		}
		err = create("b")
	}
	disk.free = 2 << 20
	if err := create("b"); err != nil {
		t.Fatal(err)
	}
}

func TestCheckFindsDamage(t *testing.T) {
	for name, spoil := range map[string]func(*Store) error{
		"a row that does not decode": func(s *Store) error { return s.db.Set(keyAccount("bob"), []byte("rubbish"), nil) },
		"a statement of no account": func(s *Store) error {
			return s.db.Set(keyStatement("bob", 0), encodeStatement(server.StatementRow{}), nil)
		},
		"a row of an unknown kind": func(s *Store) error { return s.db.Set([]byte("?x"), nil, nil) },
		"a lost entry":             func(s *Store) error { return s.db.Delete(keyChannelNumber(prefixEntry, channel, 1), nil) },
		"a lost epoch":             func(s *Store) error { return s.db.Delete(keyChannelNumber(prefixEpoch, channel, 0), nil) },
		"a lost channel":           func(s *Store) error { return s.db.Delete(key32(prefixChannel, channel), nil) },
		"lost totals":              func(s *Store) error { return s.db.Delete(keyTotals, nil) },
		"a lost expiry":            func(s *Store) error { return s.db.DeleteRange([]byte("x"), []byte("y"), nil) },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := OpenMemory()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }() // in memory
			err = s.Update(t.Context(), func(tx server.WriteTx) error {
				return tx.Channels().Create(server.ChannelRow{Channel: channel, Expires: 1 << 40}, server.EpochRow{Channel: channel})
			})
			if _, appendErr := appendOne(s, 1); err != nil || appendErr != nil {
				t.Fatal(err, appendErr)
			}
			if found, err := s.Check(t.Context(), ""); err != nil || len(found.Problems) > 0 {
				t.Fatalf("before the damage: %v %v", found, err)
			}
			if err := spoil(s); err != nil {
				t.Fatal(err)
			}
			if found, err := s.Check(t.Context(), ""); err != nil || len(found.Problems) == 0 {
				t.Errorf("nothing found; error %v", err)
			}
		})
	}
}

// Every file that the engine made is read and verified, those of separated
// values too.
func TestCheckReadsEveryFile(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, Options{Reserve: 1})
	err := s.Update(t.Context(), func(tx server.WriteTx) error {
		row := server.ChannelRow{Channel: channel, Expires: 1 << 40}
		if err := tx.Channels().Create(row, server.EpochRow{Channel: channel}); err != nil {
			return err
		}
		var entries []server.EntryRow
		for range 200 {
			row.Last, row.Entries, row.Bytes = row.Last+1, row.Entries+1, row.Bytes+1024
			entries = append(entries, server.EntryRow{Channel: channel, Seq: row.Last, Kind: protocol.KindMessage, Ciphertext: make([]byte, 1024)})
		}
		return tx.Channels().Append(row, entries)
	})
	if err := errors.Join(err, s.db.Flush(), s.Close()); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{".sst", ".blob"} {
		files, err := filepath.Glob(filepath.Join(dir, "*"+kind))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files, %v", kind, err)
		}
		for _, name := range files {
			whole, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			spoilt := bytes.Clone(whole)
			spoilt[len(spoilt)/3] ^= 1
			if err := os.WriteFile(name, spoilt, 0o600); err != nil {
				t.Fatal(err)
			}
			// The store may not even open, or tell what is wrong.
			s, err := Open(dir, Options{ReadOnly: true})
			if err == nil {
				var found *Findings
				found, err = s.Check(t.Context(), "")
				if err != nil || len(found.Problems) == 0 {
					t.Errorf("%s: found %v, error %v", kind, found, err)
				}
				err = s.Close()
			} else if !strings.Contains(err.Error(), "checksum mismatch") {
				t.Errorf("%s: %v", kind, err)
			} else {
				err = nil
			}
			if err := errors.Join(err, os.WriteFile(name, whole, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}
	s = openTest(t, dir, Options{ReadOnly: true})
	if found, err := s.Check(t.Context(), ""); err != nil || len(found.Problems) > 0 {
		t.Errorf("whole again: %v, %v", found, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestUnknownFormatIsRefused(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, "db", Options{FS: fs, Reserve: 1})
	if err := s.db.Set(keyFormat, encodeValue(valueFormat{Version: 99}), nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open("db", Options{FS: fs}); err == nil || !strings.Contains(err.Error(), "format 99") {
		t.Errorf("error %v", err)
	}
}

// TestFullDiskLetsRoomBeMade refuses new rows on a disk that has come to its
// reserve, and still deletes.
func TestFullDiskLetsRoomBeMade(t *testing.T) {
	dir := t.TempDir()
	write := func(s *Store, ctx context.Context, id byte) error {
		return s.Update(ctx, func(tx server.WriteTx) error {
			return tx.Blobs().Put(server.BlobRow{Blob: protocol.BlobID{id}, Length: 5, Expires: 60})
		})
	}
	for _, reserve := range []uint64{1, 1 << 60} {
		s, err := Open(dir, Options{Reserve: reserve})
		if err != nil {
			t.Fatal(err)
		}
		if err := write(s, t.Context(), byte(reserve)+1); (err == nil) != (reserve == 1) || err != nil && !errors.Is(err, server.ErrFull) {
			t.Errorf("with a reserve of %d: %v", reserve, err)
		}
		if reserve > 1 {
			var gone server.Expired
			err := s.Update(server.Freeing(t.Context()), func(tx server.WriteTx) (err error) {
				gone, err = tx.Expire(time.Unix(3600, 0), 10)
				return err
			})
			if err != nil || len(gone.Blobs) != 1 {
				t.Errorf("what has expired on a full disk: %v, %v", gone, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
