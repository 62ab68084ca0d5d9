// SPDX-License-Identifier: AGPL-3.0-or-later

package bench

import (
	"encoding/binary"
	"errors"

	"github.com/securecrypt/securecrypt/protocol"
)

// The generator's and the bare relay's own codec: it reads and writes only the
// frames that a measurement needs, without checks, so that both cost little.

var errFrame = errors.New("bench: unexpected frame")

// head reads the head of a CBOR item.
func head(b []byte) (major byte, n uint64, rest []byte, err error) {
	if len(b) == 0 {
		return 0, 0, nil, errFrame
	}
	major, low := b[0]>>5, b[0]&31
	b = b[1:]
	if low < 24 {
		return major, uint64(low), b, nil
	}
	size := 1 << (low - 24)
	if low > 27 || len(b) < size {
		return 0, 0, nil, errFrame
	}
	for _, c := range b[:size] {
		n = n<<8 | uint64(c)
	}
	return major, n, b[size:], nil
}

func appendHead(b []byte, major byte, n uint64) []byte {
	major <<= 5
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

// frame is what a measurement looks at.
type frame struct {
	kind protocol.Kind
	id   uint64
	code uint64
	nums [8]uint64 // the body's numbers by key
	// channel and ciphertext point into the message.
	channel, ciphertext []byte
}

// next reads a frame whose body is a map of numbers and byte strings.
func next(b []byte, f *frame) (rest []byte, err error) {
	_, n, b, err := head(b)
	if err != nil || n != 4 {
		return nil, errFrame
	}
	var kind, pairs uint64
	for _, p := range []*uint64{&kind, &f.id, &f.code, &pairs} {
		if _, *p, b, err = head(b); err != nil {
			return nil, err
		}
	}
	f.kind = protocol.Kind(kind)
	for range pairs {
		var key, v uint64
		var major byte
		if _, key, b, err = head(b); err != nil {
			return nil, err
		}
		if major, v, b, err = head(b); err != nil || key >= uint64(len(f.nums)) {
			return nil, errFrame
		}
		if major != 2 && major != 3 {
			f.nums[key] = v
			continue
		}
		if uint64(len(b)) < v {
			return nil, errFrame
		}
		if key == 1 {
			f.channel = b[:v]
		} else {
			f.ciphertext = b[:v]
		}
		b = b[v:]
	}
	return b, nil
}

func appendFrameHead(b []byte, kind protocol.Kind, id, code uint64) []byte {
	b = append(b, 4<<5|4)
	b = appendHead(b, 0, uint64(kind))
	b = appendHead(b, 0, id)
	return appendHead(b, 0, code)
}

func appendBytes(b, v []byte) []byte { return append(appendHead(b, 2, uint64(len(v))), v...) }

// appendPost appends a request that posts a message at epoch 0.
func appendPost(b []byte, id uint64, channel *protocol.ChannelID, ciphertext []byte) []byte {
	b = appendFrameHead(b, protocol.KindRequest, id, uint64(protocol.OpChannelPost))
	b = append(b, 5<<5|3, 1)
	b = appendBytes(b, channel[:])
	b = append(b, 2, 0, 3)
	return appendBytes(b, ciphertext)
}

func appendEntry(b, channel []byte, seq uint64, ciphertext []byte) []byte {
	b = appendFrameHead(b, protocol.KindEvent, 0, uint64(protocol.EventEntry))
	b = append(b, 5<<5|5, 1)
	b = appendBytes(b, channel)
	b = append(b, 2)
	b = appendHead(b, 0, seq)
	b = append(b, 3, 0, 4, 0, 5)
	return appendBytes(b, ciphertext)
}

func appendPosted(b []byte, id, seq uint64) []byte {
	b = appendFrameHead(b, protocol.KindResponse, id, 0)
	b = append(b, 5<<5|1, 1)
	return appendHead(b, 0, seq)
}
