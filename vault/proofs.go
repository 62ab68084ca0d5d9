// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/securecrypt/securecrypt/vault/pack"
)

// Proofs remember which packs a device has read and found intact, and when. The
// zero value remembers none. They are kept on the device, between its checks.
type Proofs struct {
	// next is the name behind which the next sample begins.
	next  pack.Name
	times map[pack.Name]int64 // seconds since 1970, by the device's clock
}

// A Proof is what is known of a pack.
type Proof struct {
	Pack string // the object
	Size int64  // in bytes
	// Time is when the pack was last found intact, in seconds since 1970; 0 for
	// never. It is shown to people, and nothing depends on it.
	Time int64
}

const (
	proofsVersion = 1
	proofSize     = len(pack.Name{}) + 8
)

var errProofs = errors.New("vault: not valid proofs")

// Encode returns the encoding of the proofs: 40 bytes a pack.
func (p *Proofs) Encode() []byte {
	b := append([]byte{proofsVersion}, p.next[:]...)
	for name, time := range p.times {
		b = binary.BigEndian.AppendUint64(append(b, name[:]...), uint64(time))
	}
	return b
}

// ParseProofs decodes proofs.
func ParseProofs(b []byte) (*Proofs, error) {
	p := &Proofs{times: map[pack.Name]int64{}}
	if len(b) < 1+len(p.next) || b[0] != proofsVersion || (len(b)-1-len(p.next))%proofSize != 0 {
		return nil, errProofs
	}
	p.next = pack.Name(b[1 : 1+len(p.next)])
	for b = b[1+len(p.next):]; len(b) > 0; b = b[proofSize:] {
		p.times[pack.Name(b[:len(pack.Name{})])] = int64(binary.BigEndian.Uint64(b[len(pack.Name{}):]))
	}
	return p, nil
}

// note keeps that a pack was read: at a time if it is intact, else 0.
func (p *Proofs) note(name pack.Name, time int64) {
	if p == nil {
		return
	}
	if p.times == nil {
		p.times = map[pack.Name]int64{}
	}
	if p.times[name] = time; time == 0 {
		delete(p.times, name)
	}
}

// selected returns the numbers of the packs that Check reads: all, or a share by
// position. Names are hashes, so that going through them in order has new packs come
// in evenly, and 100/n samples of n percent meet every pack that was there at the
// first of them.
func (o *CheckOptions) selected(x *packIndex) []uint32 {
	all := make([]uint32, len(x.packs))
	for i := range all {
		all[i] = uint32(i + 1)
	}
	if o.Sample <= 0 || o.Sample >= 100 || len(all) == 0 {
		return all
	}
	name := func(number uint32) pack.Name { return x.packs[number-1].name }
	slices.SortFunc(all, func(a, b uint32) int {
		na, nb := name(a), name(b)
		return bytes.Compare(na[:], nb[:])
	})
	start := 0
	if o.Proofs != nil {
		start, _ = slices.BinarySearchFunc(all, o.Proofs.next, func(number uint32, next pack.Name) int {
			if n := name(number); bytes.Compare(n[:], next[:]) <= 0 {
				return -1
			}
			return 1
		})
	}
	count := int(math.Ceil(float64(len(all)) * o.Sample / 100))
	return append(all[start:], all[:start]...)[:count]
}

// Proved returns what the proofs say of each pack that the storage lists, in the
// order of their names, and forgets packs that it does not.
func (v *Vault) Proved(ctx context.Context, p *Proofs) ([]Proof, error) {
	there, err := v.listPacks(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Proof, 0, len(there))
	for name, size := range there {
		if _, swept := v.state.Swept[name]; !swept {
			out = append(out, Proof{name.Object(), size, p.times[name]})
		}
	}
	for name := range p.times {
		if _, ok := there[name]; !ok {
			delete(p.times, name)
		}
	}
	slices.SortFunc(out, func(a, b Proof) int { return bytes.Compare([]byte(a.Pack), []byte(b.Pack)) })
	return out, nil
}
