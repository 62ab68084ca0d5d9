// SPDX-License-Identifier: AGPL-3.0-or-later

package picture

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// pngChunks are the chunks that a picture needs: those of the PNG
// specification that are about pixels, colours and animation.
var pngChunks = []string{
	"IHDR", "PLTE", "IDAT", "IEND", "tRNS", "cHRM", "gAMA", "iCCP", "sBIT", "sRGB", "cICP", "mDCV", "cLLI", "bKGD", "hIST", "pHYs", "sPLT", "acTL", "fcTL", "fdAT",
}

func stripPNG(s *source) ([]span, error) {
	out := []span{{at: 0, n: 8}}
	front, orientation := 1, byte(1)
	for at := int64(8); ; {
		head, err := s.short(at, 8)
		if err != nil {
			return nil, err
		}
		n, kind := int64(binary.BigEndian.Uint32(head)), string(head[4:])
		if n+12 > s.size-at {
			return nil, ErrDamaged
		}
		switch {
		case slices.Contains(pngChunks, kind):
			out = append(out, span{at: at, n: n + 12})
		case kind == "eXIf":
			block, err := s.short(at+8, min(n, maxExif))
			if err != nil {
				return nil, err
			}
			orientation = orientationOf(block)
		}
		at += n + 12
		if kind == "IHDR" {
			front = len(out)
		}
		if kind == "IEND" {
			break
		}
	}
	if orientation == 1 {
		return out, nil
	}
	block := append([]byte("eXIf"), orientationBlock(orientation)...)
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(block)-4))
	chunk = binary.BigEndian.AppendUint32(append(chunk, block...), crc32.ChecksumIEEE(block))
	return slices.Insert(out, front, literal(chunk...)), nil
}

// webpChunks are the chunks that a picture needs (RFC 9649, Section 2).
var webpChunks = []string{"VP8 ", "VP8L", "VP8X", "ALPH", "ANIM", "ANMF", "ICCP"}

// Flags of a VP8X chunk.
const (
	webpXMP  = 1 << 2
	webpExif = 1 << 3
)

func stripWebP(s *source) ([]span, error) {
	head, err := s.short(0, 12)
	if err != nil {
		return nil, err
	}
	end := int64(binary.LittleEndian.Uint32(head[4:])) + 8
	if end > s.size || end < 12 {
		return nil, ErrDamaged
	}
	out, extended, orientation, seen := []span{literal(head...)}, -1, byte(1), false
	for at := int64(12); at < end; {
		chunk, err := s.short(at, 8)
		if err != nil {
			return nil, err
		}
		n, kind := int64(binary.LittleEndian.Uint32(chunk[4:])), string(chunk[:4])
		if n > end-at-8 {
			return nil, ErrDamaged
		}
		whole := min(8+n+n&1, end-at)
		switch {
		case kind == "VP8X" && n >= 10 && extended < 0:
			b, err := s.bytes(at, whole)
			if err != nil {
				return nil, err
			}
			b[8] &^= webpXMP | webpExif
			extended, out = len(out), append(out, literal(b...))
		case kind == "VP8X":
			return nil, ErrDamaged
		case slices.Contains(webpChunks, kind):
			out, seen = append(out, span{at: at, n: whole}), seen || kind[:3] == "VP8" || kind == "ANMF"
		case kind == "EXIF":
			block, err := s.short(at+8, min(n, maxExif))
			if err != nil {
				return nil, err
			}
			orientation = orientationOf(bytes.TrimPrefix(block, exifPrefix))
		}
		at += whole
	}
	if !seen {
		return nil, ErrDamaged
	}
	if orientation != 1 && extended >= 0 {
		out[extended].bytes[8] |= webpExif
		block := orientationBlock(orientation)
		out = append(out, literal(append(binary.LittleEndian.AppendUint32([]byte("EXIF"), uint32(len(block))), block...)...))
	}
	size := int64(-8)
	for _, part := range out {
		size += part.n
	}
	binary.LittleEndian.PutUint32(out[0].bytes[4:], uint32(size))
	return out, nil
}

// stripGIF keeps the frames, how they follow each other, and how often.
func stripGIF(s *source) ([]span, error) {
	head, err := s.short(0, 13)
	if err != nil {
		return nil, err
	}
	at, frames := 13+gifTable(head[10]), 0
	out := []span{{at: 0, n: at}}
	for {
		b, err := s.short(at, min(19, max(1, s.size-at)))
		if err != nil {
			return nil, err
		}
		begin, keep := at, false
		switch {
		case b[0] == 0x3b && frames > 0:
			return append(out, literal(0x3b)), nil
		case b[0] == 0x2c && len(b) >= 11:
			keep, frames = true, frames+1
			at, err = s.gifBlocks(at + 11 + gifTable(b[9]))
		case b[0] == 0x21 && len(b) >= 2:
			keep = b[1] == 0xf9 || b[1] == 0xff && len(b) >= 14 && (string(b[3:14]) == "NETSCAPE2.0" || string(b[3:14]) == "ANIMEXTS1.0")
			at, err = s.gifBlocks(at + 2)
		default:
			return nil, ErrDamaged
		}
		if err != nil {
			return nil, err
		}
		if keep {
			out = append(out, span{at: begin, n: at - begin})
		}
	}
}

// gifTable is the length of a table of colours.
func gifTable(flags byte) int64 {
	if flags&0x80 == 0 {
		return 0
	}
	return 6 << (flags & 7)
}

// gifBlocks returns where a row of blocks ends.
func (s *source) gifBlocks(at int64) (int64, error) {
	for {
		b, err := s.short(at, 1)
		if err != nil {
			return 0, err
		}
		at += 1 + int64(b[0])
		if b[0] == 0 {
			return at, nil
		}
	}
}
