// SPDX-License-Identifier: AGPL-3.0-or-later

package picture

import (
	"errors"
	"io"
	"sort"
)

// A Reader reads a bare picture. The picture that it was made from must stay
// open.
type Reader struct {
	r     io.ReaderAt
	spans []span
	begin []int64 // where each span begins
	size  int64
	at    int64
}

func newReader(r io.ReaderAt, spans []span) *Reader {
	out := &Reader{r: r}
	for _, s := range spans {
		if s.n == 0 {
			continue
		}
		out.spans, out.begin = append(out.spans, s), append(out.begin, out.size)
		out.size += s.n
	}
	return out
}

// Size returns the length in bytes.
func (r *Reader) Size() int64 { return r.size }

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if r.at >= r.size {
		return 0, io.EOF
	}
	i := sort.Search(len(r.begin), func(i int) bool { return r.begin[i] > r.at }) - 1
	s, skip := r.spans[i], r.at-r.begin[i]
	p = p[:min(int64(len(p)), s.n-skip)]
	n, err := len(p), error(nil)
	switch {
	case s.zero:
		clear(p)
	case s.bytes != nil:
		copy(p, s.bytes[skip:])
	default:
		n, err = r.r.ReadAt(p, s.at+skip)
		if n == len(p) {
			err = nil
		} else if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // it became shorter
		}
	}
	r.at += int64(n)
	return n, err
}

// Seek implements io.Seeker.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 {
		return 0, errors.New("picture: seeking before the beginning")
	}
	r.at = offset
	return offset, nil
}
