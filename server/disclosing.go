// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
)

// disclosureFor is how long a disclosure is kept for an account that does not
// read on.
const disclosureFor = 30 * time.Second

// A builtDisclosure is a disclosure in the parts in which its account reads it.
// It is made once and counts against the origin's memory for requests.
type builtDisclosure struct {
	shares *fairness.Shares
	from   *fairness.Origin

	mu      sync.Mutex // guards what follows
	parts   [][]byte   // of MaxDisclosurePart bytes each but for the last
	size    uint64
	hash    hash.Hash
	sum     [sha256.Size]byte
	dropped bool
	timer   *time.Timer
}

var errDisclosureMemory = errors.New("server: no memory for a disclosure")

// Write implements [io.Writer].
func (d *builtDisclosure) Write(p []byte) (int, error) {
	_, _ = d.hash.Write(p) // never fails
	for rest := p; len(rest) > 0; {
		last := len(d.parts) - 1
		if last < 0 || len(d.parts[last]) == protocol.MaxDisclosurePart {
			if !d.shares.Take(d.from, fairness.RequestMemory, protocol.MaxDisclosurePart) {
				return 0, errDisclosureMemory
			}
			d.parts = append(d.parts, make([]byte, 0, protocol.MaxDisclosurePart))
			last++
		}
		n := min(len(rest), protocol.MaxDisclosurePart-len(d.parts[last]))
		d.parts[last] = append(d.parts[last], rest[:n]...)
		rest = rest[n:]
	}
	d.size += uint64(len(p))
	return len(p), nil
}

func (d *builtDisclosure) drop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dropped {
		return
	}
	d.dropped = true
	d.shares.Give(d.from, fairness.RequestMemory, int64(len(d.parts))*protocol.MaxDisclosurePart)
	d.shares.Give(d.from, fairness.Disclosures, 1)
	d.parts = nil
	if d.timer != nil {
		d.timer.Stop()
	}
}

// part returns the bytes from offset to the end of the part in which it lies,
// nil if there are none.
func (d *builtDisclosure) part(offset uint64) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dropped || offset >= d.size {
		return nil
	}
	d.timer.Reset(disclosureFor)
	return d.parts[offset/protocol.MaxDisclosurePart][offset%protocol.MaxDisclosurePart:]
}

// accountDisclose returns a part of what the store has about the account of
// this connection.
func (ss *session) accountDisclose(b *protocol.AccountDisclose) (protocol.Body, error) {
	if b.Offset == 0 || ss.disclosed == nil || ss.disclosed.part(b.Offset) == nil {
		ss.dropDisclosure()
		if err := ss.buildDisclosure(); err != nil {
			return nil, err
		}
	}
	d := ss.disclosed
	part := d.part(b.Offset)
	if part == nil {
		return nil, refuse(protocol.CodeInvalid)
	}
	if b.Offset+uint64(len(part)) == d.size {
		defer ss.dropDisclosure()
	}
	return &protocol.Disclosure{Hash: d.sum, Size: d.size, Part: part}, nil
}

func (ss *session) buildDisclosure() error {
	s := ss.s
	if err := ss.limited(fairness.RateDisclose, 1); err != nil {
		return err
	}
	if !s.shares.Take(ss.from, fairness.Disclosures, 1) {
		return &protocol.Error{Code: protocol.CodeRateLimited, RetryAfter: unavailableFor, Reason: protocol.ReasonShare}
	}
	d := &builtDisclosure{shares: s.shares, from: ss.from, hash: sha256.New()}
	d.timer = time.AfterFunc(disclosureFor, d.drop)
	d.mu.Lock()
	err := writeDisclosure(s.ctx, s.store, account.Address{Name: ss.identity.Name, Host: s.host}, d)
	d.hash.Sum(d.sum[:0])
	d.mu.Unlock()
	if err != nil {
		d.drop()
	}
	if errors.Is(err, errDisclosureMemory) {
		return &protocol.Error{Code: protocol.CodeUnavailable, RetryAfter: unavailableFor, Reason: protocol.ReasonShare}
	}
	ss.disclosed = d
	return err
}

// dropDisclosure gives up the disclosure that is being read, if there is one.
func (ss *session) dropDisclosure() {
	if ss.disclosed != nil {
		ss.disclosed.drop()
		ss.disclosed = nil
	}
}

// writeDisclosure writes what json.Marshal makes of a [Disclosure], row by row,
// so that no more than a few rows are in memory besides what w keeps.
func writeDisclosure(ctx context.Context, store Store, addr account.Address, w io.Writer) error {
	return store.View(ctx, func(tx ReadTx) error {
		o, err := ownerOf(tx, addr)
		if err != nil {
			return err
		}
		j := &jsonWriter{w: w}
		j.raw(`{"address":`)
		j.value(addr.String())
		withheld := []WithheldTable{}
		separator := `,"tables":[`
		for _, t := range Tables() {
			if !t.Disclosed {
				withheld = append(withheld, WithheldTable{t.Name, t.Reason})
				continue
			}
			j.raw(separator + `{"table":`)
			j.value(t.Name)
			j.raw(`,"rows":[`)
			between := ""
			err := o.visit(tx, t.Name, func(row any) error {
				j.raw(between)
				j.value(fieldsOf(row))
				between = ","
				return j.err
			})
			if err != nil {
				return err
			}
			j.raw(`]}`)
			separator = ","
		}
		j.raw(`],"not_attributable":`)
		j.value(withheld)
		j.raw(`}`)
		return j.err
	})
}

// jsonWriter writes pieces of JSON until one fails.
type jsonWriter struct {
	w   io.Writer
	err error
}

func (j *jsonWriter) raw(s string) {
	if j.err == nil {
		_, j.err = io.WriteString(j.w, s)
	}
}

func (j *jsonWriter) value(v any) {
	b, err := json.Marshal(v)
	if err != nil && j.err == nil {
		j.err = fmt.Errorf("server: %w", err)
	}
	j.raw(string(b))
}
