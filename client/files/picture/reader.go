// SPDX-License-Identifier: AGPL-3.0-or-later

package picture

import (
	"errors"
	"io"
	"sort"
)

// newReader returns a reader of the spans, one after the other.
func newReader(r io.ReaderAt, spans []span) *io.SectionReader {
	j := &joined{r: r}
	for _, s := range spans {
		if s.n == 0 {
			continue
		}
		j.spans, j.begin = append(j.spans, s), append(j.begin, j.size)
		j.size += s.n
	}
	return io.NewSectionReader(j, 0, j.size)
}

// joined are spans as one file.
type joined struct {
	r     io.ReaderAt // the picture that spans are of
	spans []span
	begin []int64 // where each span begins
	size  int64
}

// ReadAt implements io.ReaderAt.
func (j *joined) ReadAt(p []byte, at int64) (n int, err error) {
	if at < 0 {
		return 0, errors.New("picture: reading before the beginning")
	}
	for n < len(p) && err == nil {
		if at+int64(n) >= j.size {
			return n, io.EOF
		}
		var more int
		more, err = j.readSpan(p[n:], at+int64(n))
		n += more
	}
	return n, err
}

// readSpan reads from one span, as far as it goes.
func (j *joined) readSpan(p []byte, at int64) (int, error) {
	i := sort.Search(len(j.begin), func(i int) bool { return j.begin[i] > at }) - 1
	s, skip := j.spans[i], at-j.begin[i]
	p = p[:min(int64(len(p)), s.n-skip)]
	switch {
	case s.zero:
		clear(p)
	case s.bytes != nil:
		copy(p, s.bytes[skip:])
	default:
		n, err := j.r.ReadAt(p, s.at+skip)
		if n == len(p) {
			return n, nil
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // it became shorter
		}
		return n, err
	}
	return len(p), nil
}
