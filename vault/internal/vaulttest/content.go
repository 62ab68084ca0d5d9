// SPDX-License-Identifier: AGPL-3.0-or-later

package vaulttest

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"os"
)

type contentSum struct{ h hash.Hash }

func newSum() contentSum { return contentSum{sha256.New()} }

func (s contentSum) add(f *os.File, offset, length int64) error {
	_, err := io.Copy(s.h, io.NewSectionReader(f, offset, length))
	return err
}

func (s contentSum) String() string { return fmt.Sprintf("%x", s.h.Sum(nil)[:8]) }

// Random returns bytes that follow from a seed and do not compress.
func Random(seed uint64, size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)}).Read(b) // it never fails
	return b
}

// Text returns text that follows from a seed and compresses well.
func Text(seed uint64, size int) []byte {
	random := rand.New(rand.NewPCG(seed, 1))
	words := []string{"source ", "protects ", "the ", "journalist ", "letter ", "of ", "and ", "archive ", "\n"}
	var b []byte
	for len(b) < size {
		b = append(b, words[random.IntN(len(words))]...)
	}
	return b[:size]
}
