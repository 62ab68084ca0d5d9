// SPDX-License-Identifier: Apache-2.0

package keytrans

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/securecrypt/securecrypt/keytrans/internal/cbor"
	"github.com/securecrypt/securecrypt/keytrans/internal/rule"
)

// A Hash is a SHA-256 hash.
type Hash [sha256.Size]byte

// String returns the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MaxCount bounds the numbers in a Value.
const MaxCount = 1 << 32

// A State says whether an account goes on.
type State uint8

// The states of an account. The last two are final: the name is never given to another
// account.
const (
	Active State = 1
	Moved  State = 2
	Closed State = 3
)

// A Value is what the map has for an account. The map itself holds Value.Hash.
type Value struct {
	// Head is the hash of the account chain up to its last statement.
	Head Hash
	// Statements is the length of the chain.
	Statements uint64
	// Counter is the number of mutations that the label has had, this one
	// included. An owner compares it with the number that she made.
	Counter uint64
	State   State
}

// Hash returns what the map holds for the value: SHA-256 of a context string and the
// value's encoding.
func (v Value) Hash() Hash {
	w := cbor.NewWriter(128)
	v.write(w)
	return digest("SecureCrypt keytrans value v1\x00", w.Result())
}

// Check refuses values that no sequence of mutations leads to.
func (v Value) Check() error {
	if v.Counter < 1 || v.Statements < v.Counter || v.Statements > MaxCount {
		return rule.Broken("K2-range", "the numbers of statements and mutations cannot be")
	}
	return nil
}

// Marshal returns the deterministic encoding of the value.
func (v Value) Marshal() []byte {
	w := cbor.NewWriter(64)
	v.write(w)
	return w.Result()
}

// ParseValue decodes a value, and checks it.
func ParseValue(b []byte) (Value, error) {
	r := cbor.NewReader(b)
	v := readValue(r)
	if err := r.Done(); err != nil {
		return Value{}, err
	}
	return v, v.Check()
}

func (v Value) write(w *cbor.Writer) {
	w.Array(4)
	w.Bytes(v.Head[:])
	w.Uint(v.Statements)
	w.Uint(v.Counter)
	w.Uint(uint64(v.State))
}

func readValue(r *cbor.Reader) (v Value) {
	r.Array(4)
	r.Fixed(v.Head[:])
	v.Statements = r.Uint(1<<64 - 1)
	v.Counter = r.Uint(1<<64 - 1)
	v.State = State(r.Uint(uint64(Closed)))
	if v.State == 0 {
		r.Fail()
	}
	return v
}

// digest hashes a context string, which ends with a zero byte, and data.
func digest(context string, data []byte) Hash {
	b := make([]byte, 0, 256)
	b = append(b, context...)
	return sha256.Sum256(append(b, data...))
}
