// SPDX-License-Identifier: AGPL-3.0-or-later

package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

var keysMagic = [8]byte{'S', 'C', 'V', 'K', 'E', 'Y', 'S', '1'}

// Limits of a keys object.
const (
	slotsStep    = 8   // the number of slots is a multiple of it
	maxSlots     = 256 // devices, and the recovery key
	bodySize     = 4096
	saltSize     = 32
	tagSize      = 16
	keysHeadSize = 8 + 4 + 4 + 4
	// MaxObject is the size in bytes of the largest keys object.
	MaxObject = keysHeadSize + maxSlots*SealedSize + saltSize + bodySize + tagSize
)

// ObjectName returns the name of a keys object.
func ObjectName(epoch, revision uint32) string { return fmt.Sprintf("keys/%08x.%08x", epoch, revision) }

// body is what a keys object holds under the root.
type body struct {
	// Dedup is the secret of chunk boundaries and identifiers.
	Dedup [secretSize]byte `cbor:"1,keyasint"`
	// Attestation is the recovery key's signature of the root's public half.
	Attestation []byte `cbor:"2,keyasint"`
	// Used is how many slots at the beginning are no dummies.
	Used uint32 `cbor:"3,keyasint"`
}

// Object is a decoded keys object: the root of one epoch, sealed to every device
// and to the recovery key. Each device that is added makes another revision with
// one slot more.
type Object struct {
	Epoch, Revision uint32
	slots           [][]byte // of SealedSize bytes each
	body            []byte   // salt and AES-256-GCM
}

// ParseObject decodes a keys object.
func ParseObject(b []byte) (*Object, error) {
	if len(b) < keysHeadSize || [8]byte(b) != keysMagic {
		return nil, ErrFormat
	}
	o := &Object{Epoch: binary.BigEndian.Uint32(b[8:]), Revision: binary.BigEndian.Uint32(b[12:])}
	n := binary.BigEndian.Uint32(b[16:])
	if n == 0 || n > maxSlots || n%slotsStep != 0 || o.Epoch == 0 || len(b) != keysHeadSize+int(n)*SealedSize+saltSize+bodySize+tagSize {
		return nil, ErrFormat
	}
	rest := b[keysHeadSize:]
	for range n {
		o.slots = append(o.slots, rest[:SealedSize:SealedSize])
		rest = rest[SealedSize:]
	}
	o.body = rest
	return o, nil
}

func (o *Object) head() []byte {
	b := append([]byte{}, keysMagic[:]...)
	b = binary.BigEndian.AppendUint32(b, o.Epoch)
	b = binary.BigEndian.AppendUint32(b, o.Revision)
	b = binary.BigEndian.AppendUint32(b, uint32(len(o.slots)))
	for _, s := range o.slots {
		b = append(b, s...)
	}
	return b
}

// Encode returns the bytes of the object.
func (o *Object) Encode() []byte { return append(o.head(), o.body...) }

// attested is what the recovery key signs.
func (k *Keyring) attested() []byte {
	b := append([]byte("SecureCrypt vault root v1\x00"), k.config.ID[:]...)
	b = append(b, k.hash[:]...)
	b = binary.BigEndian.AppendUint32(b, k.Epoch)
	return append(b, k.public.Bytes()...)
}

// New draws the root of a new vault's first epoch and wraps it to the recovery
// key and to a device.
func New(c *Config, r *Recovery, device hpke.PublicKey) (*Keyring, *Object, error) {
	var root, dedup [secretSize]byte
	_, _ = rand.Read(root[:])  // it never fails
	_, _ = rand.Read(dedup[:]) // nor here
	k, err := newKeyring(c, 1, root)
	if err != nil {
		return nil, nil, err
	}
	k.dedup = dedup
	k.attestation = ed25519.Sign(r.Signature, k.attested())
	recovery, err := hpke.MLKEM768X25519().NewPublicKey(c.RecoveryKEM)
	if err != nil {
		return nil, nil, fmt.Errorf("keys: %w", err)
	}
	o := &Object{Epoch: 1}
	for _, to := range []hpke.PublicKey{recovery, device} {
		slot, err := k.wrap(to)
		if err != nil {
			return nil, nil, err
		}
		o.slots = append(o.slots, slot)
	}
	return k, o, k.seal(o, len(o.slots))
}

