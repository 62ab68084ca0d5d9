// SPDX-License-Identifier: AGPL-3.0-or-later

package pack

import (
	"bytes"
	"fmt"

	"github.com/zeebo/blake3"
)

// repair rebuilds a pack whose bytes differ from what its name says. plains has
// the payloads of the data segments, nil for those that did not open, which it
// fills in. A parity segment does not tell whether it is damaged, so it tries
// which of them rebuild segments that open.
func repair(name Name, o *Opener, data []byte, plains [][]byte) ([]byte, error) {
	var missing []int
	for i, plain := range plains {
		if plain == nil {
			missing = append(missing, i)
		}
	}
	if len(missing) > o.Class.Parity {
		return nil, fmt.Errorf("%w: %d of %d segments, and parity rebuilds %d", ErrDamaged, len(missing), o.Class.Segments, o.Class.Parity)
	}
	whole := bytes.Clone(data)
	if len(missing) > 0 && !choose(o.Class.Parity, len(missing), func(use []int) bool { return rebuild(o, whole, data, missing, use) }) {
		return nil, fmt.Errorf("%w: %d segments, and parity is damaged too", ErrDamaged, len(missing))
	}
	for _, i := range missing {
		plains[i], _ = o.open(i, whole[i*SegmentSize:(i+1)*SegmentSize]) // rebuild has opened it
	}
	code, err := parityCode(o.Class)
	if err != nil {
		return nil, err
	}
	if err := code.Encode(split(o.Class, whole)); err != nil {
		return nil, fmt.Errorf("pack: parity: %w", err)
	}
	if Name(blake3.Sum256(whole)) != name {
		return nil, fmt.Errorf("%w: its name belongs to another pack", ErrDamaged)
	}
	return whole, nil
}

func split(class Class, data []byte) [][]byte {
	shards := make([][]byte, class.Segments)
	for i := range shards {
		shards[i] = data[i*SegmentSize : (i+1)*SegmentSize : (i+1)*SegmentSize]
	}
	return shards
}

// rebuild computes the missing data segments from the parity segments in use and
// reports whether all of them open.
func rebuild(o *Opener, whole, data []byte, missing, use []int) bool {
	code, err := parityCode(o.Class)
	if err != nil {
		return false
	}
	shards := split(o.Class, data)
	for _, i := range missing {
		shards[i] = nil
	}
	for i := range o.Class.Parity {
		shards[o.Class.Data+i] = nil
	}
	for _, i := range use {
		shards[o.Class.Data+i] = data[(o.Class.Data+i)*SegmentSize : (o.Class.Data+i+1)*SegmentSize]
	}
	if code.ReconstructData(shards) != nil {
		return false
	}
	for _, i := range missing {
		if _, ok := o.open(i, shards[i]); !ok {
			return false
		}
		copy(whole[i*SegmentSize:], shards[i])
	}
	return true
}

// choose calls try with each choice of k of the numbers below n until it returns
// true.
func choose(n, k int, try func([]int) bool) bool {
	chosen := make([]int, 0, k)
	var next func(from int) bool
	next = func(from int) bool {
		if len(chosen) == k {
			return try(chosen)
		}
		for i := from; i < n; i++ {
			chosen = append(chosen, i)
			if next(i + 1) {
				return true
			}
			chosen = chosen[:len(chosen)-1]
		}
		return false
	}
	return next(0)
}
