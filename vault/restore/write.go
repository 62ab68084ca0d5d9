// SPDX-License-Identifier: AGPL-3.0-or-later

package restore

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/localfs"
	"github.com/securecrypt/securecrypt/vault/tree"
)

// piece is a chunk of a file.
type piece struct {
	file   *file
	number int
	at     vault.Location
}

// fewPieces is how many chunks of a pack are read one by one; for more of them
// the whole pack is read.
const fewPieces = 4

// tempSuffix ends the names of files that are being written.
var tempSuffix = func() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}()

// tempName returns the temporary name of a file. It does not depend on the file's
// own name, which may be as long as names can be.
func (f *file) tempName() string { return fmt.Sprintf("%s%s-%p", tempPrefix, tempSuffix, f) }

const tempPrefix = ".securecrypt-"

var tempForm = regexp.MustCompile(`^\.securecrypt-[0-9a-f]{12}-0x[0-9a-f]+$`)

// isTemp reports whether a name is that of a temporary file.
func isTemp(name string) bool {
	return strings.HasPrefix(name, tempPrefix) && tempForm.MatchString(name)
}

// flush writes the files that are planned.
func (r *run) flush() error {
	files := r.window
	r.window, r.chunks = nil, 0
	pieces, err := r.locate(files)
	if err != nil {
		return err
	}
	if r.options.DryRun {
		for _, f := range files {
			if !f.failed.Load() {
				r.progress.Bytes.Add(f.entry.Size)
			}
		}
		return nil
	}
	if r.options.Compare {
		r.compare(files)
		return nil
	}
	pieces = r.skipSame(files, pieces)
	var groups [][]piece
	for len(pieces) > 0 {
		n := 1
		for n < len(pieces) && pieces[n].at.Pack == pieces[0].at.Pack {
			n++
		}
		groups, pieces = append(groups, pieces[:n]), pieces[n:]
	}
	return r.writeGroups(groups)
}

// locate finds where the chunks of files lie and what their offsets are, and
// returns them in the order of reading.
func (r *run) locate(files []*file) ([]piece, error) {
	var pieces []piece
	for _, f := range files {
		f.locations, f.offsets = make([]vault.Location, len(f.content)), make([]uint64, len(f.content)+1)
		from := len(pieces)
		for i, id := range f.content {
			l, err := r.reader.Locate(id)
			if err != nil {
				f.failed.Store(true)
				r.fail(f.path, err)
				pieces = pieces[:from]
				break
			}
			f.locations[i] = l
			pieces = append(pieces, piece{f, i, l})
		}
		f.left.Store(int64(len(f.content)))
	}
	slices.SortFunc(pieces, func(a, b piece) int {
		return cmp.Or(cmp.Compare(a.at.Pack, b.at.Pack), cmp.Compare(a.at.Position, b.at.Position))
	})
	for _, p := range pieces {
		if p.file.failed.Load() {
			continue
		}
		n, err := r.reader.Length(r.ctx, p.at)
		if r.ctx.Err() != nil {
			return nil, r.ctx.Err()
		}
		if err != nil {
			p.file.failed.Store(true)
			r.fail(p.file.path, err)
			continue
		}
		p.file.offsets[p.number+1] = uint64(n)
	}
	for _, f := range files {
		for i := range f.content {
			f.offsets[i+1] += f.offsets[i]
		}
		want := f.entry.Size
		if len(f.extents) > 0 {
			want = 0
			for _, x := range f.extents {
				want += x.Length
			}
		}
		if got := f.offsets[len(f.content)]; got != want && !f.failed.Load() {
			f.failed.Store(true)
			r.fail(f.path, fmt.Errorf("%w: its chunks have %d bytes, and it has %d", vault.ErrDamaged, got, want))
		}
	}
	return slices.DeleteFunc(pieces, func(p piece) bool { return p.file.failed.Load() }), nil
}

// skipSame finishes the files without content, and those that are there already.
func (r *run) skipSame(files []*file, pieces []piece) []piece {
	same := map[*file]bool{}
	for _, f := range files {
		if f.failed.Load() {
			continue
		}
		if r.isSame(f) {
			same[f] = true
			r.progress.Same.Add(1)
			r.progress.Bytes.Add(f.entry.Size)
			r.metadata(f)
		} else if len(f.content) == 0 {
			if err := r.empty(f); err != nil {
				r.fail(f.path, err)
			}
		}
	}
	if len(same) == 0 {
		return pieces
	}
	return slices.DeleteFunc(pieces, func(p piece) bool { return same[p.file] })
}

// compare counts the files that differ from the snapshot.
func (r *run) compare(files []*file) {
	for _, f := range files {
		if !f.failed.Load() && !r.isSame(f) {
			r.progress.Different.Add(1)
			r.warn(f.path, errors.New("it differs from the snapshot"))
		}
	}
}