// AddDevice returns the next revision of an object, with the root sealed to one
// device more.
func (k *Keyring) AddDevice(o *Object, device hpke.PublicKey) (*Object, error) {
	opened, err := k.openBody(o)
	if err != nil {
		return nil, err
	}
	if opened.Used >= maxSlots {
		return nil, fmt.Errorf("keys: a vault has at most %d devices", maxSlots-1)
	}
	slot, err := k.wrap(device)
	if err != nil {
		return nil, err
	}
	next := &Object{Epoch: o.Epoch, Revision: o.Revision + 1}
	next.slots = append(append(next.slots, o.slots[:opened.Used]...), slot)
	return next, k.seal(next, len(next.slots))
}

func (k *Keyring) wrap(to hpke.PublicKey) ([]byte, error) {
	slot, err := hpke.Seal(to, hpke.HKDFSHA256(), hpke.AES256GCM(), k.config.info(k.hash, "root", k.Epoch), k.root[:])
	if err != nil {
		return nil, fmt.Errorf("keys: wrapping the root: %w", err)
	}
	return slot, nil
}

// seal fills an object with dummies and seals its body.
func (k *Keyring) seal(o *Object, used int) error {
	for len(o.slots)%slotsStep != 0 { // a dummy looks like a slot to everybody
		dummy := make([]byte, SealedSize)
		_, _ = rand.Read(dummy) // it never fails
		o.slots = append(o.slots, dummy)
	}
	plain, err := dcbor.Marshal(body{k.dedup, k.attestation, uint32(used)})
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	framed, err := frame(keysMagic, plain, bodySize)
	if err != nil {
		return err
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // it never fails
	aead, err := k.bodyAEAD(salt)
	if err != nil {
		return err
	}
	o.body = aead.Seal(salt, make([]byte, aead.NonceSize()), framed, o.head())
	return nil
}

// bodyAEAD returns the cipher of a keys object's body. The salt is drawn for each
// object, so that the nonce is zero.
func (k *Keyring) bodyAEAD(salt []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, k.root[:], salt, string(k.config.info(k.hash, "keys-body", k.Epoch)), secretSize)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return newGCM(key)
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return aead, nil
}

func (k *Keyring) openBody(o *Object) (*body, error) {
	aead, err := k.bodyAEAD(o.body[:saltSize])
	if err != nil {
		return nil, err
	}
	framed, err := aead.Open(nil, make([]byte, aead.NonceSize()), o.body[saltSize:], o.head())
	if err != nil {
		return nil, ErrKey
	}
	plain, err := unframe(keysMagic, framed)
	if err != nil {
		return nil, err
	}
	var out body
	if err := dcbor.Unmarshal(plain, &out); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if int(out.Used) > len(o.slots) || len(out.Attestation) != ed25519.SignatureSize {
		return nil, ErrFormat
	}
	return &out, nil
}

// Open unwraps the root of an object with the key of a device or the recovery
// key, and checks that the recovery key named in the configuration vouched for it.
func Open(c *Config, o *Object, key hpke.PrivateKey) (*Keyring, error) {
	hash, err := c.Hash()
	if err != nil {
		return nil, err
	}
	for _, slot := range o.slots {
		root, err := hpke.Open(key, hpke.HKDFSHA256(), hpke.AES256GCM(), c.info(hash, "root", o.Epoch), slot)
		if err != nil || len(root) != secretSize {
			continue // another device's, or a dummy
		}
		k, err := newKeyring(c, o.Epoch, [secretSize]byte(root))
		if err != nil {
			return nil, err
		}
		opened, err := k.openBody(o)
		if err != nil {
			return nil, err
		}
		k.dedup, k.attestation = opened.Dedup, opened.Attestation
		if !ed25519.Verify(c.RecoverySignature, k.attested(), k.attestation) {
			return nil, ErrForged
		}
		return k, nil
	}
	return nil, ErrKey
}

// OpenRecovery is Open with a recovery key. It also checks that the vault's
// configuration was made for that key.
func OpenRecovery(c *Config, o *Object, secret account.RecoverySecret) (*Keyring, *Recovery, error) {
	r, err := DeriveRecovery(secret, c.ID)
	if err != nil {
		return nil, nil, err
	}
	if !r.Signature.Public().(ed25519.PublicKey).Equal(ed25519.PublicKey(c.RecoverySignature)) {
		return nil, nil, ErrKey
	}
	k, err := Open(c, o, r.KEM)
	return k, r, err
}
