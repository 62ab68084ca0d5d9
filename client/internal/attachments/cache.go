// SPDX-License-Identifier: AGPL-3.0-or-later

package attachments

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/internal/codec/order"
	"github.com/securecrypt/securecrypt/protocol"
)

const (
	// MaxKept bounds the files that a profile keeps, in bytes. A file that is
	// being sent or opened is kept even if it is larger.
	MaxKept = 512 << 20
	// pieceSize is what a kept file is cut into, in bytes: a multiple of the
	// segments of package attach, so that downloads go on from whole pieces.
	pieceSize = 512 << 10
	// unsentFileLifetime is how long an attached file is kept without being sent.
	unsentFileLifetime = 7 * 24 * time.Hour
	// reserveStep is the number of bytes for which a download reserves room at
	// a time: a sender can claim any size, but received bytes are real.
	reserveStep = 32 * pieceSize
	// lastOpenedPrecision is the precision of the stored time of the last use.
	lastOpenedPrecision = time.Hour
)

// errNotKept means that a file is not, or no longer, in the profile.
var errNotKept = errors.New("the file is no longer kept on this device")

// An Cache stores files in the profile's store, in sealed pieces:
// attached files until they are sent, and opened files as long as there is room.
// A file is deleted with the last message that refers to it.
type Cache struct {
	store *records.Store
	now   func() time.Time
	Room  int64

	mu   sync.Mutex
	busy map[Key]chan struct{} // being written; closed at the end
}

// NewCache returns the cache in a store.
func NewCache(store *records.Store, now func() time.Time) *Cache {
	return &Cache{store: store, now: now, Room: MaxKept, busy: map[Key]chan struct{}{}}
}

// A Key is the key of a file in the cache.
type Key [16]byte

// KeyOf returns the key of the file that lies in a blob.
func KeyOf(s *records.Store, blob protocol.BlobID) Key { return Key(s.Index(blob[:])) }