// isSame reports whether the target has a file with the same content.
func (r *run) isSame(f *file) bool {
	dir, err := r.dirs.open(f.dir)
	if err != nil {
		return false
	}
	defer r.dirs.put(f.dir)
	info, err := dir.Stat(string(f.entry.Name))
	if err != nil || info.Type != tree.TypeFile || info.Size != f.entry.Size || info.Links > 1 != (f.entry.Group != 0) || info.Sparse() != (len(f.extents) > 0) {
		return false
	}
	there, err := dir.Open(string(f.entry.Name))
	if err != nil {
		return false
	}
	defer func() { _ = there.Close() }() // it was only read
	for i, id := range f.content {
		b := make([]byte, f.offsets[i+1]-f.offsets[i])
		err := f.spread(f.offsets[i], b, func(at int64, part []byte) error {
			_, err := io.ReadFull(io.NewSectionReader(there, at, int64(len(part))), part)
			return err
		})
		if err != nil || r.namer.Name(b) != id {
			return false
		}
	}
	return true
}

// spread calls each with the parts of a chunk that begins at an offset in the row
// of extents, and where they lie in the file.
func (f *file) spread(offset uint64, b []byte, each func(at int64, part []byte) error) error {
	if len(f.extents) == 0 {
		return each(int64(offset), b)
	}
	for _, x := range f.extents {
		if offset >= x.Length {
			offset -= x.Length
			continue
		}
		n := min(uint64(len(b)), x.Length-offset)
		if err := each(int64(x.Offset+offset), b[:n]); err != nil {
			return err
		}
		if b, offset = b[n:], 0; len(b) == 0 {
			return nil
		}
	}
	return fmt.Errorf("%w: a chunk lies beyond the extents", vault.ErrDamaged)
}

// writeGroups has workers write the chunks, one pack at a time.
func (r *run) writeGroups(groups [][]piece) error {
	jobs, errs := make(chan []piece), make(chan error, 1)
	var wait sync.WaitGroup
	for range max(2, runtime.GOMAXPROCS(0)) {
		wait.Go(func() {
			for group := range jobs {
				if err := r.writeGroup(group); err != nil {
					select {
					case errs <- err:
					default: // the first is enough
					}
				}
			}
		})
	}
	for _, group := range groups {
		jobs <- group
	}
	close(jobs)
	wait.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return r.ctx.Err()
	}
}

// writeGroup writes chunks of one pack.
func (r *run) writeGroup(group []piece) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if len(group) <= fewPieces {
		for _, p := range group {
			b, err := r.reader.Chunk(r.ctx, keys.KindData, p.file.content[p.number])
			r.write(p, b, err)
		}
		return nil
	}
	wanted := make([]vault.Wanted, len(group))
	for i, p := range group {
		wanted[i] = vault.Wanted{ID: p.file.content[p.number], Position: p.at.Position}
	}
	return r.reader.ReadPack(r.ctx, group[0].at.Pack, wanted, func(i int, b []byte, err error) error {
		r.write(group[i], b, err)
		return r.ctx.Err()
	})
}

// write writes one chunk, and finishes the file if it was the last.
func (r *run) write(p piece, b []byte, err error) {
	f := p.file
	dir, openErr := r.dirs.open(f.dir)
	if err = errors.Join(err, openErr); openErr == nil {
		defer r.dirs.put(f.dir)
	}
	if err == nil && !f.failed.Load() {
		err = r.writeChunk(dir, p, b)
	}
	if err != nil && f.failed.CompareAndSwap(false, true) {
		r.fail(f.path, err)
	}
	if f.left.Add(-1) > 0 || openErr != nil {
		return
	}
	if f.failed.Load() {
		_ = dir.Remove(f.tempName()) // it may never have been made
		return
	}
	if err := dir.Rename(f.tempName(), string(f.entry.Name)); err != nil {
		_ = dir.Remove(f.tempName()) // what remains is no file of the snapshot
		r.fail(f.path, err)
		return
	}
	r.progress.Bytes.Add(f.entry.Size)
	r.metadata(f)
}

// making guards the creation of temporary files with several chunks.
var making sync.Mutex

func (r *run) writeChunk(dir *localfs.Dir, p piece, b []byte) error {
	f := p.file
	var w *os.File
	var err error
	if len(f.content) == 1 {
		w, err = dir.Create(f.tempName())
	} else {
		making.Lock()
		if w, err = dir.Append(f.tempName()); err != nil && !f.made {
			w, err = dir.Create(f.tempName())
			f.made = err == nil
		}
		making.Unlock()
	}
	if err != nil {
		return err
	}
	err = f.spread(f.offsets[p.number], b, func(at int64, part []byte) error {
		_, err := w.WriteAt(part, at)
		return err
	})
	if err == nil && len(f.extents) > 0 && p.number == len(f.content)-1 {
		err = w.Truncate(int64(f.entry.Size)) // a hole at the end
	}
	return errors.Join(err, w.Close())
}

// empty makes a file without content: an empty one, or a hole.
func (r *run) empty(f *file) error {
	dir, err := r.dirs.open(f.dir)
	if err != nil {
		return err
	}
	defer r.dirs.put(f.dir)
	w, err := dir.Create(f.tempName())
	if err != nil {
		return err
	}
	err = w.Truncate(int64(f.entry.Size))
	if err = errors.Join(err, w.Close()); err == nil {
		err = dir.Rename(f.tempName(), string(f.entry.Name))
	}
	if err != nil {
		_ = dir.Remove(f.tempName()) // what remains is no file of the snapshot
		return err
	}
	r.progress.Bytes.Add(f.entry.Size)
	r.metadata(f)
	return nil
}
