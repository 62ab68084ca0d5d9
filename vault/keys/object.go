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
	"errors"
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
	// MaxEpochs is how many epochs a vault can have.
	MaxEpochs = 100
	// MaxObject is the size in bytes of the largest keys object.
	MaxObject = keysHeadSize + maxSlots*SealedSize + saltSize + bodySize + tagSize
)

// ObjectName returns the name of a keys object.
func ObjectName(epoch, revision uint32) string { return fmt.Sprintf("keys/%08x.%08x", epoch, revision) }

// body is what a keys object holds under the root.
type body struct {
	// Dedup is the secret of chunk boundaries and identifiers.
	Dedup [secretSize]byte `cbor:"1,keyasint"`
	// Attestation is the recovery key's signature of the public half of the first
	// epoch's root.
	Attestation []byte `cbor:"2,keyasint"`
	// Used is how many slots at the beginning are no dummies.
	Used uint32 `cbor:"3,keyasint"`
	// Earlier are the roots of the epochs before, the first epoch first.
	Earlier [][secretSize]byte `cbor:"4,keyasint,omitempty"`
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

// attested is what the recovery key signs of the first epoch, and what the log has
// the hash of for the others.
func (c *Config) attested(hash [32]byte, e *epoch) []byte {
	b := append([]byte("SecureCrypt vault root v1\x00"), c.ID[:]...)
	b = append(b, hash[:]...)
	b = binary.BigEndian.AppendUint32(b, e.number)
	return append(b, e.public.Bytes()...)
}

// New draws the root of a new vault's first epoch and wraps it to the recovery
// key and to a device.
func New(c *Config, r *Recovery, device hpke.PublicKey) (*Keyring, *Object, error) {
	hash, err := c.Hash()
	if err != nil {
		return nil, nil, err
	}
	e, err := c.drawEpoch(hash, 1)
	if err != nil {
		return nil, nil, err
	}
	e.dedup = new([secretSize]byte)
	_, _ = rand.Read(e.dedup[:]) // it never fails
	k := &Keyring{config: c, hash: hash, attestation: ed25519.Sign(r.Signature, c.attested(hash, e)), epochs: []*epoch{e}, known: map[[32]byte]*epoch{}}
	o, err := k.newObject(e, 0, []hpke.PublicKey{device})
	return k, o, err
}

func (c *Config) drawEpoch(hash [32]byte, number uint32) (*epoch, error) {
	var root [secretSize]byte
	_, _ = rand.Read(root[:]) // it never fails
	return c.newEpoch(hash, number, root)
}

// newObject wraps an epoch's root to the recovery key and to devices.
func (k *Keyring) newObject(e *epoch, revision uint32, devices []hpke.PublicKey) (*Object, error) {
	if len(devices) >= maxSlots {
		return nil, errTooMany
	}
	recovery, err := ParseKEM(k.config.RecoveryKEM)
	if err != nil {
		return nil, err
	}
	o := &Object{Epoch: e.number, Revision: revision}
	for _, to := range append([]hpke.PublicKey{recovery}, devices...) {
		slot, err := k.wrap(e, to)
		if err != nil {
			return nil, err
		}
		o.slots = append(o.slots, slot)
	}
	return o, k.seal(e, o, len(o.slots))
}

var errTooMany = fmt.Errorf("keys: a vault has at most %d devices: remove one that is not used any more with securecrypt vault device revoke", maxSlots-1)

// NextEpoch draws the root of the next epoch, and wraps it to the recovery key and
// to devices. Advance begins it, with the fingerprint that is returned.
func (k *Keyring) NextEpoch(revision uint32, devices []hpke.PublicKey) (o *Object, fingerprint [32]byte, err error) {
	now := k.current()
	if now.number >= MaxEpochs {
		return nil, fingerprint, fmt.Errorf("keys: this vault has had %d keys, which is the most that a vault can have: begin a new vault", MaxEpochs)
	}
	e, err := k.config.drawEpoch(k.hash, now.number+1)
	if err != nil {
		return nil, fingerprint, err
	}
	e.dedup = now.dedup
	if o, err = k.newObject(e, revision, devices); err != nil {
		return nil, fingerprint, err
	}
	fingerprint = k.fingerprint(e)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known[fingerprint] = e
	return o, fingerprint, nil
}

// AddDevice returns an object with a revision, with the root of the current epoch
// sealed to one device more than in the newest of objects, which are sorted with
// the newest first.
func (k *Keyring) AddDevice(objects []*Object, revision uint32, device hpke.PublicKey) (*Object, error) {
	e := k.current()
	for _, o := range objects {
		if o.Epoch != e.number {
			continue
		}
		opened, err := k.openBody(e, o)
		if err != nil {
			continue // somebody without the root made it
		}
		if opened.Used >= maxSlots {
			return nil, errTooMany
		}
		slot, err := k.wrap(e, device)
		if err != nil {
			return nil, err
		}
		next := &Object{Epoch: e.number, Revision: revision}
		next.slots = append(append(next.slots, o.slots[:opened.Used]...), slot)
		return next, k.seal(e, next, len(next.slots))
	}
	return nil, ErrNoRoot
}

func (k *Keyring) wrap(e *epoch, to hpke.PublicKey) ([]byte, error) {
	slot, err := hpke.Seal(to, hpke.HKDFSHA256(), hpke.AES256GCM(), k.config.info(k.hash, "root", e.number), e.root[:])
	if err != nil {
		return nil, fmt.Errorf("keys: wrapping the root: %w", err)
	}
	return slot, nil
}

// seal fills an object with dummies and seals its body.
func (k *Keyring) seal(e *epoch, o *Object, used int) error {
	for len(o.slots)%slotsStep != 0 { // a dummy looks like a slot to everybody
		dummy := make([]byte, SealedSize)
		_, _ = rand.Read(dummy) // it never fails
		o.slots = append(o.slots, dummy)
	}
	if e.dedup == nil {
		return ErrNoRoot
	}
	b := body{Dedup: *e.dedup, Attestation: k.attestation, Used: uint32(used)}
	for number := uint32(1); number < e.number; number++ {
		b.Earlier = append(b.Earlier, k.epoch(number).root)
	}
	plain, err := dcbor.Marshal(b)
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	framed, err := frame(keysMagic, plain, bodySize)
	if err != nil {
		return err
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // it never fails
	aead, err := k.bodyAEAD(e, salt)
	if err != nil {
		return err
	}
	o.body = aead.Seal(salt, make([]byte, aead.NonceSize()), framed, o.head())
	return nil
}

// bodyAEAD returns the cipher of a keys object's body. The salt is drawn for each
// object, so that the nonce is zero.
func (k *Keyring) bodyAEAD(e *epoch, salt []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, e.root[:], salt, string(k.config.info(k.hash, "keys-body", e.number)), secretSize)
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

func (k *Keyring) openBody(e *epoch, o *Object) (*body, error) {
	aead, err := k.bodyAEAD(e, o.body[:saltSize])
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
	if int(out.Used) > len(o.slots) || len(out.Attestation) != ed25519.SignatureSize || len(out.Earlier) != int(o.Epoch)-1 {
		return nil, ErrFormat
	}
	return &out, nil
}

// Open unwraps the roots of objects with the key of a device or the recovery key,
// and checks that the recovery key named in the configuration vouched for the first
// epoch's. The keyring is in the first epoch: the log says which follow, by Advance.
func Open(c *Config, objects []*Object, key hpke.PrivateKey) (*Keyring, error) {
	hash, err := c.Hash()
	if err != nil {
		return nil, err
	}
	k := &Keyring{config: c, hash: hash, known: map[[32]byte]*epoch{}}
	if err := k.Learn(objects, key); err != nil {
		return nil, err
	}
	return k, nil
}

// Learn takes in the roots of further objects. It fails if none of all objects so
// far had one for the key. Objects that are not for the key, or that somebody made
// without the recovery key's word, are left out.
func (k *Keyring) Learn(objects []*Object, key hpke.PrivateKey) error {
	result := ErrKey
	for _, o := range objects {
		if err := k.learn(o, key); errors.Is(err, ErrForged) {
			result = err
		}
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	if len(k.epochs) == 0 {
		return result
	}
	return nil
}

func (k *Keyring) learn(o *Object, key hpke.PrivateKey) error {
	for _, slot := range o.slots {
		root, err := hpke.Open(key, hpke.HKDFSHA256(), hpke.AES256GCM(), k.config.info(k.hash, "root", o.Epoch), slot)
		if err != nil || len(root) != secretSize {
			continue // another device's, or a dummy
		}
		last, err := k.config.newEpoch(k.hash, o.Epoch, [secretSize]byte(root))
		if err != nil {
			return err
		}
		opened, err := k.openBody(last, o)
		if err != nil {
			return err
		}
		return k.take(last, opened)
	}
	return ErrKey
}

// take registers the roots of an object's body, and the root that opened it.
func (k *Keyring) take(last *epoch, opened *body) error {
	last.dedup = &opened.Dedup
	var all []*epoch
	for i, root := range opened.Earlier {
		e, err := k.config.newEpoch(k.hash, uint32(i+1), root)
		if err != nil {
			return err
		}
		all = append(all, e)
	}
	all = append(all, last)
	if !ed25519.Verify(k.config.RecoverySignature, k.config.attested(k.hash, all[0]), opened.Attestation) {
		return ErrForged
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.epochs) == 0 {
		k.epochs, k.attestation = all[:1:1], opened.Attestation
	}
	for _, e := range all {
		fingerprint := k.fingerprint(e)
		if old := k.known[fingerprint]; old == nil {
			k.known[fingerprint] = e
		} else if old.dedup == nil {
			old.dedup = e.dedup
		}
	}
	if first := k.epochs[0]; first.dedup == nil {
		first.dedup = k.known[k.fingerprint(first)].dedup
	}
	return nil
}

// OpenRecovery is Open with a recovery key. It also checks that the vault's
// configuration was made for that key.
func OpenRecovery(c *Config, objects []*Object, secret account.RecoverySecret) (*Keyring, *Recovery, error) {
	r, err := DeriveRecovery(secret, c.ID)
	if err != nil {
		return nil, nil, err
	}
	if !r.Signature.Public().(ed25519.PublicKey).Equal(ed25519.PublicKey(c.RecoverySignature)) {
		return nil, nil, ErrKey
	}
	k, err := Open(c, objects, r.KEM)
	return k, r, err
}
