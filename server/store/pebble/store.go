// SPDX-License-Identifier: AGPL-3.0-or-later

package pebble

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/securecrypt/securecrypt/server"
)

// formatVersion is the version of keys and values together. In format 1,
// channels did not expire; in format 2, there were no sessions, reserved names
// and state, and blobs had no hashes; in format 3, accounts had their statements in
// their row; in format 4, there were no vaults.
const formatVersion = 5

// Sizes of the engine's memory and files. A large memtable means fewer
// flushes; what is in memtables is read back from the log when a server starts
// that was killed.
const (
	memTableSize = 16 << 20
	cacheSize    = 32 << 20
	tableSize    = 16 << 20
	separateSize = 512 // bytes of a value that is kept apart from the tables
	// In how many files the values of one table's keys may lie: with less,
	// channels that are busy at once have them copied again and again.
	separateDepth = 100
)

// How the engine times its work: how long a sync follows the last one at least,
// and which files of separated values it writes anew without what was deleted.
const (
	syncInterval = time.Millisecond
	rewriteAge   = time.Minute
	garbageRatio = 0.2
)

// DefaultReserve is how much room must be left on the disk for the store to
// accept writes: the engine needs some to tidy up.
const DefaultReserve = 256 << 20

// Options say how to open a store.
type Options struct {
	// FS is where the files are; nil stands for the operating system's.
	FS vfs.FS
	// Reserve stands for DefaultReserve if it is zero.
	Reserve uint64
	// ReadOnly opens an existing store that nobody writes to.
	ReadOnly bool
	// Log may be nil.
	Log *slog.Logger
}

// A Store is a [server.Store]. It is safe for concurrent use.
type Store struct {
	db      *pebble.DB
	fs      vfs.FS
	dir     string
	reserve uint64
	updates uint64 // until the room on the disk is asked for; write guards it

	// write is held while an update function runs and its batch is put into
	// the log; order guards what tells when a batch has become durable and is
	// never held while waiting for the disk. Where both are held, write comes
	// first.
	write sync.Mutex
	order durability
	usage usage
}

