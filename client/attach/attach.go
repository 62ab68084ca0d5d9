// SPDX-License-Identifier: AGPL-3.0-or-later

// Package attach encrypts files in a stream, so that they are uploaded,
// resumed and read from the middle without ever being whole in memory.
//
// The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: Online
// Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance, 2015) over
// AES-256-GCM: the plaintext, padded with zeros to its Padmé length
// (Nikitin and others, 2019), is cut into segments of 64 KiB; the nonce of
// segment i is the file's 7-byte prefix, i in 4 bytes, and 1 for the last
// segment or 0. A segment cannot be moved, dropped or cut off unnoticed.
package attach

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/securecrypt/securecrypt/internal/codec/padme"
)

// Sizes in bytes.
const (
	KeySize     = 32
	NonceSize   = 7
	segment     = 64 << 10
	overhead    = 16
	sealed      = segment + overhead
	MaxSize     = 2 << 30
	SecretSize  = 32
	ContentHash = sha256.Size
)

// ErrCorrupt means that the ciphertext is not what the sender encrypted.
var ErrCorrupt = errors.New("attach: the file was damaged or changed on its way: fetch it again")

// ErrTooLarge means that a file is over MaxSize.
var ErrTooLarge = errors.New("attach: files of more than 2 GiB are not supported: send it in parts")

// Keys are the key and nonce prefix of one file.
type Keys struct {
	Key   [KeySize]byte
	Nonce [NonceSize]byte
}

// String redacts the keys.
func (Keys) String() string { return "file keys (secret)" }

// NewSecret returns what DeriveKeys wants: fresh for every file sent.
func NewSecret() (s [SecretSize]byte) {
	_, _ = rand.Read(s[:])
	return s
}

// DeriveKeys returns the keys of the file with that SHA-256 hash. Because they
// depend on the content, a file that changed between two attempts to upload
// it is encrypted with other keys: no nonce is ever used for two plaintexts.
func DeriveKeys(secret [SecretSize]byte, content [ContentHash]byte) (Keys, error) {
	okm, err := hkdf.Key(sha256.New, secret[:], content[:], "securecrypt/v1/attachment", KeySize+NonceSize)
	if err != nil {
		return Keys{}, fmt.Errorf("attach: %w", err)
	}
	return Keys{Key: [KeySize]byte(okm), Nonce: [NonceSize]byte(okm[KeySize:])}, nil
}

// PaddedSize returns the Padmé length of size: at most 12 % more, and of a
// kind that tells little about size.
func PaddedSize(size int64) int64 {
	return padme.Size(size)
}

// SealedSize returns the length of the ciphertext of a file of size bytes.
func SealedSize(size int64) int64 {
	padded := PaddedSize(size)
	return padded + max(1, (padded+segment-1)/segment)*overhead
}

type stream struct {
	aead   cipher.AEAD
	nonce  [12]byte
	size   int64 // of the plaintext, unpadded
	padded int64
	index  int64
	count  int64
}

