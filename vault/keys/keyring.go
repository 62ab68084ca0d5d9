// SPDX-License-Identifier: AGPL-3.0-or-later

package keys

import (
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Domain separates what is deduplicated together: nothing of one domain is
// compared with anything of another.
type Domain uint8

// The domains.
const (
	DomainFiles Domain = 1
)

// Kind says what a chunk holds. Each kind has its own key of identifiers.
type Kind uint8

// The kinds of chunk.
const (
	KindData  Kind = 1 // pieces of files
	KindTree  Kind = 2 // tree pages and lists
	KindIndex Kind = 3 // index pages
)

// Keyring holds the secrets of a vault's epoch as a full device has them.
type Keyring struct {
	Epoch       uint32
	config      *Config
	hash        [32]byte // of the configuration
	root, dedup [secretSize]byte
	private     hpke.PrivateKey // the vault's own pair
	public      hpke.PublicKey
	attestation []byte
}

// info binds a purpose to a vault, its configuration and an epoch.
func (c *Config) info(hash [32]byte, purpose string, epoch uint32) []byte {
	b := append([]byte("securecrypt/v1/vault/"+purpose+"\x00"), c.ID[:]...)
	b = append(b, hash[:]...)
	return binary.BigEndian.AppendUint32(b, epoch)
}

func newKeyring(c *Config, epoch uint32, root [secretSize]byte) (*Keyring, error) {
	hash, err := c.Hash()
	if err != nil {
		return nil, err
	}
	k := &Keyring{Epoch: epoch, config: c, hash: hash, root: root}
	seed, err := hkdf.Key(sha256.New, root[:], nil, string(c.info(hash, "pair", epoch)), secretSize)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	if k.private, err = hpke.MLKEM768X25519().NewPrivateKey(seed); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	k.public = k.private.PublicKey()
	return k, nil
}

// Config returns the vault's configuration.
func (k *Keyring) Config() *Config { return k.config }

// ConfigHash returns the hash of the vault's configuration.
func (k *Keyring) ConfigHash() [32]byte { return k.hash }

// Fingerprint returns the hash of the root's public half. A device keeps it, so
// that it notices another vault in the place of its own.
func (k *Keyring) Fingerprint() [32]byte { return sha256.Sum256(k.attested()) }

// String does not show the secrets.
func (*Keyring) String() string { return "keyring:redacted" }

// GoString does not show the secrets.
func (*Keyring) GoString() string { return "keyring:redacted" }

// dedupKey derives from the secret of deduplication, which stays when epochs change.
func (k *Keyring) dedupKey(purpose string, d Domain, kind Kind) ([]byte, error) {
	info := string(append([]byte("securecrypt/v1/vault/"+purpose+"\x00"), byte(d), byte(kind)))
	key, err := hkdf.Key(sha256.New, k.dedup[:], k.config.ID[:], info, secretSize)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return key, nil
}

// ChunkerKey returns the 32-byte key of a domain's chunk boundaries.
func (k *Keyring) ChunkerKey(d Domain) ([]byte, error) { return k.dedupKey("chunker", d, 0) }

// IDKey returns the 32-byte key of the identifiers of a domain's chunks of a kind.
func (k *Keyring) IDKey(d Domain, kind Kind) ([]byte, error) { return k.dedupKey("id", d, kind) }

// PageKey returns the 32-byte key of where the pages of a domain's directories end.
func (k *Keyring) PageKey(d Domain) ([]byte, error) { return k.dedupKey("pages", d, 0) }

// LocalKey returns the key of a device's caches of this vault, for a purpose.
func (k *Keyring) LocalKey(purpose string) ([]byte, error) {
	return k.dedupKey("local/"+purpose, 0, 0)
}

// Session holds the secret of one run, which every pack of the run carries
// sealed to the vault's pair.
type Session struct {
	Epoch  uint32
	Sealed [SealedSize]byte
	secret [secretSize]byte
	keys   *Keyring
}

// NewSession draws the secret of a run.
func (k *Keyring) NewSession() (*Session, error) {
	s := &Session{Epoch: k.Epoch, keys: k}
	_, _ = rand.Read(s.secret[:]) // it never fails
	sealed, err := hpke.Seal(k.public, hpke.HKDFSHA256(), hpke.AES256GCM(), k.config.info(k.hash, "session", k.Epoch), s.secret[:])
	if err != nil {
		return nil, fmt.Errorf("keys: sealing a session: %w", err)
	}
	s.Sealed = [SealedSize]byte(sealed)
	return s, nil
}

// OpenSession opens the secret of a run.
func (k *Keyring) OpenSession(epoch uint32, sealed [SealedSize]byte) (*Session, error) {
	if epoch != k.Epoch {
		return nil, fmt.Errorf("%w: of epoch %d", ErrKey, epoch)
	}
	secret, err := hpke.Open(k.private, hpke.HKDFSHA256(), hpke.AES256GCM(), k.config.info(k.hash, "session", epoch), sealed[:])
	if err != nil || len(secret) != secretSize {
		return nil, ErrKey
	}
	return &Session{Epoch: epoch, Sealed: sealed, secret: [secretSize]byte(secret), keys: k}, nil
}

// PackAEAD returns the cipher of the pack with the given salt: AES-256-GCM, whose
// nonces are the numbers of segments.
func (s *Session) PackAEAD(salt [32]byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, s.secret[:], salt[:], string(s.keys.config.info(s.keys.hash, "pack", s.Epoch)), secretSize)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return newGCM(key)
}

