// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build js && wasm

package indexeddb

import (
	"context"
	"errors"
	"fmt"
	"syscall/js"

	"github.com/securecrypt/securecrypt/internal/product/jsbridge"
)

// await waits for an IDBRequest. If ctx ends first, the answer is ignored.
func await(ctx context.Context, request js.Value) (js.Value, error) {
	done := make(chan error, 1)
	var succeeded, refused js.Func
	end := func(err error) any {
		succeeded.Release()
		refused.Release()
		done <- err
		return nil
	}
	succeeded = js.FuncOf(func(js.Value, []js.Value) any { return end(nil) })
	refused = js.FuncOf(func(js.Value, []js.Value) any { return end(jsbridge.ErrorOf(request.Get("error"))) })
	request.Set("onsuccess", succeeded)
	request.Set("onerror", refused)
	select {
	case err := <-done:
		if err != nil {
			return js.Value{}, err
		}
		return request.Get("result"), nil
	case <-ctx.Done():
		return js.Value{}, context.Cause(ctx)
	}
}

// ask begins a transaction that reads, and in it what fn asks of the records.
func (s *Store) ask(fn func(records js.Value) js.Value) (request js.Value, err error) {
	if s.lost.Load() {
		return js.Value{}, ErrLost
	}
	return jsbridge.Try(func() js.Value {
		return fn(s.db.Call("transaction", table, "readonly").Call("objectStore", table))
	})
}

func (s *Store) get(key []byte) ([]byte, error) {
	values, err := s.getMany([][]byte{key})
	if err != nil {
		return nil, err
	}
	return values[0], nil
}

// getMany reads the values of keys in one transaction, nil where there is none.
func (s *Store) getMany(keys [][]byte) ([][]byte, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	requests, values := make([]js.Value, len(keys)), make([][]byte, len(keys))
	last, err := s.ask(func(records js.Value) js.Value {
		for i, key := range keys {
			requests[i] = records.Call("get", jsbridge.Array(key))
		}
		return requests[len(keys)-1]
	})
	if err == nil {
		_, err = await(context.Background(), last) // they are answered in order
	}
	for i, request := range requests {
		if err != nil {
			return nil, err
		}
		if v := request.Get("result"); !v.IsUndefined() {
			var rec record
			rec, err = parseRecord(jsbridge.Bytes(v))
			values[i] = rec.value
		}
	}
	return values, err
}

// errAborted is a transaction that ended without any reason being given.
var errAborted = errors.New("the browser gave it up")

// commit brings writes to the database in one transaction.
func (s *Store) commit(writes overlay) error {
	if s.lost.Load() {
		return ErrLost
	}
	t, err := jsbridge.Try(func() js.Value {
		return s.db.Call("transaction", table, "readwrite", map[string]any{"durability": "strict"})
	})
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	completed := js.FuncOf(func(js.Value, []js.Value) any { done <- nil; return nil })
	defer completed.Release()
	aborted := js.FuncOf(func(js.Value, []js.Value) any {
		if why := t.Get("error"); jsbridge.Exists(why) {
			done <- jsbridge.ErrorOf(why)
		} else {
			done <- errAborted
		}
		return nil
	})
	defer aborted.Release()
	t.Set("oncomplete", completed)
	t.Set("onabort", aborted)
	_, err = jsbridge.Try(func() js.Value { return write(t, writes) })
	if err != nil {
		_, abortErr := jsbridge.Try(func() js.Value { return t.Call("abort") })
		if abortErr != nil {
			return fmt.Errorf("%w, and then %w", err, abortErr)
		}
		return fmt.Errorf("%w (%w)", err, <-done)
	}
	return <-done
}

func write(t js.Value, writes overlay) js.Value {
	records := t.Call("objectStore", table)
	for k, v := range writes {
		key := jsbridge.Array([]byte(k))
		if v == nil {
			records.Call("delete", key)
		} else {
			records.Call("put", jsbridge.Array(appendRecord(nil, k, v)), key)
		}
	}
	return t.Call("commit")
}

