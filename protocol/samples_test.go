// SPDX-License-Identifier: AGPL-3.0-or-later

package protocol_test

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/internal/testing/cddlcheck"
	"github.com/securecrypt/securecrypt/protocol"
)

// A shape is a kind of frame: what may stand in it, and the rule of the
// schema that it matches.
type shape struct {
	rule string
	kind protocol.Kind
	code uint16
	body func() protocol.Body
}

// shapes returns all kinds of frame that there are.
func shapes() []shape {
	made := func(body protocol.Body, err error) func() protocol.Body {
		if err != nil {
			panic(err)
		}
		typ := reflect.TypeOf(body).Elem()
		return func() protocol.Body { return reflect.New(typ).Interface().(protocol.Body) }
	}
	var all []shape
	for _, op := range protocol.Ops() {
		all = append(all,
			shape{cddlcheck.RequestRule(op), protocol.KindRequest, uint16(op), made(protocol.NewRequest(op))},
			shape{cddlcheck.ResultRule(op), protocol.KindResponse, 0, made(protocol.NewResult(op))})
	}
	for _, e := range protocol.EventTypes() {
		all = append(all, shape{cddlcheck.EventRule(e), protocol.KindEvent, uint16(e), made(protocol.NewEvent(e))})
	}
	for _, c := range protocol.ErrorCodes() {
		all = append(all, shape{"refusal", protocol.KindError, uint16(c), made(&protocol.ErrorBody{}, nil)})
	}
	return all
}

// frame encodes a frame of the shape.
func (s shape) frame(t testing.TB, body any) []byte {
	t.Helper()
	id := uint64(1)
	if s.kind == protocol.KindEvent {
		id = 0
	}
	b, err := protocol.Append(nil, s.kind, id, s.code, body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// decode reads a frame of the shape back, to the end.
func (s shape) decode(frame []byte) error {
	f, rest, err := protocol.ParseFrame(frame)
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return fmt.Errorf("%d bytes follow the frame", len(rest))
	case f.Kind != s.kind || f.Code != s.code:
		return fmt.Errorf("kind %d, code %d", f.Kind, f.Code)
	}
	return protocol.DecodeBody(f.Body, s.body())
}

// plain returns a body in which every field has a small, valid value.
func (s shape) plain() protocol.Body {
	b := s.body()
	fill(reflect.ValueOf(b).Elem(), byte(1))
	if state, ok := b.(*protocol.ChannelState); ok {
		state.Mark = protocol.EntryMark([]byte("ciphertext"))
	}
	return b
}

func fill(v reflect.Value, n byte) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n+byte(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			v.Index(i).SetUint(uint64(n) + uint64(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), n+byte(16*i))
		}
	case reflect.String:
		v.SetString("name" + string('a'+rune(n)))
	case reflect.Bool:
		v.SetBool(true)
	default:
		v.SetUint(1)
	}
}

// A variant is a plain body in which one field has an extreme value.
type variant struct {
	what string
	body protocol.Body
}

var (
	lengths = []int{
		0, 1, 16, protocol.MaxName, protocol.MaxName + 1, protocol.MaxInvite, protocol.MaxInvite + 1, 255, 256, protocol.MaxEndpoint, protocol.MaxEndpoint + 1,
		protocol.MaxStatement, protocol.MaxStatement + 1, protocol.MaxKeyPackage, protocol.MaxKeyPackage + 1,
		protocol.MaxLetter, protocol.MaxLetter + 1, protocol.MaxCiphertext, protocol.MaxCiphertext + 1,
		protocol.MaxSignal, protocol.MaxSignal + 1, protocol.MaxRecovery, protocol.MaxRecovery + 1, protocol.MaxDisclosurePart, protocol.MaxDisclosurePart + 1,
	}
	counts = []int{
		0, 1, protocol.MaxNames, protocol.MaxNames + 1, protocol.MaxKeyPackagesPublished, protocol.MaxKeyPackagesPublished + 1,
		protocol.MaxStatements, protocol.MaxStatements + 1,
	}
	numbers = []uint64{0, 1, 2, 255, 30 * 24 * 3600, 30*24*3600 + 1, math.MaxUint32, math.MaxInt64, math.MaxUint64}
)

// variants returns the plain body, and one for each field and extreme value.
func (s shape) variants() []variant {
	all := []variant{{"plain", s.plain()}}
	walk(reflect.TypeOf(s.body()).Elem(), "", func(v reflect.Value) reflect.Value { return v }, func(what string, change func(reflect.Value)) {
		body := s.plain()
		change(reflect.ValueOf(body).Elem())
		all = append(all, variant{what, body})
	})
	return all
}

// walk calls add for each extreme value of each field below typ, which at
// finds in a body.
func walk(typ reflect.Type, path string, at func(reflect.Value) reflect.Value, add func(string, func(reflect.Value))) {
	set := func(what string, change func(reflect.Value)) {
		add(path+" "+what, func(body reflect.Value) { change(at(body)) })
	}
	switch {
	case typ.Kind() == reflect.Struct:
		for i := range typ.NumField() {
			walk(typ.Field(i).Type, path+"."+typ.Field(i).Name, func(body reflect.Value) reflect.Value { return at(body).Field(i) }, add)
		}
	case typ.Kind() == reflect.Slice && typ.Elem().Kind() == reflect.Uint8:
		for _, n := range lengths {
			set(fmt.Sprintf("of %d bytes", n), func(v reflect.Value) { v.SetBytes(bytes.Repeat([]byte{7}, n)) })
		}
	case typ.Kind() == reflect.Slice:
		for _, n := range counts {
			set(fmt.Sprintf("of %d elements", n), func(v reflect.Value) {
				first := v.Index(0)
				v.Set(reflect.MakeSlice(typ, n, n))
				for i := range n {
					v.Index(i).Set(first)
				}
			})
		}
		walk(typ.Elem(), path+"[1]", func(body reflect.Value) reflect.Value { return at(body).Index(1) }, add)
	case typ.Kind() == reflect.String:
		for _, n := range lengths[:11] {
			set(fmt.Sprintf("of %d characters", n), func(v reflect.Value) { v.SetString(strings.Repeat("x", n)) })
			set(fmt.Sprintf("of %d two-byte characters", n/2), func(v reflect.Value) { v.SetString(strings.Repeat("é", n/2)) })
		}
	case typ.Kind() == reflect.Bool:
		set("false", func(v reflect.Value) { v.SetBool(false) })
	case typ.Kind() == reflect.Array:
		set("zero", func(v reflect.Value) { v.SetZero() })
	default:
		for _, n := range numbers {
			if reflect.New(typ).Elem().OverflowUint(n) {
				continue
			}
			set(fmt.Sprint(n), func(v reflect.Value) { v.SetUint(n) })
		}
	}
}

// mutilated returns the plain frame without each one of its fields, nested
// ones too, and with a field too many in each of its maps.
func (s shape) mutilated(t *testing.T) []cddlcheck.Sample {
	t.Helper()
	var all []cddlcheck.Sample
	plain := s.frame(t, s.plain())
	keep := func(root any) {
		b, err := dcbor.Marshal(root)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, cddlcheck.Sample{Rule: s.rule, Data: b})
	}
	var root any
	if err := dcbor.Unmarshal(plain, &root); err != nil {
		t.Fatal(err)
	}
	var visit func(any)
	visit = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				visit(e)
			}
		case map[any]any:
			for k, e := range v {
				delete(v, k)
				keep(root)
				v[k] = e
				visit(e)
			}
			v[uint64(99)] = uint64(0)
			keep(root)
			delete(v, uint64(99))
		}
	}
	visit(root)
	return all
}