// VaultID returns the vault that the session belongs to.
func (s *Session) VaultID() VaultID { return s.keys.config.ID }

// SealEntry seals a log entry, which has the given number, to the vault's pair.
func (k *Keyring) SealEntry(seq uint64, plain []byte) ([]byte, error) {
	sealed, err := hpke.Seal(k.public, hpke.HKDFSHA256(), hpke.AES256GCM(), k.entryInfo(seq), plain)
	if err != nil {
		return nil, fmt.Errorf("keys: sealing a log entry: %w", err)
	}
	return sealed, nil
}

// OpenEntry is the inverse of SealEntry.
func (k *Keyring) OpenEntry(seq uint64, sealed []byte) ([]byte, error) {
	plain, err := hpke.Open(k.private, hpke.HKDFSHA256(), hpke.AES256GCM(), k.entryInfo(seq), sealed)
	if err != nil {
		return nil, ErrKey
	}
	return plain, nil
}

func (k *Keyring) entryInfo(seq uint64) []byte {
	return binary.BigEndian.AppendUint64(k.config.info(k.hash, "log", k.Epoch), seq)
}

// DeviceID names a device of a vault: the first 16 bytes of the SHA-256 of its
// signature key.
type DeviceID [16]byte

// Device holds the private keys of a device.
type Device struct {
	Signature ed25519.PrivateKey
	KEM       hpke.PrivateKey
}

// NewDevice draws the keys of a device.
func NewDevice() (*Device, error) {
	var seeds [2 * secretSize]byte
	_, _ = rand.Read(seeds[:]) // it never fails
	return DeviceFromSeeds(seeds[:])
}

// DeviceSeedSize is the size in bytes of what DeviceFromSeeds takes.
const DeviceSeedSize = 2 * secretSize

// DeviceFromSeeds returns the keys of a device from their seeds, Ed25519 first.
func DeviceFromSeeds(seeds []byte) (*Device, error) {
	if len(seeds) != DeviceSeedSize {
		return nil, ErrFormat
	}
	kem, err := hpke.MLKEM768X25519().NewPrivateKey(seeds[secretSize:])
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return &Device{ed25519.NewKeyFromSeed(seeds[:secretSize]), kem}, nil
}

// Seeds returns what DeviceFromSeeds takes.
func (d *Device) Seeds() ([]byte, error) {
	kem, err := d.KEM.Bytes()
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return append(append([]byte{}, d.Signature.Seed()...), kem...), nil
}

// ID returns the device's identifier.
func (d *Device) ID() DeviceID { return IDOf(d.Signature.Public().(ed25519.PublicKey)) }

// IDOf returns the identifier of the device with a signature key.
func IDOf(key ed25519.PublicKey) DeviceID {
	sum := sha256.Sum256(key)
	return DeviceID(sum[:16])
}

// String does not show the secrets.
func (*Device) String() string { return "device:redacted" }

// GoString does not show the secrets.
func (*Device) GoString() string { return "device:redacted" }