// How many records are read at a time: few at first, as many callers want
// only some.
const (
	firstBatch = 16
	lastBatch  = 128
)

// batches reads a span of the database.
func (s *Store) batches(in span, reverse bool) source {
	limit, ended := firstBatch, false
	return func() ([]record, error) {
		if ended {
			return nil, nil
		}
		read := s.ascending
		if reverse {
			read = s.descending
		}
		batch, err := read(in, limit)
		if err != nil {
			return nil, failed("reading", err)
		}
		if ended = len(batch) < limit; !ended {
			in = in.beyond(batch[len(batch)-1].key, reverse)
		}
		limit = min(2*limit, lastBatch)
		return batch, nil
	}
}

// keyRange returns the IDBKeyRange of a span, which must not be empty.
func keyRange(in span) js.Value {
	ranges := js.Global().Get("IDBKeyRange")
	if in.high == nil {
		return ranges.Call("lowerBound", jsbridge.Array(in.low))
	}
	return ranges.Call("bound", jsbridge.Array(in.low), jsbridge.Array(in.high), false, true)
}

func (s *Store) ascending(in span, limit int) ([]record, error) {
	if in.empty() {
		return nil, nil
	}
	request, err := s.ask(func(records js.Value) js.Value { return records.Call("getAll", keyRange(in), limit) })
	if err != nil {
		return nil, err
	}
	found, err := await(context.Background(), request)
	if err != nil {
		return nil, err
	}
	var b batch
	for i := range found.Length() {
		b.add(found.Index(i))
	}
	return b.records, b.err
}

// descending reads many records at once where the browser can do that in
// descending order, too (getAllRecords), and else with a cursor.
func (s *Store) descending(in span, limit int) ([]record, error) {
	if in.empty() {
		return nil, nil
	}
	many := false
	request, err := s.ask(func(records js.Value) js.Value {
		if many = records.Get("getAllRecords").Type() == js.TypeFunction; many {
			return records.Call("getAllRecords", map[string]any{"query": keyRange(in), "count": limit, "direction": "prev"})
		}
		return records.Call("openCursor", keyRange(in), "prev")
	})
	if err != nil {
		return nil, err
	}
	if !many {
		return walk(request, limit)
	}
	found, err := await(context.Background(), request)
	if err != nil {
		return nil, err
	}
	var b batch
	for i := range found.Length() {
		b.add(found.Index(i).Get("value"))
	}
	return b.records, b.err
}

// walk reads what a cursor passes.
func walk(request js.Value, limit int) ([]record, error) {
	var b batch
	done := make(chan error, 1)
	step := js.FuncOf(func(js.Value, []js.Value) any {
		cursor := request.Get("result")
		if cursor.IsNull() {
			done <- nil
			return nil
		}
		b.add(cursor.Get("value"))
		if len(b.records) == limit || b.err != nil {
			done <- nil
			return nil
		}
		cursor.Call("continue")
		return nil
	})
	defer step.Release()
	refused := js.FuncOf(func(js.Value, []js.Value) any {
		done <- jsbridge.ErrorOf(request.Get("error"))
		return nil
	})
	defer refused.Release()
	request.Set("onsuccess", step)
	request.Set("onerror", refused)
	if err := <-done; err != nil {
		return nil, err
	}
	return b.records, b.err
}

// A batch collects records. Each call into JavaScript costs more than copying
// a record, so that their lengths are not asked for.
type batch struct {
	room    []byte // for the next ones
	records []record
	err     error
}

const batchRoom = 64 << 10

// add takes a value of the database in.
func (b *batch) add(v js.Value) {
	if b.err != nil {
		return
	}
	n := js.CopyBytesToGo(b.room, v)
	for n == len(b.room) { // there may be more of it
		b.room = make([]byte, max(batchRoom, 2*len(b.room)))
		n = js.CopyBytesToGo(b.room, v)
	}
	rec, err := parseRecord(b.room[:n:n])
	b.records, b.err, b.room = append(b.records, rec), err, b.room[n:]
}
