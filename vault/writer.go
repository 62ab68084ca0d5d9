// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/securecrypt/securecrypt/vault/chunk"
	"github.com/securecrypt/securecrypt/vault/index"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/pack"
)

const (
	// pendingPack is the number of the pack of chunks that are not in one yet.
	pendingPack = math.MaxUint32
	// uploads is how many packs are written to the storage at a time.
	uploads = 3
	// verifyEvery is how often a pack is verified before it is written while the
	// storage takes packs faster than they are made.
	verifyEvery = 8
	// indexPage is the size in bytes that an index page aims at.
	indexPage = 512 << 10
)

// WriterOptions say how a Writer works.
type WriterOptions struct {
	Level pack.Level
	// VerifyAll decrypts and compares every pack before it is written. Otherwise
	// every eighth is, and every one that has to wait for the storage.
	VerifyAll bool
	// DryRun counts what would be written, and writes nothing.
	DryRun bool
}

// A Writer adds chunks to a vault: it finds which are there already, compresses
// the others into frames and frames into packs, and writes packs to the storage.
// Nothing that it writes counts until an entry of the log is published.
type Writer struct {
	v       *Vault
	options WriterOptions
	session *keys.Session
	domain  keys.Domain // of the files of this device
	ctx     context.Context
	cancel  context.CancelCauseFunc
	slots   chan struct{}  // of uploads
	running sync.WaitGroup // of uploads; Close waits for it

	// Stored counts the bytes of packs, NewBytes those of new chunks, and Verified
	// the packs that were decrypted and compared before they were written.
	Stored, NewBytes, Verified atomic.Uint64

	mu      sync.Mutex // guards the rest; taken before that of the index and behind those of workers
	index   *packIndex
	workers []*Worker
	data    *pack.Builder    // frames of files
	trees   *pack.Builder    // frames of tree pages
	uploads map[*upload]bool // packs that are not in the storage yet
	own     []pack.Name      // packs of this run
	todo    []index.PackInfo // packs of this run that no index page lists yet
	roots   []pack.Name      // packs of this run that the log is to name
	relied  map[uint32]bool  // numbers of packs of others that chunks were found in
	parents []uint64         // snapshots that the run takes unchanged files from
	refs    *references      // of a write-only device: what its trees lead to
}

// upload is a pack on its way into the storage.
type upload struct {
	sealed chan struct{} // closed once the pack is in own, and in todo or roots
	stored chan struct{} // closed once the storage has the pack, or the run has failed
}

// NewWriter begins a run. Each run ends with Close.
func (v *Vault) NewWriter(ctx context.Context, o WriterOptions) (*Writer, error) {
	x, err := v.loadIndex(ctx, true)
	if err != nil {
		return nil, err
	}
	session, err := v.keys.NewSession()
	if err != nil {
		return nil, err
	}
	w := &Writer{v: v, options: o, session: session, domain: v.keys.Domain(), slots: make(chan struct{}, uploads), index: x,
		data: new(pack.Builder), trees: new(pack.Builder), uploads: map[*upload]bool{}, relied: map[uint32]bool{}}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	if v.WriteOnly() {
		return w, w.announce(ctx)
	}
	return w, nil
}

// announce has the log say that a write-only device begins a run. From then on
// prune leaves its packs alone, which such a device could not see.
func (w *Writer) announce(ctx context.Context) error {
	w.refs = &references{of: map[chunkKey][]chunkKey{}}
	w.v.sessions.put(w.session)
	if w.options.DryRun {
		return nil
	}
	_, err := w.v.publish(ctx, oplog.KindRun, func() (any, error) { return oplog.RunBody{Session: oplog.HashOf(w.session.Sealed[:])}, nil })
	return err
}

// Close ends a run and waits for writes that are under way. What was not finished
// stays in the storage as packs that no snapshot needs: the next run finds them.
func (w *Writer) Close() {
	w.cancel(context.Canceled)
	w.running.Wait()
	w.v.index, w.v.reader = nil, nil // it has chunks that are in no pack
}

// fail ends the run with an error, which the next calls return.
func (w *Writer) fail(err error) error {
	w.cancel(err)
	return context.Cause(w.ctx)
}