// Claim waits until nobody writes a file, and keeps others from it.
func (s *Cache) Claim(ctx context.Context, k Key) (release func(), err error) {
	for {
		s.mu.Lock()
		other, taken := s.busy[k]
		if !taken {
			mine := make(chan struct{})
			s.busy[k] = mine
			s.mu.Unlock()
			return func() {
				s.mu.Lock()
				delete(s.busy, k)
				s.mu.Unlock()
				close(mine)
			}, nil
		}
		s.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// find returns a file's record, nil if there is none.
func (s *Cache) find(k Key) (rec *records.File, err error) {
	err = s.store.View(func(tx *records.Tx) error {
		rec, err = loadFile(tx, k)
		return err
	})
	return rec, err
}

func loadFile(tx *records.Tx, k Key) (*records.File, error) {
	var rec records.File
	ok, err := tx.Load(records.Key(records.TableFile, k[:]), &rec)
	if err != nil || !ok {
		return nil, err
	}
	return &rec, nil
}

// SaveFile keeps the record of a file.
func SaveFile(tx *records.Tx, k Key, rec *records.File) error {
	return tx.Save(records.Key(records.TableFile, k[:]), rec)
}

// dropFile removes a file and all of its pieces, if it is there.
func dropFile(tx *records.Tx, k Key) error {
	rec, err := loadFile(tx, k)
	if err != nil || rec == nil {
		return err
	}
	for n := uint64(0); int64(n)*pieceSize < rec.Have; n++ {
		if err := tx.Delete(records.Key(records.TablePiece, k[:], records.Number(n))); err != nil {
			return err
		}
	}
	return tx.Delete(records.Key(records.TableFile, k[:]))
}

// LetGo removes a message from those that use a file, and drops the file after
// the last one. A recipient of a file can refer to the same file in a message of
// their own and delete that message: the file stays for the other messages.
func LetGo(tx *records.Tx, k Key, by records.Use) error {
	rec, err := loadFile(tx, k)
	if err != nil || rec == nil {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(rec.Uses), func(u records.Use) bool { return u == by })
	switch {
	case len(others) == 0:
		return dropFile(tx, k)
	case len(others) == len(rec.Uses):
		return nil
	}
	rec.Uses = others
	return SaveFile(tx, k, rec)
}

func (s *Cache) drop(k Key) error {
	return s.store.Update(func(tx *records.Tx) error { return dropFile(tx, k) })
}

// change changes the record of a file that is still there.
func (s *Cache) change(k Key, fn func(tx *records.Tx, rec *records.File) error) error {
	return s.store.Update(func(tx *records.Tx) error {
		rec, err := loadFile(tx, k)
		if err != nil {
			return err
		}
		if rec == nil {
			return errNotKept
		}
		if err := fn(tx, rec); err != nil {
			return err
		}
		return SaveFile(tx, k, rec)
	})
}

// noteUse notes that a message has the file, unless it is gone meanwhile.
func noteUse(tx *records.Tx, r *records.File, by records.Use) error {
	var m records.Message
	ok, err := tx.Load(records.Key(records.TableMessage, by.CID[:], records.Number(by.Order)), &m)
	if err == nil && (!ok || m.Deleted) {
		err = chat.ErrNoMessage
	}
	if err == nil && !slices.Contains(r.Uses, by) {
		r.Uses = append(r.Uses, by)
	}
	return err
}

// add begins a file that a message has.
func (s *Cache) add(k Key, rec *records.File, by records.Use) error {
	rec.Used = s.now().Unix()
	return s.store.Update(func(tx *records.Tx) error {
		if err := noteUse(tx, rec, by); err != nil {
			return err
		}
		return SaveFile(tx, k, rec)
	})
}

// touch notes that a file is in use, for a message that has it.
func (s *Cache) touch(k Key, rec *records.File, by records.Use) error {
	now := s.now().Unix()
	if now-rec.Used < int64(lastOpenedPrecision/time.Second) && slices.Contains(rec.Uses, by) {
		return nil
	}
	return s.change(k, func(tx *records.Tx, rec *records.File) error {
		rec.Used = now
		return noteUse(tx, rec, by)
	})
}

// A keptFile is a cached file and its position in the order of use.
type keptFile struct {
	K   Key
	Rec records.File
}

// KeptFiles returns all files, what was not opened for longest first.
func KeptFiles(tx *records.Tx) (all []keptFile, err error) {
	err = tx.Scan([]byte(records.TableFile), false, func(k, v []byte) (bool, error) {
		one := keptFile{K: Key(k[1:])}
		err := records.Decode(v, &one.Rec)
		all = append(all, one)
		return true, err
	})
	order.By(all, func(a, b keptFile) int { return cmp.Compare(a.Rec.Used, b.Rec.Used) })
	return all, err
}

// makeRoom drops what was not opened for longest until need more bytes fit.
// What does not fit by itself takes no other's place: it is kept for as long as
// nobody makes room.
func (s *Cache) makeRoom(need int64) error {
	return s.store.Update(func(tx *records.Tx) error {
		all, err := KeptFiles(tx)
		if err != nil {
			return err
		}
		waiting, err := filesToSend(tx)
		if err != nil {
			return err
		}
		for _, one := range all {
			if one.Rec.Have <= s.Room {
				need += one.Rec.Have
			}
		}
		for _, one := range all {
			fits := one.Rec.Have <= s.Room
			inUse := waiting[one.K] || s.writing(one.K) || isUnsent(&one.Rec, s.now())
			if inUse || fits && need <= s.Room {
				continue
			}
			if err := dropFile(tx, one.K); err != nil {
				return err
			}
			if fits {
				need -= one.Rec.Have
			}
		}
		return nil
	})
}

func (s *Cache) writing(k Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy[k] != nil
}

// isUnsent reports whether a file was attached and still waits for its message.
func isUnsent(r *records.File, now time.Time) bool {
	return r.Whole && r.Attached != 0 && now.Sub(time.Unix(r.Attached, 0)) < unsentFileLifetime
}

// filesToSend returns the kept files that outboxes wait to send.
func filesToSend(tx *records.Tx) (map[Key]bool, error) {
	all := map[Key]bool{}
	err := tx.Scan([]byte(records.TableOutbox), false, func(_, v []byte) (bool, error) {
		var item records.OutboxItem
		err := records.Decode(v, &item)
		for _, u := range item.Uploads {
			if u.Kept {
				all[KeyOf(tx.Store, u.Token.BlobID())] = true
			}
		}
		return true, err
	})
	return all, err
}

// A cacheWriter appends to a cached file, with one transaction for each piece,
// and hashes all of it. Close must follow the last Write.
type cacheWriter struct {
	s    *Cache
	k    Key
	have int64
	size int64 // that the file will have, 0 if that is not known
	room int64 // that was made and is not used yet
	buf  bytes.Buffer
	sum  hash.Hash
}

// writer goes on with a file that has a record.
func (s *Cache) writer(k Key, have, size int64) (*cacheWriter, error) {
	w := &cacheWriter{s: s, k: k, have: have, size: size, sum: sha256.New()}
	_, err := io.Copy(w.sum, &cacheReader{s: s, k: k, Size: have, n: -1})
	return w, err
}

// Write implements io.Writer.
func (w *cacheWriter) Write(p []byte) (int, error) {
	w.sum.Write(p)
	w.buf.Write(p)
	for w.buf.Len() >= pieceSize {
		if err := w.add(w.buf.Next(pieceSize)); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// Close implements io.Closer.
func (w *cacheWriter) Close() error {
	if w.buf.Len() == 0 {
		return nil
	}
	return w.add(w.buf.Next(w.buf.Len()))
}

// ready makes room for the next pieces of a file whose size is known, if all of
// it has any.
func (w *cacheWriter) ready(n int64) error {
	if w.size == 0 || w.size > w.s.Room || w.room >= n {
		return nil
	}
	w.room = max(n, min(reserveStep, w.size-w.have))
	return w.s.makeRoom(w.room)
}

func (w *cacheWriter) add(piece []byte) error {
	if err := w.ready(int64(len(piece))); err != nil {
		return err
	}
	w.room -= int64(len(piece))
	return w.s.change(w.k, func(tx *records.Tx, rec *records.File) error {
		if rec.Have != w.have {
			return errNotKept // dropped, and begun again by somebody
		}
		if err := tx.Put(records.Key(records.TablePiece, w.k[:], records.Number(uint64(w.have/pieceSize))), piece); err != nil {
			return err
		}
		w.have += int64(len(piece))
		rec.Have = w.have
		return nil
	})
}

// Open opens a file that is whole.
func (s *Cache) Open(k Key) (*cacheReader, error) {
	rec, err := s.find(k)
	if err == nil && (rec == nil || !rec.Whole) {
		err = errNotKept
	}
	if err != nil {
		return nil, err
	}
	return &cacheReader{s: s, k: k, Size: rec.Have, n: -1}, nil
}

// A cacheReader reads a cached file with one piece in memory.
type cacheReader struct {
	s     *Cache
	k     Key
	Size  int64
	at    int64
	n     int64 // of piece
	piece []byte
}

// Read implements io.Reader.
func (r *cacheReader) Read(p []byte) (int, error) {
	if r.at >= r.Size {
		return 0, io.EOF
	}
	if n := r.at / pieceSize; n != r.n {
		if err := r.load(n); err != nil {
			return 0, err
		}
	}
	from := r.at - r.n*pieceSize
	if from >= int64(len(r.piece)) {
		return 0, fmt.Errorf("%w: a piece is too short", records.ErrDamaged)
	}
	n := copy(p[:min(int64(len(p)), r.Size-r.at)], r.piece[from:])
	r.at += int64(n)
	return n, nil
}

func (r *cacheReader) load(n int64) error {
	err := r.s.store.View(func(tx *records.Tx) (err error) {
		r.piece, err = tx.Get(records.Key(records.TablePiece, r.k[:], records.Number(uint64(n))))
		return err
	})
	r.n = n
	if err == nil && r.piece == nil {
		err = errNotKept
	}
	if err != nil {
		r.n = -1
	}
	return err
}

// Seek implements io.Seeker.
func (r *cacheReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.Size
	}
	if offset < 0 {
		return 0, errors.New("client: seeking before the beginning of a file")
	}
	r.at = offset
	return offset, nil
}

// Close implements io.Closer.
func (r *cacheReader) Close() error {
	r.piece, r.n = nil, -1
	return nil
}
