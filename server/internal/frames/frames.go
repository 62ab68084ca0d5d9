// SPDX-License-Identifier: AGPL-3.0-or-later

package frames

import (
	"encoding/binary"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
)

// The major types of CBOR (RFC 8949, Section 3.1).
const (
	majorUint  = 0 << 5
	majorBytes = 2 << 5
	majorArray = 4 << 5
	majorMap   = 5 << 5
)

// cborHead reads the head of an item of the given major type. It reports false
// for any but the shortest form.
func cborHead(b []byte, major byte) (n uint64, rest []byte, ok bool) {
	if len(b) == 0 || b[0]&0xe0 != major {
		return 0, nil, false
	}
	low := b[0] & 0x1f
	b = b[1:]
	if low < 24 {
		return uint64(low), b, true
	}
	if low > 27 {
		return 0, nil, false
	}
	size := 1 << (low - 24)
	if len(b) < size {
		return 0, nil, false
	}
	for _, c := range b[:size] {
		n = n<<8 | uint64(c)
	}
	least := uint64(24)
	if size > 1 {
		least = 1 << (4 * size)
	}
	return n, b[size:], n >= least
}

func appendHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

// reader reads items in turn and remembers whether all were as expected.
type reader struct {
	b  []byte
	ok bool
}

func (r *reader) head(major byte) (n uint64) {
	if r.ok {
		n, r.b, r.ok = cborHead(r.b, major)
	}
	return n
}

func (r *reader) expect(major byte, n uint64) {
	if r.head(major) != n {
		r.ok = false
	}
}

func (r *reader) bytes() []byte {
	n := r.head(majorBytes)
	if !r.ok || n > uint64(len(r.b)) {
		r.ok = false
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

// ParsePost reads a message's first frame if it is a valid ChannelPost. The
// ciphertext is copied.
func ParsePost(message []byte) (id uint64, post *protocol.ChannelPost, rest []byte, ok bool) {
	r := reader{b: message, ok: true}
	r.expect(majorArray, 4)
	r.expect(majorUint, uint64(protocol.KindRequest))
	id = r.head(majorUint)
	r.expect(majorUint, uint64(protocol.OpChannelPost))
	pairs := r.head(majorMap)
	r.expect(majorUint, 1)
	channel := r.bytes()
	r.expect(majorUint, 2)
	epoch := r.head(majorUint)
	r.expect(majorUint, 3)
	ciphertext := r.bytes()
	expireIn := uint64(0)
	if pairs == 4 {
		r.expect(majorUint, 4)
		expireIn = r.head(majorUint)
	}
	switch {
	case !r.ok, id == 0, len(channel) != 32, len(ciphertext) == 0, len(ciphertext) > protocol.MaxCiphertext,
		pairs != 3 && pairs != 4, pairs == 4 && (expireIn == 0 || expireIn > uint64(protocol.DefaultExpiry/time.Second)):
		return 0, nil, nil, false
	}
	post = &protocol.ChannelPost{Channel: protocol.ChannelID(channel), Epoch: epoch, Ciphertext: append([]byte(nil), ciphertext...), ExpireIn: expireIn}
	return id, post, r.b, true
}

// AppendPosted appends the acknowledgement of a post, the answer to request id,
// with the sequence number of the stored entry.
func AppendPosted(b []byte, id, seq uint64) []byte {
	b = append(b, majorArray|4, majorUint|byte(protocol.KindResponse))
	b = appendHead(b, majorUint, id)
	b = append(b, majorUint, majorMap|1, majorUint|1)
	return appendHead(b, majorUint, seq)
}

// EntryRoom is the most that an entry's frame takes besides its
// ciphertext.
const EntryRoom = 80

// AppendEntry appends the event that delivers an entry.
func AppendEntry(b []byte, e *protocol.Entry) []byte {
	b = append(b, majorArray|4, majorUint|byte(protocol.KindEvent), majorUint, majorUint|byte(protocol.EventEntry), majorMap|5, majorUint|1)
	b = appendHead(b, majorBytes, uint64(len(e.Channel)))
	b = append(b, e.Channel[:]...)
	b = appendHead(append(b, majorUint|2), majorUint, e.Seq)
	b = appendHead(append(b, majorUint|3), majorUint, e.Epoch)
	b = append(b, majorUint|4, majorUint|byte(e.Kind), majorUint|5)
	b = appendHead(b, majorBytes, uint64(len(e.Ciphertext)))
	return append(b, e.Ciphertext...)
}
