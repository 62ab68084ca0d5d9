// SPDX-License-Identifier: AGPL-3.0-or-later

package slim

import "encoding/binary"

// reader reads LEB128 numbers; after an error it returns zeros.
type reader struct {
	b   []byte
	at  int
	err error
}

func (r *reader) byte() byte {
	if b := r.bytes(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (r *reader) bytes(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.b)-r.at {
		r.err = errFormat
		return nil
	}
	r.at += n
	return r.b[r.at-n : r.at]
}

// uint reads an unsigned number of at most 32 bits.
func (r *reader) uint() int {
	v, n := binary.Uvarint(r.b[min(r.at, len(r.b)):])
	if r.err != nil || n <= 0 || v > 1<<32-1 {
		r.err = errFormat
		return 0
	}
	r.at += n
	return int(v)
}

// int reads a signed number of at most 32 bits.
func (r *reader) int() int {
	v, shift := int64(0), 0
	for {
		b := r.byte()
		if r.err != nil || shift > 28 {
			r.err = errFormat
			return 0
		}
		v |= int64(b&0x7f) << shift
		shift += 7
		if b < 0x80 {
			if b&0x40 != 0 {
				v -= 1 << shift
			}
			return int(v)
		}
	}
}

func appendInt(b []byte, v int) []byte {
	for {
		low := byte(v & 0x7f)
		v >>= 7
		if v == 0 && low&0x40 == 0 || v == -1 && low&0x40 != 0 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}
