// SPDX-License-Identifier: AGPL-3.0-or-later

package backup

import (
	"errors"
	"io"
	"os"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/chunk"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/localfs"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/tree"
)

// readAttempts bounds how often a file is read that changes meanwhile.
const readAttempts = 3

// job is a file to be read.
type job struct {
	node *node
	slot *slot
	name string
	path string
	key  uint64 // of its time of change
	info localfs.Info
}

// fileReader reads files for one worker.
type fileReader struct {
	*run
	worker *vault.Worker
	cutter *chunk.Cutter
	small  []byte
}

func (r *run) newFileReader() (*fileReader, error) {
	k, err := r.writer.Worker()
	if err != nil {
		return nil, err
	}
	c, err := r.writer.Cutter()
	return &fileReader{r, k, c, make([]byte, chunk.MinSize+1)}, err
}

// do reads a file into its entry, and completes it.
func (f *fileReader) do(j job) {
	e := &j.slot.entry
	skip, err := f.read(&j, e)
	j.node.release()
	if err != nil {
		f.fail(err)
		return
	}
	j.slot.omit = skip
	if e.Group != 0 {
		f.links.finish(f.worker, &j.info, e, skip)
	}
	j.slot.complete(f.worker)
	f.tick()
}

// read reads a file. An error ends the run: it is one of the vault. skip is set
// for a file that has vanished.
func (f *fileReader) read(j *job, e *tree.Entry) (skip bool, err error) {
	file, err := j.node.dir.Open(j.name)
	if err != nil {
		if vanished(err) {
			return true, nil
		}
		return false, f.unreadable(j, e, err)
	}
	defer func() { _ = file.Close() }() // it was only read
	for attempt := 1; ; attempt++ {
		before, err := localfs.StatFile(file)
		if err != nil {
			return false, f.unreadable(j, e, err)
		}
		if before.Type != tree.TypeFile {
			return false, f.unreadable(j, e, errors.New("it became another type of file while it was read"))
		}
		e.Size, e.Seconds, e.Nanos = before.Size, before.Seconds, before.Nanos
		if err := f.content(file, &before, e); err != nil {
			var source sourceError
			if errors.As(err, &source) {
				return false, f.unreadable(j, e, source.error)
			}
			return false, err
		}
		after, err := localfs.StatFile(file)
		if err != nil {
			return false, f.unreadable(j, e, err)
		}
		f.progress.Read.Add(1)
		f.progress.ReadBytes.Add(e.Size)
		if after.Size == before.Size && after.Seconds == before.Seconds && after.Nanos == before.Nanos && e.Size == before.Size {
			if f.ctimes != nil {
				f.ctimes.note(j.key, &before)
			}
			return false, nil
		}
		if attempt == readAttempts {
			e.Flags |= tree.FlagChanged
			f.progress.Changed.Add(1)
			f.warn(j.path, ErrChanged)
			return false, nil
		}
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return false, f.unreadable(j, e, err)
		}
	}
}

// unreadable marks an entry whose content is missing.
func (f *fileReader) unreadable(j *job, e *tree.Entry, err error) error {
	e.Flags |= tree.FlagUnreadable
	e.Size, e.Content, e.ContentLists, e.Extents, e.ExtentLists = 0, nil, nil, nil, nil
	f.progress.Unreadable.Add(1)
	f.warn(j.path, err)
	return nil
}

// sourceError is an error of reading a file, not of the vault.
type sourceError struct{ error }

func (s sourceError) Unwrap() error { return s.error }

// sourceReader marks the errors of a reader.
type sourceReader struct{ r io.Reader }

func (s sourceReader) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = sourceError{err}
	}
	return n, err
}

// content reads an open file into an entry, holes excepted.
func (f *fileReader) content(file *os.File, info *localfs.Info, e *tree.Entry) error {
	e.Content, e.ContentLists, e.Extents, e.ExtentLists = nil, nil, nil, nil
	if info.Size <= chunk.MinSize && !info.Sparse() {
		return f.smallFile(file, e)
	}
	var ids []pack.ID
	add := func(b []byte) error {
		if err := f.ctx.Err(); err != nil {
			return err
		}
		f.tick()
		id, err := f.worker.Add(keys.KindData, b)
		ids = append(ids, id)
		return err
	}
	if info.Sparse() {
		extents, err := f.sparse(file, info, add)
		if err != nil {
			return err
		}
		if err := e.SetExtents(extents, f.putList); err != nil {
			return err
		}
		return e.SetContent(ids, f.putList)
	}
	total := uint64(0)
	err := f.cutter.Cut(sourceReader{file}, func(b []byte) error {
		total += uint64(len(b))
		return add(b)
	})
	e.Size = total
	if err != nil {
		return err
	}
	return e.SetContent(ids, f.putList)
}

// smallFile reads a file of one chunk. One that grew meanwhile has another size
// than it had before.
func (f *fileReader) smallFile(file *os.File, e *tree.Entry) error {
	n, err := io.ReadFull(sourceReader{file}, f.small)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	e.Size = uint64(n)
	if n == 0 {
		return nil
	}
	var ids []pack.ID
	for b := f.small[:n]; len(b) > 0; b = b[min(chunk.MinSize, len(b)):] {
		id, err := f.worker.Add(keys.KindData, b[:min(chunk.MinSize, len(b))])
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	return e.SetContent(ids, f.putList)
}

// sparse cuts the parts of a file that are no holes, in a row, and returns them.
func (f *fileReader) sparse(file *os.File, info *localfs.Info, add func([]byte) error) ([]tree.Extent, error) {
	var extents []tree.Extent
	err := localfs.Extents(file, int64(info.Size), func(offset, length int64) error {
		if n := len(extents); n > 0 && extents[n-1].Offset+extents[n-1].Length == uint64(offset) {
			extents[n-1].Length += uint64(length)
		} else {
			extents = append(extents, tree.Extent{Offset: uint64(offset), Length: uint64(length)})
		}
		return nil
	})
	if err != nil {
		return nil, sourceError{err}
	}
	if len(extents) == 1 && extents[0].Offset == 0 && extents[0].Length == info.Size {
		return nil, f.cutter.Cut(sourceReader{exactly{file, int64(info.Size), new(int64)}}, add) // no holes: the file system compresses
	}
	readers := make([]io.Reader, 0, len(extents))
	for _, x := range extents {
		readers = append(readers, exactly{io.NewSectionReader(file, int64(x.Offset), int64(x.Length)), int64(x.Length), new(int64)})
	}
	if len(extents) == 0 && info.Size > 0 { // one hole: an extent of no bytes at its end says so
		return []tree.Extent{{Offset: info.Size}}, nil
	}
	return extents, f.cutter.Cut(sourceReader{io.MultiReader(readers...)}, add)
}

// exactly pads a part of a file that became shorter with zeros: the file is then
// read again, or marked as changed.
type exactly struct {
	r    io.Reader
	size int64
	done *int64
}

func (x exactly) Read(b []byte) (int, error) {
	if *x.done == x.size {
		return 0, io.EOF
	}
	n, err := x.r.Read(b[:min(int64(len(b)), x.size-*x.done)])
	if n == 0 && errors.Is(err, io.EOF) {
		n, err = int(min(int64(len(b)), x.size-*x.done)), nil
		clear(b[:n])
	}
	*x.done += int64(n)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// putList stores a list of an entry.
func (f *fileReader) putList(l *tree.List) (pack.ID, error) {
	b, err := l.Encode()
	if err != nil {
		return pack.ID{}, err
	}
	return f.worker.Add(keys.KindTree, b)
}