// A Worker adds chunks for one goroutine.
type Worker struct {
	w          *Writer
	mu         sync.Mutex // guards the rest in Add and Flush: Finish flushes all workers
	compressor *pack.Compressor
	namers     *chunk.Namers
	frames     map[frameKind]*openFrame
}

// frameKind is what the chunks of a frame have in common.
type frameKind struct {
	domain keys.Domain
	kind   keys.Kind
}

type openFrame struct {
	info pack.FrameInfo
	raw  []byte
}

// Worker returns a Worker.
func (w *Writer) Worker() (*Worker, error) {
	z, err := pack.NewCompressor(w.options.Level)
	if err != nil {
		return nil, err
	}
	k := &Worker{w: w, compressor: z, namers: chunk.NewNamers(w.v.keys), frames: map[frameKind]*openFrame{}}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.workers = append(w.workers, k)
	return k, nil
}

// Add adds a chunk of 1 to pack.MaxFrame bytes, which it copies if it is new, and
// returns its identifier.
func (k *Worker) Add(kind keys.Kind, b []byte) (pack.ID, error) {
	return k.add(k.w.domain, kind, b)
}

// add is Add for a chunk of any domain, as rewriting needs it.
func (k *Worker) add(domain keys.Domain, kind keys.Kind, b []byte) (pack.ID, error) {
	if len(b) == 0 || len(b) > pack.MaxFrame {
		return pack.ID{}, fmt.Errorf("vault: a chunk of %d bytes", len(b))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	id, err := k.namers.Name(domain, kind, b)
	if err != nil {
		return pack.ID{}, err
	}
	if k.w.refs != nil && kind == keys.KindTree {
		k.w.refs.note(id, b)
	}
	if !k.w.claim(id.Short()) {
		return id, nil
	}
	k.w.NewBytes.Add(uint64(len(b)))
	of := frameKind{domain, kind}
	f := k.frames[of]
	if f == nil {
		f = &openFrame{info: pack.FrameInfo{Kind: kind, Domain: domain}, raw: make([]byte, 0, pack.MaxFrame)}
		k.frames[of] = f
	}
	if len(f.raw)+len(b) > pack.MaxFrame || len(f.info.Chunks) == pack.MaxChunks {
		if err := k.flush(of); err != nil {
			return id, err
		}
	}
	f.raw = append(f.raw, b...)
	f.info.Chunks = append(f.info.Chunks, pack.Chunk{ID: id.Short(), Length: uint32(len(b))})
	return id, nil
}

// claim reports whether a chunk is new, and is now the caller's to add.
func (w *Writer) claim(id pack.ShortID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.index.mu.Lock()
	p, found := w.index.writable(id)
	if !found {
		w.index.table.Set(id, index.Place{Pack: pendingPack})
	}
	w.index.mu.Unlock()
	if !found {
		return true
	}
	if p.Pack != pendingPack {
		w.relied[p.Pack] = true
	}
	return false
}

// Has reports whether the vault has a chunk, which a snapshot is then going to
// rely on.
func (w *Writer) Has(id pack.ID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.index.mu.Lock()
	p, found := w.index.writable(id.Short())
	w.index.mu.Unlock()
	if found && p.Pack != pendingPack {
		w.relied[p.Pack] = true
	}
	return found
}

// Flush hands over the frames that are not full.
func (k *Worker) Flush() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	order := func(a, b frameKind) int { return cmp.Or(cmp.Compare(a.domain, b.domain), cmp.Compare(a.kind, b.kind)) }
	for _, of := range slices.SortedFunc(maps.Keys(k.frames), order) {
		if err := k.flush(of); err != nil {
			return err
		}
	}
	return nil
}

func (k *Worker) flush(of frameKind) error {
	f := k.frames[of]
	if len(f.raw) == 0 {
		return nil
	}
	frame := k.compressor.Compress(f.info, f.raw)
	f.info.Chunks, f.raw = nil, f.raw[:0]
	return k.w.addFrame(k, frame)
}

// addFrame adds a frame to the open pack of its kind, and seals that in this
// goroutine if it is full.
func (w *Writer) addFrame(k *Worker, f pack.Frame) error {
	if err := context.Cause(w.ctx); err != nil {
		return err
	}
	w.mu.Lock()
	open := &w.data
	if f.Kind == keys.KindTree {
		open = &w.trees
	}
	var full *pack.Builder
	var u *upload
	if !(*open).Fits(&f) {
		full, *open = *open, new(pack.Builder)
		u = w.newUpload()
	}
	(*open).Add(f)
	w.mu.Unlock()
	if full == nil {
		return nil
	}
	return w.seal(k, full, u, false)
}

