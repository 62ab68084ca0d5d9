// SPDX-License-Identifier: AGPL-3.0-or-later

package keys

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

var (
	writeMagic = [8]byte{'S', 'C', 'V', 'W', 'R', 'I', 'T', '1'}
	grantMagic = [8]byte{'S', 'C', 'V', 'G', 'R', 'A', 'N', '1'}
)

// Limits of a write object.
const (
	partsStep  = 8 // the number of parts is a multiple of it
	maxParts   = 256
	grantSize  = 4096
	partSize   = 1120 + grantSize + tagSize
	maxTrusted = 32
	// MaxWriteObject is the size in bytes of the largest write object.
	MaxWriteObject = keysHeadSize + maxParts*partSize
)

// ErrNotGranted reports a write object that has nothing for a device.
var ErrNotGranted = errors.New("keys: the vault has no keys for this write-only device")

// WritePrefix begins the names of write objects, which lie beside keys objects.
const WritePrefix = "keys/write."

// WriteObjectName returns the name of a write object.
func WriteObjectName(epoch, revision uint32) string {
	return fmt.Sprintf(WritePrefix+"%08x.%08x", epoch, revision)
}

// Grant is what a write-only device has: enough to write, and nothing that opens
// what is in the vault.
type Grant struct {
	Epoch  uint32 `cbor:"1,keyasint"`
	Public []byte `cbor:"2,keyasint"` // the public half of the vault's pair
	Domain Domain `cbor:"3,keyasint"` // the device's own
	// Chunker, Pages and IDs are the keys of the domain; IDs by kind.
	Chunker [secretSize]byte    `cbor:"4,keyasint"`
	Pages   [secretSize]byte    `cbor:"5,keyasint"`
	IDs     [3][secretSize]byte `cbor:"6,keyasint"`
	// Trusted are the signature keys of full devices, that of the signer first:
	// the next grant has to be signed by one of them.
	Trusted [][ed25519.PublicKeySize]byte `cbor:"7,keyasint"`
	// Entries and Head are the log when the grant was made.
	Entries uint64   `cbor:"8,keyasint"`
	Head    [32]byte `cbor:"9,keyasint"`
	// Lost grows when data was found to be lost: what the device sent before may
	// be among it.
	Lost uint64 `cbor:"10,keyasint"`
}

// String does not show the secrets.
func (Grant) String() string { return "grant:redacted" }

// GoString does not show the secrets.
func (Grant) GoString() string { return "grant:redacted" }

type signedGrant struct {
	_         struct{} `cbor:",toarray"`
	Grant     []byte
	Signature []byte
}

// key returns one of the grant's keys. The device's own domain takes the place of
// DomainFiles for whoever asks.
func (g *Grant) key(purpose string, d Domain, kind Kind) ([]byte, error) {
	switch {
	case d != g.Domain && d != DomainFiles:
	case purpose == "chunker":
		return g.Chunker[:], nil
	case purpose == "pages":
		return g.Pages[:], nil
	case purpose == "id" && kind >= KindData && kind <= KindIndex:
		return g.IDs[kind-1][:], nil
	}
	return nil, fmt.Errorf("%w: a write-only device has the keys of its own files alone", ErrKey)
}

// Domain returns the domain of the files of this device.
func (k *Keyring) Domain() Domain {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.grant != nil {
		return k.grant.Domain
	}
	return DomainFiles
}

// Receiver is a write-only device that a write object is made for.
type Receiver struct {
	Device DeviceID
	KEM    hpke.PublicKey
	Domain Domain
}

// GrantParams is what a write object is made from, beside the keyring.
type GrantParams struct {
	Signer    ed25519.PrivateKey
	Receivers []Receiver
	Trusted   []ed25519.PublicKey // others than the signer
	Entries   uint64
	Head      [32]byte
	Lost      uint64
}

// NewWriteObject makes a write object of the current epoch with a revision.
func (k *Keyring) NewWriteObject(revision uint32, p *GrantParams) ([]byte, error) {
	e := k.current()
	g := Grant{Epoch: e.number, Public: e.public.Bytes(), Entries: p.Entries, Head: p.Head, Lost: p.Lost}
	g.Trusted = append(g.Trusted, [ed25519.PublicKeySize]byte(p.Signer.Public().(ed25519.PublicKey)))
	for _, key := range p.Trusted {
		if len(g.Trusted) < maxTrusted {
			g.Trusted = append(g.Trusted, [ed25519.PublicKeySize]byte(key))
		}
	}
	n := max(partsStep, (len(p.Receivers)+partsStep-1)/partsStep*partsStep)
	if n > maxParts {
		return nil, fmt.Errorf("keys: a vault has at most %d write-only devices", maxParts)
	}
	b := append([]byte{}, writeMagic[:]...)
	b = binary.BigEndian.AppendUint32(b, e.number)
	b = binary.BigEndian.AppendUint32(b, revision)
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	for i := range n {
		part := make([]byte, partSize)
		_, _ = rand.Read(part) // a dummy looks like a part to everybody
		if i < len(p.Receivers) {
			var err error
			if part, err = k.grantPart(e, g, p.Signer, &p.Receivers[i]); err != nil {
				return nil, err
			}
		}
		b = append(b, part...)
	}
	return b, nil
}

