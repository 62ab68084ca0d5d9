// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/securecrypt/securecrypt/vault/chunk"
	"github.com/securecrypt/securecrypt/vault/index"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/storage"
)

const (
	// pendingPack is the number of the pack of chunks that are not in one yet.
	pendingPack = math.MaxUint32
	// uploads is how many packs are written to the storage at a time.
	uploads = 3
	// verifyEvery is how often a pack is decrypted and compared with what it
	// holds before it is written: the memory of the machine may be faulty.
	verifyEvery = 8
	// indexPage is the size in bytes that an index page aims at.
	indexPage = 512 << 10
)

// WriterOptions say how a Writer works.
type WriterOptions struct {
	Level pack.Level
	// VerifyAll decrypts and compares every pack before it is written.
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
	ctx     context.Context
	cancel  context.CancelCauseFunc
	slots   chan struct{} // of uploads
	running sync.WaitGroup

	// Stored counts the bytes of packs, NewBytes those of new chunks.
	Stored, NewBytes atomic.Uint64

	mu     sync.Mutex // guards the rest; taken before that of the index
	index  *packIndex
	data   *pack.Builder    // frames of files
	trees  *pack.Builder    // frames of tree pages
	own    []pack.Name      // packs of this run
	todo   []index.PackInfo // packs of this run that no index page lists yet
	roots  []pack.Name      // packs of this run that the log is to name
	relied map[uint32]bool  // numbers of packs of others that chunks were found in
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
	w := &Writer{v: v, options: o, session: session, slots: make(chan struct{}, uploads), index: x,
		data: new(pack.Builder), trees: new(pack.Builder), relied: map[uint32]bool{}}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	return w, nil
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
	compressor *pack.Compressor
	namers     map[keys.Kind]*chunk.Namer
	frames     map[keys.Kind]*openFrame
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
	k := &Worker{w, z, map[keys.Kind]*chunk.Namer{}, map[keys.Kind]*openFrame{}}
	for _, kind := range []keys.Kind{keys.KindData, keys.KindTree, keys.KindIndex} {
		if k.namers[kind], err = chunk.NewNamer(w.v.keys, keys.DomainFiles, kind); err != nil {
			return nil, err
		}
		k.frames[kind] = &openFrame{info: pack.FrameInfo{Kind: kind, Domain: keys.DomainFiles}, raw: make([]byte, 0, pack.MaxFrame)}
	}
	return k, nil
}

