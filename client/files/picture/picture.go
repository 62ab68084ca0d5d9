// SPDX-License-Identifier: AGPL-3.0-or-later

package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

var (
	// ErrUnknown: nothing can be taken out of this kind of picture.
	ErrUnknown = errors.New("this kind of picture cannot be stripped of place and camera")
	// ErrDamaged: the picture is damaged, or is none.
	ErrDamaged = errors.New("the picture is damaged, or is none")
)

// maxHeld bounds what is kept in memory of a picture.
const maxHeld = 16 << 20

// headSize is how much of a file Is looks at.
const headSize = 32

// kinds are the pictures that Bare knows, by what they begin with.
var kinds = []struct {
	name  string
	is    func(head []byte) bool
	strip func(*source) ([]span, error)
}{
	{"JPEG", begins("\xff\xd8\xff"), stripJPEG},
	{"PNG", begins("\x89PNG\r\n\x1a\n"), stripPNG},
	{"GIF", func(h []byte) bool { return begins("GIF89a")(h) || begins("GIF87a")(h) }, stripGIF},
	{"WebP", func(h []byte) bool { return begins("RIFF")(h) && len(h) >= 12 && string(h[8:12]) == "WEBP" }, stripWebP},
	{"TIFF", func(h []byte) bool { return begins("II*\x00")(h) || begins("MM\x00*")(h) }, stripTIFF},
	{"HEIF", isHEIF, stripHEIF},
}

func begins(magic string) func([]byte) bool {
	return func(head []byte) bool { return bytes.HasPrefix(head, []byte(magic)) }
}

// endings are those of files that are pictures, whatever they hold. Files of
// drawings (SVG) and of plain pixels (BMP) are none of them: a camera makes
// neither.
var endings = []string{
	".jpg", ".jpeg", ".jpe", ".png", ".apng", ".gif", ".webp", ".tif", ".tiff", ".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2",
	".dng", ".cr2", ".cr3", ".crw", ".nef", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw",
}

// raw are the endings of pictures that are TIFF and more.
var raw = []string{".dng", ".cr2", ".cr3", ".crw", ".nef", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw"}

func ending(name string) string { return strings.ToLower(filepath.Ext(name)) }

// Is reports whether a file is a picture, by its name or by what it begins with.
func Is(name string, r io.ReaderAt) bool {
	if slices.Contains(endings, ending(name)) {
		return true
	}
	head := make([]byte, headSize)
	n, _ := r.ReadAt(head, 0) // what cannot be read is no picture
	for _, k := range kinds {
		if k.is(head[:n]) {
			return true
		}
	}
	return false
}

// Bare returns the picture in the first size bytes of r without what it says
// beside what is to be seen. r must stay open while the result is read. The error
// is ErrUnknown or ErrDamaged.
func Bare(name string, r io.ReaderAt, size int64) (*io.SectionReader, error) {
	if slices.Contains(raw, ending(name)) {
		return nil, ErrUnknown
	}
	src := &source{r: r, size: size}
	head, err := src.bytes(0, min(size, headSize))
	if err != nil {
		return nil, err
	}
	for _, k := range kinds {
		if !k.is(head) {
			continue
		}
		spans, err := k.strip(src)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
		return newReader(r, spans), nil
	}
	if known := []string{".jxl", ".jp2"}; slices.Contains(known, ending(name)) {
		return nil, ErrUnknown
	}
	return nil, ErrDamaged
}

// A source is a picture as it is.
type source struct {
	r    io.ReaderAt
	size int64
	held int64
}

// bytes reads a part. One that is not there is damage.
func (s *source) bytes(at, n int64) ([]byte, error) {
	if at < 0 || n < 0 || at > s.size || n > s.size-at {
		return nil, ErrDamaged
	}
	if s.held += n; s.held > maxHeld {
		return nil, fmt.Errorf("%w: it says too much beside the picture", ErrDamaged)
	}
	b := make([]byte, n)
	if _, err := s.r.ReadAt(b, at); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b, nil
}

// short reads a part of a few bytes that is not kept.
func (s *source) short(at, n int64) ([]byte, error) {
	b, err := s.bytes(at, n)
	s.held -= n
	return b, err
}

// A span is a part of what is handed out: bytes of the picture, or others.
type span struct {
	at, n int64
	bytes []byte // instead, if not nil
	zero  bool   // as many zeros
}

func literal(b ...byte) span { return span{bytes: b, n: int64(len(b))} }

// orientationTag is how a picture is to be turned.
const orientationTag = 0x0112

// orientationOf reads how a picture is to be turned out of an Exif block, which
// is a TIFF file; 1, as it is, if it does not say.
func orientationOf(tiff []byte) byte {
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.BigEndian
	if string(tiff[:2]) == "II" {
		order = binary.LittleEndian
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 1
	}
	n := int64(order.Uint16(tiff[at:]))
	for i := range n {
		e := at + 2 + 12*i
		if e+12 > int64(len(tiff)) {
			return 1
		}
		if order.Uint16(tiff[e:]) == orientationTag {
			if v := order.Uint16(tiff[e+8:]); v >= 1 && v <= 8 {
				return byte(v)
			}
		}
	}
	return 1
}

// orientationBlock is an Exif block that says nothing but an orientation.
func orientationBlock(o byte) []byte {
	return []byte{
		'M', 'M', 0, '*', 0, 0, 0, 8, 0, 1,
		orientationTag >> 8, orientationTag & 0xff, 0, 3, 0, 0, 0, 1, 0, o, 0, 0, 0, 0, 0, 0,
	}
}

// exifPrefix stands before an Exif block where others could stand.
var exifPrefix = []byte("Exif\x00\x00")

// maxExif is how much of an Exif block is read to find the orientation, which
// stands at its beginning.
const maxExif = 64 << 10