// Open opens the store in dir, creating it if need be.
func Open(dir string, o Options) (*Store, error) {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Reserve == 0 {
		o.Reserve = DefaultReserve
	}
	s := &Store{fs: o.FS, dir: dir, reserve: o.Reserve}
	s.order.cond.L = &s.order.mu
	db, err := pebble.Open(dir, o.engine())
	if err != nil {
		return nil, wrap(err)
	}
	s.db = db
	if err := s.checkFormat(o.ReadOnly); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := s.countUsage(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// OpenMemory opens a new store that is gone when it is closed.
func OpenMemory() (*Store, error) {
	return Open("store", Options{FS: vfs.NewMem(), Reserve: 1})
}

func (o Options) engine() *pebble.Options {
	opts := EngineOptions()
	opts.FS, opts.ReadOnly, opts.ErrorIfNotExists = o.FS, o.ReadOnly, o.ReadOnly
	log := engineLog{o.Log}
	opts.Logger = log
	opts.EventListener = &pebble.EventListener{DataCorruption: log.damaged}
	return opts
}

// EngineOptions returns how the engine is set up for entries of about a
// kilobyte, most of which are written once, read soon or never, and deleted.
func EngineOptions() *pebble.Options {
	opts := &pebble.Options{
		FormatMajorVersion:          pebble.FormatValueSeparation,
		MemTableSize:                memTableSize,
		MemTableStopWritesThreshold: 4,
		CacheSize:                   cacheSize,
		// Under load syncs wait a little for more to sync.
		WALMinSyncInterval: func() time.Duration { return syncInterval },
	}
	// Almost everything stored is ciphertext, which does not compress.
	opts.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	opts.TargetFileSizes[0] = tableSize
	// Ciphertext is kept apart from the tables, whose compaction need not
	// copy it then. What is deleted leaves the disk when a file has enough of it.
	opts.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy {
		return pebble.ValueSeparationPolicy{
			Enabled: true, MinimumSize: separateSize, MaxBlobReferenceDepth: separateDepth,
			RewriteMinimumAge: rewriteAge, TargetGarbageRatio: garbageRatio,
		}
	}
	return opts
}

// engineLog keeps the engine's chatter out of the log; what ends the process
// is told.
type engineLog struct{ log *slog.Logger }

func (engineLog) Infof(string, ...any) {}

func (l engineLog) Errorf(string, ...any) {
	if l.log != nil {
		l.log.Warn("the store's engine reports a fault in the background and tries again")
	}
}

// damaged tells of a file that cannot be read as it was written. What it holds
// cannot be served; everything else can.
func (l engineLog) damaged(i pebble.DataCorruptionInfo) {
	if l.log != nil {
		l.log.Error("a file of the store is damaged: stop the server, run securecryptd check, and put a backup back with securecryptd restore", "file", filepath.Base(i.Path))
	}
}

// Fatalf ends the process: the write-ahead log could not be written, so that
// nothing more can be made durable.
func (l engineLog) Fatalf(format string, args ...any) {
	if l.log != nil {
		l.log.Error("the store cannot write its log any more; the server stops without having acknowledged what was not stored")
	}
	reason, _, _ := strings.Cut(fmt.Sprintf(format, args...), "\n")
	fmt.Fprintf(os.Stderr, "The store cannot write any more: %s\n", reason)
	os.Exit(1)
}

func (s *Store) checkFormat(readOnly bool) error {
	t := tx{r: s.db, usage: &s.usage}
	b, err := t.get(keyFormat)
	if errors.Is(err, server.ErrNotFound) && !readOnly {
		return s.db.Set(keyFormat, encodeValue(valueFormat{Version: formatVersion}), pebble.Sync)
	}
	if err != nil {
		return err
	}
	v, err := decodeFormat(b)
	if err != nil {
		return err
	}
	if v.Version >= 1 && v.Version < formatVersion {
		if readOnly {
			return nil
		}
		return s.upgrade(v.Version)
	}
	if v.Version != formatVersion {
		return fmt.Errorf("pebble: the store has format %d, this program knows %d: use the version of the program that fits", v.Version, formatVersion)
	}
	return nil
}

// Close closes the store. Nothing may be under way.
func (s *Store) Close() error {
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.db.Close(); err != nil {
		return wrap(err)
	}
	return nil
}

// View implements [server.Store].
func (s *Store) View(ctx context.Context, fn func(server.ReadTx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	snapshot := s.db.NewSnapshot()
	ticket := s.order.applied.Load()
	err := fn(readTx{&tx{r: snapshot, usage: &s.usage}})
	if err := snapshot.Close(); err != nil {
		return wrap(err)
	}
	if err != nil {
		return err
	}
	return s.order.wait(ticket)
}

// Update implements [server.Store].
func (s *Store) Update(ctx context.Context, fn func(server.WriteTx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	batch, ticket, err := s.apply(fn, server.IsFreeing(ctx))
	if err != nil {
		return err
	}
	if batch == nil { // nothing was written
		return s.order.wait(ticket)
	}
	err = batch.SyncWait()
	s.order.done(ticket, err)
	if err != nil {
		return fmt.Errorf("pebble: syncing: %w", err)
	}
	return batch.Close()
}

// apply runs fn and puts what it wrote into the log, in the order of the
// tickets that it returns.
func (s *Store) apply(fn func(server.WriteTx) error, freeing bool) (*pebble.Batch, uint64, error) {
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.checkRoom(freeing); err != nil {
		return nil, 0, err
	}
	batch := s.db.NewIndexedBatch()
	t := &tx{r: batch, b: batch, usage: &s.usage}
	if err := fn(writeTx{t}); err != nil {
		return nil, 0, errors.Join(err, batch.Close())
	}
	if batch.Empty() {
		return nil, s.order.applied.Load(), batch.Close()
	}
	// Counted before it becomes visible: a View that sees the batch waits
	// for it.
	ticket := s.order.applied.Add(1)
	if err := s.db.ApplyNoSyncWait(batch, pebble.Sync); err != nil {
		err = fmt.Errorf("pebble: writing: %w", err)
		s.order.done(ticket, err)
		return nil, 0, err
	}
	s.usage.rowBytes.Add(t.rowBytes)
	s.usage.blobBytes.Add(t.blobBytes)
	s.usage.vaultBytes.Add(t.vaultBytes)
	return batch, ticket, nil
}

// roomEvery is how many updates go between two looks at the disk. What they
// can write is little beside the reserve. A full disk is looked at each time.
const roomEvery = 16

// freeingReserve is what must be left on the disk for updates that only delete.
const freeingReserve = 32 << 20

func (s *Store) checkRoom(freeing bool) error {
	reserve := s.reserve
	if freeing {
		reserve = min(reserve, freeingReserve)
	} else if s.updates > 0 {
		s.updates--
		return nil
	}
	usage, err := s.fs.GetDiskUsage(s.dir)
	if errors.Is(err, vfs.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("pebble: asking for the room on the disk: %w", err)
	}
	if usage.AvailBytes < reserve {
		return server.ErrFull
	}
	if !freeing {
		s.updates = roomEvery - 1
	}
	return nil
}

// durability knows which applied batches have been synced. The log is synced
// in order, so that one number says it.
type durability struct {
	applied atomic.Uint64 // tickets given

	mu     sync.Mutex
	cond   sync.Cond
	synced uint64 // every ticket up to this one is durable
	failed error  // set once: the log cannot be written any more
}

func (d *durability) done(ticket uint64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil && d.failed == nil {
		d.failed = err
	}
	if err == nil {
		d.synced = max(d.synced, ticket)
	}
	d.cond.Broadcast()
}

func (d *durability) wait(ticket uint64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.synced < ticket && d.failed == nil {
		d.cond.Wait()
	}
	if d.synced < ticket {
		return d.failed
	}
	return nil
}
