// SPDX-License-Identifier: AGPL-3.0-or-later

package pack

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// Level says how hard a Compressor tries.
type Level int

// The levels. Frames of all levels are read alike.
const (
	LevelFastest Level = iota
	LevelDefault
	LevelBetter
)

var zstdLevels = map[Level]zstd.EncoderLevel{
	LevelFastest: zstd.SpeedFastest, LevelDefault: zstd.SpeedDefault, LevelBetter: zstd.SpeedBetterCompression,
}

// Frame is a frame that is ready for a pack.
type Frame struct {
	FrameInfo
	Data []byte // of Stored bytes
}

// A Compressor makes and opens frames. It belongs to one goroutine.
type Compressor struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

// NewCompressor returns a Compressor.
func NewCompressor(level Level) (*Compressor, error) {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstdLevels[level]),
		zstd.WithEncoderCRC(false), zstd.WithWindowSize(MaxFrame), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxFrame), zstd.WithDecoderMaxWindow(MaxFrame))
	if err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	return &Compressor{e, d}, nil
}

// Compress makes a frame of raw, whose description has everything but the codec
// and the stored size. Data that compression shortens by less than 3 percent stays
// as it is. The frame keeps no reference to raw.
func (c *Compressor) Compress(info FrameInfo, raw []byte) Frame {
	out := c.encoder.EncodeAll(raw, make([]byte, 0, len(raw)+len(raw)/16+64))
	info.Codec = CodecZstd
	if len(out) > len(raw)-len(raw)/32 || len(out) >= len(raw) {
		out, info.Codec = append(out[:0], raw...), CodecRaw
	}
	info.Raw, info.Stored = uint32(len(raw)), uint32(len(out))
	return Frame{info, out}
}

// Decompress returns the chunks of a frame in a row. Its result may be stored,
// unless the frame is raw: then it is stored itself.
func (c *Compressor) Decompress(info *FrameInfo, stored []byte) ([]byte, error) {
	if info.Codec == CodecRaw {
		if len(stored) != int(info.Raw) {
			return nil, ErrFormat
		}
		return stored, nil
	}
	raw, err := c.decoder.DecodeAll(stored, make([]byte, 0, info.Raw))
	if err != nil || len(raw) != int(info.Raw) {
		return nil, fmt.Errorf("%w: a frame does not decompress", ErrFormat)
	}
	return raw, nil
}