// newUpload registers a pack that is about to be sealed. The caller holds mu.
func (w *Writer) newUpload() *upload {
	u := &upload{make(chan struct{}), make(chan struct{})}
	w.uploads[u] = true
	return u
}

func (w *Writer) endUpload(u *upload) {
	w.mu.Lock()
	delete(w.uploads, u)
	w.mu.Unlock()
	close(u.stored)
}

// seal seals a pack, registers it and has it written. A root is a pack that the
// log will name; index pages are to list the others.
func (w *Writer) seal(k *Worker, b *pack.Builder, u *upload, root bool) error {
	sealed, err := b.Seal(w.session)
	count := 0
	if err == nil {
		count = w.register(sealed, root)
	}
	close(u.sealed)
	if err == nil && !w.options.DryRun && (w.options.VerifyAll || count%verifyEvery == 0 || len(w.slots) == cap(w.slots)) {
		err = k.verifySealed(sealed)
	}
	if err != nil {
		err = w.fail(err)
	}
	if err != nil || w.options.DryRun {
		w.endUpload(u)
		return err
	}
	select {
	case w.slots <- struct{}{}:
	case <-w.ctx.Done():
		w.endUpload(u)
		return context.Cause(w.ctx)
	}
	w.running.Go(func() {
		defer w.endUpload(u)
		defer func() { <-w.slots }()
		if err := w.v.store.Create(w.ctx, sealed.Name.Object(), sealed.Data); err != nil {
			_ = w.fail(err) // the next call returns it
		}
	})
	return nil
}

// register notes a sealed pack, and returns how many there were before.
func (w *Writer) register(sealed *pack.Sealed, root bool) (count int) {
	info := index.PackInfo{Name: sealed.Name, Head: sealed.Head, Table: sealed.Table}
	for i, c := range pack.Classes {
		if c.Size() == int64(len(sealed.Data)) {
			info.Class = uint8(i)
		}
	}
	w.mu.Lock()
	count = len(w.own)
	w.own = append(w.own, info.Name)
	if root {
		w.roots = append(w.roots, info.Name)
	} else {
		w.todo = append(w.todo, info)
	}
	w.mu.Unlock()
	w.index.add(&info)
	w.Stored.Add(uint64(len(sealed.Data)))
	return count
}

// verify decrypts a sealed pack and compares its chunks with their identifiers.
func (k *Worker) verify(s *pack.Sealed) error {
	p, err := pack.Open(s.Name, s.Data, nil, k.w.v.sessions.get)
	if err != nil {
		return err
	}
	if p.Damaged > 0 || p.Bad {
		return pack.ErrDamaged
	}
	return k.verifyChunks(p)
}

func (k *Worker) verifyChunks(p *pack.Pack) error {
	for i := range p.Table {
		f := &p.Table[i]
		raw, err := k.compressor.Decompress(f, p.Stored(f))
		if err != nil {
			return err
		}
		for _, c := range f.Chunks {
			id, err := k.namers.Name(f.Domain, f.Kind, raw[:c.Length])
			if err != nil {
				return err
			}
			if id.Short() != c.ID {
				return pack.ErrDamaged
			}
			raw = raw[c.Length:]
		}
	}
	return nil
}

// checkSwept returns ErrSwept if a pack that the run wrote or relied on was swept
// meanwhile, or a snapshot forgotten that it relied on. The caller has read the log
// to its end.
func (w *Writer) checkSwept() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, seq := range w.parents {
		if s := w.v.state.Snapshots[seq]; s == nil || s.Forgotten != 0 {
			return ErrSwept
		}
	}
	for i := range w.own {
		if _, swept := w.v.state.Swept[w.own[i]]; swept {
			return ErrSwept
		}
	}
	for number := range w.relied {
		name, _ := w.index.record(number)
		if _, swept := w.v.state.Swept[name]; swept {
			return ErrSwept
		}
	}
	return nil
}

// Cutter returns a Cutter of the vault's chunks.
func (w *Writer) Cutter() (*chunk.Cutter, error) {
	return chunk.NewCutter(w.v.keys, w.domain)
}