func newStream(k Keys, size int64) (stream, error) {
	if size < 0 || size > MaxSize {
		return stream{}, ErrTooLarge
	}
	block, err := aes.NewCipher(k.Key[:])
	if err != nil {
		return stream{}, fmt.Errorf("attach: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return stream{}, fmt.Errorf("attach: %w", err)
	}
	s := stream{aead: aead, size: size, padded: PaddedSize(size)}
	s.count = max(1, (s.padded+segment-1)/segment)
	copy(s.nonce[:], k.Nonce[:])
	return s, nil
}

// next returns the nonce and the plaintext length of the next segment.
func (s *stream) next() (nonce []byte, length int) {
	binary.BigEndian.PutUint32(s.nonce[NonceSize:], uint32(s.index))
	s.nonce[11] = 0
	length = segment
	if s.index == s.count-1 {
		s.nonce[11] = 1
		length = int(s.padded - s.index*segment)
	}
	s.index++
	return s.nonce[:], length
}

// An Encrypter reads the ciphertext of a file.
type Encrypter struct {
	stream
	src  io.ReadSeeker
	buf  []byte // a segment; its ciphertext in place
	rest []byte // what of buf is still to be read
}

// NewEncrypter returns a reader of the ciphertext of src, a file of size
// bytes, beginning at the given offset of the ciphertext.
func NewEncrypter(k Keys, src io.ReadSeeker, size, offset int64) (*Encrypter, error) {
	s, err := newStream(k, size)
	if err != nil {
		return nil, err
	}
	if offset < 0 || offset > SealedSize(size) {
		return nil, fmt.Errorf("attach: offset %d is outside of the file", offset)
	}
	s.index = min(offset/sealed, s.count)
	if _, err := src.Seek(min(s.index*segment, size), io.SeekStart); err != nil {
		return nil, fmt.Errorf("attach: %w", err)
	}
	e := &Encrypter{stream: s, src: src, buf: make([]byte, sealed)}
	if skip := offset - s.index*sealed; skip > 0 {
		if err := e.fill(); err != nil {
			return nil, err
		}
		e.rest = e.rest[skip:]
	}
	return e, nil
}

// Read implements io.Reader.
func (e *Encrypter) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		if err := e.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

func (e *Encrypter) fill() error {
	if e.index == e.count {
		return io.EOF
	}
	start := e.index * segment
	nonce, length := e.next()
	content := int(min(max(e.size-start, 0), int64(length)))
	if _, err := io.ReadFull(e.src, e.buf[:content]); err != nil {
		return fmt.Errorf("attach: the file became shorter while it was read: %w", err)
	}
	clear(e.buf[content:length])
	e.rest = e.aead.Seal(e.buf[:0], nonce, e.buf[:length], nil)
	return nil
}

// Resume returns how much of a plaintext of which have bytes are there can be
// kept, and from which offset of the ciphertext to go on.
func Resume(have int64) (keep, offset int64) {
	n := max(have, 0) / segment
	return n * segment, n * sealed
}

// Decrypt reads the ciphertext of a file of size bytes from src and writes
// the plaintext to dst. It begins where Resume said for keep bytes that dst
// has already. Nothing is written that was not authenticated; the error wraps
// ErrCorrupt if the ciphertext is not the right one.
func Decrypt(k Keys, dst io.Writer, src io.Reader, size, keep int64) error {
	s, err := newStream(k, size)
	if err != nil {
		return err
	}
	s.index = keep / segment
	buf := make([]byte, sealed)
	for s.index < s.count {
		start := s.index * segment
		nonce, length := s.next()
		if _, err := io.ReadFull(src, buf[:length+overhead]); err != nil {
			return fmt.Errorf("attach: reading: %w", err)
		}
		plain, err := s.aead.Open(buf[:0], nonce, buf[:length+overhead], nil)
		if err != nil {
			return ErrCorrupt
		}
		if start >= size {
			continue // padding
		}
		if _, err := dst.Write(plain[:min(size-start, int64(len(plain)))]); err != nil {
			return fmt.Errorf("attach: writing: %w", err)
		}
	}
	return nil
}

// Seal encrypts something short at once.
func Seal(k Keys, plain []byte) ([]byte, error) {
	e, err := NewEncrypter(k, bytes.NewReader(plain), int64(len(plain)), 0)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(e)
}

// Open is the inverse of Seal, for size bytes of plaintext. The error wraps
// ErrCorrupt if hash is not that of the plaintext.
func Open(k Keys, src io.Reader, size int64, hash [ContentHash]byte) ([]byte, error) {
	var out bytes.Buffer
	if err := Decrypt(k, &out, src, size, 0); err != nil {
		return nil, err
	}
	if sha256.Sum256(out.Bytes()) != hash {
		return nil, ErrCorrupt
	}
	return out.Bytes(), nil
}
