// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build js && wasm

package jsbridge

import (
	"context"
	"errors"
	"fmt"
	"syscall/js"
)

// An Error is an exception, as DOMException and Error describe themselves.
type Error struct {
	Name    string // such as QuotaExceededError
	Message string
}

// Error implements error.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Name
	}
	return e.Name + ": " + e.Message
}

// Named reports whether err is an exception of that name.
func Named(err error, name string) bool {
	var e *Error
	return errors.As(err, &e) && e.Name == name
}

// ErrorOf returns the error that a thrown value is.
func ErrorOf(v js.Value) error {
	if v.Type() != js.TypeObject {
		return &Error{Name: "Error", Message: v.String()}
	}
	e := &Error{Name: "Error"}
	if name := v.Get("name"); name.Type() == js.TypeString {
		e.Name = name.String()
	}
	if message := v.Get("message"); message.Type() == js.TypeString {
		e.Message = message.String()
	}
	return e
}

// Try calls fn and returns the exception that it threw, if it did.
func Try(fn func() js.Value) (v js.Value, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case js.Error:
			err = ErrorOf(r.Value)
		case *js.ValueError:
			err = fmt.Errorf("this browser lacks something: %w", r)
		default:
			panic(r)
		}
	}()
	return fn(), nil
}

// First returns the first of a callback's arguments.
func First(args []js.Value) js.Value {
	if len(args) == 0 {
		return js.Undefined()
	}
	return args[0]
}

// Await waits for a promise. If ctx ends first, the error is its cause and
// what becomes of the promise is ignored.
func Await(ctx context.Context, promise js.Value) (js.Value, error) {
	type outcome struct {
		value js.Value
		err   error
	}
	settled := make(chan outcome, 1)
	var kept, broken js.Func
	settle := func(o outcome) any {
		kept.Release()
		broken.Release()
		settled <- o
		return nil
	}
	kept = js.FuncOf(func(_ js.Value, args []js.Value) any { return settle(outcome{value: First(args)}) })
	broken = js.FuncOf(func(_ js.Value, args []js.Value) any { return settle(outcome{err: ErrorOf(First(args))}) })
	promise.Call("then", kept, broken)
	select {
	case o := <-settled:
		return o.value, o.err
	case <-ctx.Done():
		return js.Value{}, context.Cause(ctx)
	}
}

// Array returns a Uint8Array that holds a copy of b.
func Array(b []byte) js.Value {
	a := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(a, b)
	return a
}

// Bytes returns a copy of what a Uint8Array or an ArrayBuffer holds.
func Bytes(v js.Value) []byte {
	array := js.Global().Get("Uint8Array")
	if !v.InstanceOf(array) {
		v = array.New(v)
	}
	b := make([]byte, v.Get("length").Int())
	js.CopyBytesToGo(b, v)
	return b
}

// Exists reports whether a value is there: neither undefined nor null.
func Exists(v js.Value) bool { return !v.IsUndefined() && !v.IsNull() }
