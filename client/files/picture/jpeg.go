// SPDX-License-Identifier: AGPL-3.0-or-later

package picture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// Markers of JPEG (ITU-T T.81, Table B.1).
const (
	jpegSOI  = 0xd8
	jpegEOI  = 0xd9
	jpegSOS  = 0xda
	jpegAPP0 = 0xe0
	jpegAPP1 = 0xe1
	jpegAPP2 = 0xe2
	jpegAdob = 0xee // APP14
)

// stripJPEG keeps the segments that a decoder needs: no application's but the
// colour profile, Adobe's colour transform and the frame of JFIF, no comments,
// and nothing behind the end of the picture, where cameras put films and further
// pictures.
func stripJPEG(s *source) ([]span, error) {
	out := []span{literal(0xff, jpegSOI)}
	front, orientation, scans := 1, byte(1), 0
	for at := int64(2); ; {
		m, segment, err := s.jpegMarker(at)
		if err != nil {
			return nil, err
		}
		at = segment
		if m == jpegEOI {
			if scans == 0 {
				return nil, ErrDamaged
			}
			out = append(out, literal(0xff, jpegEOI))
			return withOrientation(out, front, orientation), nil
		}
		if m == 0x01 || m >= 0xd0 && m <= 0xd7 { // without a length
			out = append(out, literal(0xff, m))
			continue
		}
		head, err := s.short(at, 2)
		if err != nil {
			return nil, err
		}
		n := int64(binary.BigEndian.Uint16(head))
		if n < 2 || at+n > s.size {
			return nil, ErrDamaged
		}
		payload, err := s.short(at+2, min(n-2, maxExif))
		if err != nil {
			return nil, err
		}
		switch {
		case m == jpegAPP0 && bytes.HasPrefix(payload, []byte("JFIF\x00")) && len(payload) >= 14:
			out = append(out, literal(append(append([]byte{0xff, m, 0, 16}, payload[:12]...), 0, 0)...)) // without its preview
			front = len(out)
		case m == jpegAPP1 && bytes.HasPrefix(payload, exifPrefix):
			if orientation == 1 {
				orientation = orientationOf(payload[len(exifPrefix):])
			}
		case m == jpegAPP2 && bytes.HasPrefix(payload, []byte("ICC_PROFILE\x00")), m == jpegAdob && bytes.HasPrefix(payload, []byte("Adobe")),
			m < jpegAPP0:
			out = append(out, literal(0xff, m), span{at: at, n: n})
		}
		at += n
		if m == jpegSOS {
			end, err := s.jpegScan(at)
			if err != nil {
				return nil, err
			}
			out = append(out, span{at: at, n: end - at})
			at, scans = end, scans+1
		}
	}
}

// jpegMarker reads a marker, and where what follows it begins.
func (s *source) jpegMarker(at int64) (marker byte, next int64, err error) {
	for {
		b, err := s.short(at, 2)
		if err != nil {
			return 0, 0, err
		}
		switch {
		case b[0] != 0xff, b[1] == 0:
			return 0, 0, ErrDamaged
		case b[1] != 0xff:
			return b[1], at + 2, nil
		}
		at++ // filling
	}
}

// jpegScan finds the marker that ends a scan.
func (s *source) jpegScan(at int64) (int64, error) {
	in := bufio.NewReaderSize(io.NewSectionReader(s.r, at, s.size-at), 64<<10)
	for marked := false; ; at++ {
		b, err := in.ReadByte()
		if errors.Is(err, io.EOF) {
			return 0, ErrDamaged // it has no end
		}
		if err != nil {
			return 0, err
		}
		if marked && b != 0 && b != 0xff && (b < 0xd0 || b > 0xd7) {
			return at - 1, nil
		}
		marked = b == 0xff
	}
}

// withOrientation puts an Exif block with nothing but the orientation after the
// first spans.
func withOrientation(out []span, front int, orientation byte) []span {
	if orientation == 1 {
		return out
	}
	block := append(bytes.Clone(exifPrefix), orientationBlock(orientation)...)
	segment := append([]byte{0xff, jpegAPP1, 0, byte(2 + len(block))}, block...)
	return append(out[:front:front], append([]span{literal(segment...)}, out[front:]...)...)
}
