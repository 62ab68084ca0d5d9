// SPDX-License-Identifier: AGPL-3.0-or-later

package protocol

import (
	"errors"
	"fmt"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// VaultPath is the root of the HTTP interface to vaults: encrypted backups, which
// belong to an account. docs/protocol.cddl lists what lies below it.
const VaultPath = "/v1/vaults"

// Bounds of the interface to vaults.
const (
	MaxVaults      = 64       // of an account, numbered from 1
	MaxVaultObject = 16 << 20 // bytes of one object
	MaxVaultPage   = 1000     // objects or deletions in one answer
	MaxVaultNames  = 64       // names in one request for hashes
	MaxVaultBody   = 512 << 10
)

// VaultType is the Content-Type of the bodies that have a form of their own.
const VaultType = "application/cbor"

// A VaultSessionID names one sign-in to the vaults of an account. Deletions carry
// it, so that those of one run of a program can be told apart and taken back.
type VaultSessionID [8]byte

// The first element of what is signed tells the purposes apart.
const (
	storageGrantLabel     = "securecrypt/v1/storage-grant"
	storageChallengeLabel = "securecrypt/v1/storage-challenge"
)

// StorageGrant returns what a device signs with its signature key to let the
// holder of a storage key use the vaults of its account, as long as the device is
// one of the account's.
func StorageGrant(host, name string, device DeviceID, key AccessKey) []byte {
	return mustMarshal([]any{storageGrantLabel, host, name, device, key})
}

// StorageChallenge returns what is signed with a storage key to sign in; nonce is the
// server's.
func StorageChallenge(host string, nonce []byte, name string, device DeviceID) []byte {
	return mustMarshal([]any{storageChallengeLabel, host, nonce, name, device})
}

// The bodies of the interface to vaults. Bytes count as they count against the
// quota.
type (
	VaultChallenge struct {
		Nonce []byte `cbor:"1,keyasint"`
	}
	VaultSignIn struct {
		Nonce  []byte    `cbor:"1,keyasint"`
		Name   string    `cbor:"2,keyasint"`
		Device DeviceID  `cbor:"3,keyasint"`
		Key    AccessKey `cbor:"4,keyasint"`
		Grant  Signature `cbor:"5,keyasint"` // of StorageGrant, by the device
		Proof  Signature `cbor:"6,keyasint"` // of StorageChallenge, by Key
	}
	VaultSession struct {
		Token   []byte         `cbor:"1,keyasint"`
		Session VaultSessionID `cbor:"2,keyasint"`
		Seconds uint64         `cbor:"3,keyasint"` // for which the token holds
	}
	VaultList struct {
		Quota       uint64       `cbor:"1,keyasint"` // bytes of all vaults of the account
		KeepSeconds uint64       `cbor:"2,keyasint"` // for which what is deleted is kept
		Vaults      []VaultState `cbor:"3,keyasint"`
	}
	VaultState struct {
		Vault        uint8  `cbor:"1,keyasint"`
		Objects      uint64 `cbor:"2,keyasint"`
		Bytes        uint64 `cbor:"3,keyasint"`
		Deletions    uint64 `cbor:"4,keyasint"` // that can be taken back
		DeletedBytes uint64 `cbor:"5,keyasint"`
		Last         uint64 `cbor:"6,keyasint"` // number of the newest deletion ever
	}
	VaultObject struct {
		_    struct{} `cbor:",toarray"`
		Name string
		Size uint64
	}
	VaultHash struct {
		_    struct{} `cbor:",toarray"`
		Name string
		Size uint64
		Hash [32]byte // BLAKE3-256 of what the server reads from its disk
	}
	VaultDeletion struct {
		Number  uint64         `cbor:"1,keyasint"`
		Name    string         `cbor:"2,keyasint"`
		Size    uint64         `cbor:"3,keyasint"`
		Device  DeviceID       `cbor:"4,keyasint"` // that asked
		Session VaultSessionID `cbor:"5,keyasint"`
		Asked   int64          `cbor:"6,keyasint"` // by the server's clock, in seconds since 1970
		Goes    int64          `cbor:"7,keyasint"`
	}
	VaultUndelete struct {
		Session VaultSessionID `cbor:"1,keyasint"`
		UpTo    uint64         `cbor:"2,keyasint"` // number of the last deletion to take back
	}
	VaultUndeleted struct {
		Count uint64 `cbor:"1,keyasint"`
		More  bool   `cbor:"2,keyasint"`
	}
)

// DecodeVault decodes a body of the interface to vaults.
func DecodeVault(b []byte, body any) error {
	if err := dcbor.Unmarshal(b, body); err != nil {
		return errors.Join(ErrMalformed, err)
	}
	if s, ok := body.(*VaultSignIn); ok {
		if err := checkLen("nonce", len(s.Nonce), 1, 64); err != nil {
			return err
		}
		return checkName(s.Name)
	}
	return nil
}

// EncodeVault encodes a body of the interface to vaults.
func EncodeVault(body any) []byte { return mustMarshal(body) }

// ValidVaultObject reports whether name can be that of an object: "config", or one
// folder and one name, both of the characters a-z, 0-9, '.' and '-', neither
// beginning with '.' and none longer than 64 bytes.
func ValidVaultObject(name string) bool {
	if name == "config" {
		return true
	}
	part, slashes := 0, 0
	for i := range len(name) {
		switch c := name[i]; {
		case c == '/' && part > 0 && slashes == 0:
			part, slashes = 0, 1
			continue
		case c == '.' && part == 0:
			return false
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '.', c == '-':
		default:
			return false
		}
		if part++; part > 64 {
			return false
		}
	}
	return slashes == 1 && part > 0
}

// CheckVault refuses numbers that no vault has.
func CheckVault(number uint64) error {
	if number < 1 || number > MaxVaults {
		return fmt.Errorf("%w: vaults have the numbers 1 to %d, not %d", ErrMalformed, MaxVaults, number)
	}
	return nil
}
