// SPDX-License-Identifier: AGPL-3.0-or-later

package keys

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
)

// Domain separates what is deduplicated together: nothing of one domain is
// compared with anything of another.
type Domain uint8

// The domains.
const (
	DomainFiles Domain = 1
	// FirstOwnDomain is the first domain of write-only devices, which have one
	// each.
	FirstOwnDomain Domain = 16
	LastOwnDomain  Domain = 255
)

// Kind says what a chunk holds. Each kind has its own key of identifiers.
type Kind uint8

// The kinds of chunk.
const (
	KindData  Kind = 1 // pieces of files
	KindTree  Kind = 2 // tree pages and lists
	KindIndex Kind = 3 // index pages
)

// Keyring holds the secrets of a vault: those of all epochs as a full device has
// them, or what a write-only device has. It is safe for concurrent use.
type Keyring struct {
	config      *Config
	hash        [32]byte // of the configuration
	attestation []byte   // the recovery key's signature of the first epoch's public half

	mu sync.RWMutex // guards the rest
	// grant is what a write-only device has; nil in a full one.
	grant *Grant
	// epochs are those that the log has begun, the current one last.
	epochs []*epoch
	// known are the roots that keys objects held, by their fingerprints.
	known map[[32]byte]*epoch
}

// epoch is the vault's own pair in one epoch.
type epoch struct {
	number  uint32
	root    [secretSize]byte
	private hpke.PrivateKey // nil in a write-only device
	public  hpke.PublicKey
	// dedup is the secret of deduplication, which is the same in all epochs; nil
	// if no object of this epoch was opened. It changes with the keyring's lock.
	dedup *[secretSize]byte
}

// info binds a purpose to a vault, its configuration and an epoch.
func (c *Config) info(hash [32]byte, purpose string, epoch uint32) []byte {
	b := append([]byte("securecrypt/v1/vault/"+purpose+"\x00"), c.ID[:]...)
	b = append(b, hash[:]...)
	return binary.BigEndian.AppendUint32(b, epoch)
}

func (c *Config) newEpoch(hash [32]byte, number uint32, root [secretSize]byte) (*epoch, error) {
	seed, err := hkdf.Key(sha256.New, root[:], nil, string(c.info(hash, "pair", number)), secretSize)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	private, err := hpke.MLKEM768X25519().NewPrivateKey(seed)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return &epoch{number: number, root: root, private: private, public: private.PublicKey()}, nil
}

// current returns the current epoch.
func (k *Keyring) current() *epoch {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.epochs[len(k.epochs)-1]
}

// epoch returns an epoch that has begun, nil for another.
func (k *Keyring) epoch(number uint32) *epoch {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for _, e := range k.epochs {
		if e.number == number {
			return e
		}
	}
	return nil
}

// Epoch returns the number of the current epoch.
func (k *Keyring) Epoch() uint32 { return k.current().number }

// begun returns the epochs that have begun, the current one first.
func (k *Keyring) begun() []*epoch {
	k.mu.RLock()
	defer k.mu.RUnlock()
	out := slices.Clone(k.epochs)
	slices.Reverse(out)
	return out
}

// Advance begins the next epoch, whose root has the given fingerprint. The error is
// ErrNoRoot if no keys object that was opened has that root.
func (k *Keyring) Advance(number uint32, fingerprint [32]byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if number != k.epochs[len(k.epochs)-1].number+1 {
		return fmt.Errorf("%w: epoch %d cannot follow", ErrFormat, number)
	}
	e := k.known[fingerprint]
	if e == nil || e.number != number {
		return ErrNoRoot
	}
	k.epochs = append(k.epochs, e)
	return nil
}

// Config returns the vault's configuration.
func (k *Keyring) Config() *Config { return k.config }

// ConfigHash returns the hash of the vault's configuration.
func (k *Keyring) ConfigHash() [32]byte { return k.hash }

// Fingerprint returns the hash of the public half of the first epoch's root, which
// stays. A device keeps it, so that it notices another vault in the place of its
// own. A write-only device does not know it.
func (k *Keyring) Fingerprint() [32]byte {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.grant != nil {
		return [32]byte{}
	}
	return k.fingerprint(k.epochs[0])
}

func (k *Keyring) fingerprint(e *epoch) [32]byte { return sha256.Sum256(k.config.attested(k.hash, e)) }

// String does not show the secrets.
func (*Keyring) String() string { return "keyring:redacted" }

// GoString does not show the secrets.
func (*Keyring) GoString() string { return "keyring:redacted" }

// dedupKey derives from the secret of deduplication, which stays when epochs change.
func (k *Keyring) dedupKey(purpose string, d Domain, kind Kind) ([]byte, error) {
	info := string(append([]byte("securecrypt/v1/vault/"+purpose+"\x00"), byte(d), byte(kind)))
	k.mu.RLock()
	grant, dedup := k.grant, k.epochs[len(k.epochs)-1].dedup
	k.mu.RUnlock()
	if grant != nil {
		return grant.key(purpose, d, kind)
	}
	if dedup == nil {
		return nil, ErrKey
	}
	key, err := hkdf.Key(sha256.New, dedup[:], k.config.ID[:], info, secretSize)
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
	k.mu.RLock()
	grant := k.grant
	k.mu.RUnlock()
	if grant != nil {
		return k.localKey(grant, purpose)
	}
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
	e := k.current()
	s := &Session{Epoch: e.number, keys: k}
	_, _ = rand.Read(s.secret[:]) // it never fails
	sealed, err := hpke.Seal(e.public, hpke.HKDFSHA256(), hpke.AES256GCM(), k.config.info(k.hash, "session", e.number), s.secret[:])
	if err != nil {
		return nil, fmt.Errorf("keys: sealing a session: %w", err)
	}
	s.Sealed = [SealedSize]byte(sealed)
	return s, nil
}

// OpenSession opens the secret of a run.
func (k *Keyring) OpenSession(number uint32, sealed [SealedSize]byte) (*Session, error) {
	e := k.epoch(number)
	if e == nil || e.private == nil {
		return nil, fmt.Errorf("%w: of epoch %d", ErrKey, number)
	}
	secret, err := hpke.Open(e.private, hpke.HKDFSHA256(), hpke.AES256GCM(), k.config.info(k.hash, "session", number), sealed[:])
	if err != nil || len(secret) != secretSize {
		return nil, ErrKey
	}
	return &Session{Epoch: number, Sealed: sealed, secret: [secretSize]byte(secret), keys: k}, nil
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
	e := k.current()
	sealed, err := hpke.Seal(e.public, hpke.HKDFSHA256(), hpke.AES256GCM(), k.entryInfo(e, seq), plain)
	if err != nil {
		return nil, fmt.Errorf("keys: sealing a log entry: %w", err)
	}
	return sealed, nil
}

// OpenEntry is the inverse of SealEntry. It also returns the epoch that the entry
// was sealed in, which may be an earlier one than the current.
func (k *Keyring) OpenEntry(seq uint64, sealed []byte) (plain []byte, number uint32, err error) {
	for _, e := range k.begun() {
		if e.private == nil {
			break
		}
		plain, err := hpke.Open(e.private, hpke.HKDFSHA256(), hpke.AES256GCM(), k.entryInfo(e, seq), sealed)
		if err == nil {
			return plain, e.number, nil
		}
	}
	return nil, 0, ErrKey
}

func (k *Keyring) entryInfo(e *epoch, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(k.config.info(k.hash, "log", e.number), seq)
}