// grantPart seals a grant to its receiver.
func (k *Keyring) grantPart(e *epoch, g Grant, signer ed25519.PrivateKey, to *Receiver) ([]byte, error) {
	g.Domain = to.Domain
	keys := []struct {
		into    *[secretSize]byte
		purpose string
		kind    Kind
	}{{&g.Chunker, "chunker", 0}, {&g.Pages, "pages", 0}, {&g.IDs[0], "id", KindData}, {&g.IDs[1], "id", KindTree}, {&g.IDs[2], "id", KindIndex}}
	for _, x := range keys {
		key, err := k.dedupKey(x.purpose, to.Domain, x.kind)
		if err != nil {
			return nil, err
		}
		*x.into = [secretSize]byte(key)
	}
	encoded, err := dcbor.Marshal(g)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	plain, err := dcbor.Marshal(signedGrant{Grant: encoded, Signature: ed25519.Sign(signer, k.config.granted(k.hash, to.Device, encoded))})
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	framed, err := frame(grantMagic, plain, grantSize)
	if err != nil {
		return nil, err
	}
	part, err := hpke.Seal(to.KEM, hpke.HKDFSHA256(), hpke.AES256GCM(), k.config.info(k.hash, "write", e.number), framed)
	if err != nil {
		return nil, fmt.Errorf("keys: sealing a grant: %w", err)
	}
	return part, nil
}

// granted is what the giver of a grant signs.
func (c *Config) granted(hash [32]byte, to DeviceID, grant []byte) []byte {
	b := append([]byte("SecureCrypt vault grant v1\x00"), c.ID[:]...)
	b = append(append(b, hash[:]...), to[:]...)
	return append(b, grant...)
}

// OpenGrant returns the grant of a device from a write object. The key that signed
// it is the vault's recovery key, or trusted has to accept it. The error is ErrNotGranted if the object
// has none for the device.
func OpenGrant(c *Config, object []byte, d *Device, trusted func(ed25519.PublicKey) bool) (*Grant, error) {
	hash, err := c.Hash()
	if err != nil {
		return nil, err
	}
	if len(object) < keysHeadSize || [8]byte(object) != writeMagic {
		return nil, ErrFormat
	}
	number, n := binary.BigEndian.Uint32(object[8:]), binary.BigEndian.Uint32(object[16:])
	if n == 0 || n > maxParts || n%partsStep != 0 || len(object) != keysHeadSize+int(n)*partSize {
		return nil, ErrFormat
	}
	for part := object[keysHeadSize:]; len(part) > 0; part = part[partSize:] {
		framed, err := hpke.Open(d.KEM, hpke.HKDFSHA256(), hpke.AES256GCM(), c.info(hash, "write", number), part[:partSize])
		if err != nil {
			continue // another device's, or a dummy
		}
		g, err := c.parseGrant(hash, framed, d.ID(), trusted)
		if err == nil && g.Epoch != number {
			err = ErrFormat
		}
		return g, err
	}
	return nil, ErrNotGranted
}

func (c *Config) parseGrant(hash [32]byte, framed []byte, to DeviceID, trusted func(ed25519.PublicKey) bool) (*Grant, error) {
	plain, err := unframe(grantMagic, framed)
	if err != nil {
		return nil, err
	}
	var s signedGrant
	var g Grant
	if err := dcbor.Unmarshal(plain, &s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if err := dcbor.Unmarshal(s.Grant, &g); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if len(g.Trusted) == 0 || len(g.Trusted) > maxTrusted || g.Domain < FirstOwnDomain {
		return nil, ErrFormat
	}
	signer := ed25519.PublicKey(g.Trusted[0][:])
	if !trusted(signer) && !signer.Equal(ed25519.PublicKey(c.RecoverySignature)) || len(s.Signature) != ed25519.SignatureSize || !ed25519.Verify(signer, c.granted(hash, to, s.Grant), s.Signature) {
		return nil, ErrForged
	}
	return &g, nil
}

// NewWriterKeyring returns the keyring of a write-only device.
func NewWriterKeyring(c *Config, g *Grant) (*Keyring, error) {
	hash, err := c.Hash()
	if err != nil {
		return nil, err
	}
	k := &Keyring{config: c, hash: hash}
	return k, k.SetGrant(g)
}

// SetGrant has a write-only device write with a newer grant.
func (k *Keyring) SetGrant(g *Grant) error {
	public, err := ParseKEM(g.Public)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.grant, k.epochs = g, []*epoch{{number: g.Epoch, public: public}}
	return nil
}

// localKey derives a key of a write-only device's caches.
func (k *Keyring) localKey(g *Grant, purpose string) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, g.Pages[:], k.config.ID[:], "securecrypt/v1/vault/local/"+purpose+"\x00", secretSize)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return key, nil
}