// Add adds a chunk of 1 to pack.MaxFrame bytes, which it copies if it is new, and
// returns its identifier.
func (k *Worker) Add(kind keys.Kind, b []byte) (pack.ID, error) {
	if len(b) == 0 || len(b) > pack.MaxFrame {
		return pack.ID{}, fmt.Errorf("vault: a chunk of %d bytes", len(b))
	}
	id := k.namers[kind].Name(b)
	if !k.w.claim(id.Short()) {
		return id, nil
	}
	k.w.NewBytes.Add(uint64(len(b)))
	f := k.frames[kind]
	if len(f.raw)+len(b) > pack.MaxFrame || len(f.info.Chunks) == pack.MaxChunks {
		if err := k.flush(kind); err != nil {
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
	p, found := w.index.table.Get(id)
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
	p, found := w.index.table.Get(id.Short())
	w.index.mu.Unlock()
	if found && p.Pack != pendingPack {
		w.relied[p.Pack] = true
	}
	return found
}

// Flush hands over the frames that are not full.
func (k *Worker) Flush() error {
	for _, kind := range []keys.Kind{keys.KindData, keys.KindTree, keys.KindIndex} {
		if err := k.flush(kind); err != nil {
			return err
		}
	}
	return nil
}

func (k *Worker) flush(kind keys.Kind) error {
	f := k.frames[kind]
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
	if !(*open).Fits(&f) {
		full, *open = *open, new(pack.Builder)
	}
	(*open).Add(f)
	w.mu.Unlock()
	if full == nil {
		return nil
	}
	return w.seal(k, full)
}

// seal seals a pack, registers it and has it written.
func (w *Writer) seal(k *Worker, b *pack.Builder) error {
	sealed, err := b.Seal(w.session)
	if err != nil {
		return w.fail(err)
	}
	info := index.PackInfo{Name: sealed.Name, Head: sealed.Head, Table: sealed.Table}
	for i, c := range pack.Classes {
		if c.Size() == int64(len(sealed.Data)) {
			info.Class = uint8(i)
		}
	}
	w.mu.Lock()
	count := len(w.own)
	w.own, w.todo = append(w.own, info.Name), append(w.todo, info)
	w.mu.Unlock()
	w.index.add(&info)
	w.Stored.Add(uint64(len(sealed.Data)))
	if w.options.DryRun {
		return nil
	}
	if w.options.VerifyAll || count%verifyEvery == 0 {
		if err := k.verify(sealed); err != nil {
			return w.fail(fmt.Errorf("vault: a pack differs from what was put into it (%w): the memory of this machine may be faulty; nothing of it was written", err))
		}
	}
	select {
	case w.slots <- struct{}{}:
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
	w.running.Go(func() {
		defer func() { <-w.slots }()
		if err := w.v.store.Create(w.ctx, sealed.Name.Object(), sealed.Data); err != nil {
			_ = w.fail(err) // the next call returns it
		}
	})
	return nil
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
			if k.namers[f.Kind].Name(raw[:c.Length]).Short() != c.ID {
				return pack.ErrDamaged
			}
			raw = raw[c.Length:]
		}
	}
	return nil
}

// Finish seals what is open, together with index pages that list the packs of the
// run, and returns once all of it is in the storage and flushed. It may be called
// several times: a run publishes partial snapshots. It returns the packs that have
// index pages, for an entry of the log.
func (w *Writer) Finish(k *Worker) ([]pack.Name, error) {
	if err := k.Flush(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.join()
	builders := []*pack.Builder{w.trees, w.data}
	w.data, w.trees = new(pack.Builder), new(pack.Builder)
	w.mu.Unlock()
	for i, b := range builders {
		if i == 0 && !b.Empty() {
			if err := w.seal(k, b); err != nil {
				return nil, err
			}
		}
	}
	if err := w.listFoundPacks(); err != nil {
		return nil, err
	}
	if err := w.finishIndex(k, builders[1]); err != nil {
		return nil, err
	}
	w.running.Wait()
	if err := context.Cause(w.ctx); err != nil {
		return nil, err
	}
	if w.options.DryRun {
		return nil, nil
	}
	return w.roots, w.v.store.Sync(w.ctx)
}

// listFoundPacks has index pages list the packs that chunks were found in and that the log
// does not lead to: those of runs that did not finish.
func (w *Writer) listFoundPacks() error {
	for number := range w.relied {
		w.index.mu.Lock()
		record := &w.index.packs[number-1]
		name, unlisted := record.name, record.unlisted
		record.unlisted = false
		w.index.mu.Unlock()
		if !unlisted {
			continue
		}
		info, err := w.v.readTable(w.ctx, name)
		if errors.Is(err, storage.ErrNotFound) {
			return ErrSwept // or it was lost: the next attempt does without it
		}
		if err != nil {
			return err
		}
		w.todo = append(w.todo, *info)
	}
	return nil
}

// join moves the frames of trees into the open pack of files if there is room: a
// small run is one pack.
func (w *Writer) join() {
	joined := new(pack.Builder)
	for _, b := range []*pack.Builder{w.data, w.trees} {
		for _, f := range b.Frames() {
			if !joined.Fits(&f) {
				return
			}
			joined.Add(f)
		}
	}
	w.data, w.trees = joined, new(pack.Builder)
}

// finishIndex adds index pages of the packs that no page lists yet to the last
// pack, and seals it.
func (w *Writer) finishIndex(k *Worker, last *pack.Builder) error {
	for len(w.todo) > 0 {
		f := w.indexFrame(k)
		if !last.Fits(&f) {
			if err := w.sealRoot(k, last); err != nil {
				return err
			}
			last = new(pack.Builder)
		}
		last.Add(f)
	}
	if last.Empty() {
		return nil
	}
	return w.sealRoot(k, last)
}

// indexFrame makes a frame of index pages from the packs that no page lists yet. A
// page has packs of one session.
func (w *Writer) indexFrame(k *Worker) pack.Frame {
	var raw []byte
	info := pack.FrameInfo{Kind: keys.KindIndex, Domain: keys.DomainFiles}
	for len(w.todo) > 0 {
		page, size := index.Page{Sealed: w.todo[0].Head.Sealed}, index.HeadSize
		for len(w.todo) > 0 && w.todo[0].Head.Sealed == page.Sealed {
			n := index.Size(&w.todo[0])
			if len(page.Packs) > 0 && len(raw)+size+n > indexPage {
				break
			}
			page.Packs, w.todo, size = append(page.Packs, w.todo[0]), w.todo[1:], size+n
		}
		b := page.Encode()
		info.Chunks = append(info.Chunks, pack.Chunk{ID: k.namers[keys.KindIndex].Name(b).Short(), Length: uint32(len(b))})
		if raw = append(raw, b...); len(w.todo) == 0 || len(raw)+index.HeadSize+index.Size(&w.todo[0]) > indexPage {
			break
		}
	}
	return k.compressor.Compress(info, raw)
}

// sealRoot seals a pack that the log will name.
func (w *Writer) sealRoot(k *Worker, b *pack.Builder) error {
	if err := w.seal(k, b); err != nil {
		return err
	}
	root := w.todo[len(w.todo)-1] // it lists itself
	w.roots, w.todo = append(w.roots, root.Name), w.todo[:len(w.todo)-1]
	return nil
}

// checkSwept returns ErrSwept if a pack that the run wrote or relied on was swept
// meanwhile. The caller has read the log to its end.
func (w *Writer) checkSwept() error {
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
	return chunk.NewCutter(w.v.keys, keys.DomainFiles)
}
