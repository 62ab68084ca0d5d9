// SPDX-License-Identifier: AGPL-3.0-or-later

package pebble

import (
	"encoding/binary"
	"fmt"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
)

// The keys, one prefix a table. Numbers are 8 bytes, big-endian; a name ends
// with a zero byte, which names cannot contain.
//
//	f                                format
//	t                                totals
//	a name                           account
//	h name 0 number                  statement of an account's chain
//	k name 0 device number           key package
//	b name 0 device                  mailbox
//	l name 0 device seq              letter
//	s name 0 device id               letter seen
//	d name 0 device                  delivery token of a mailbox
//	g name 0 device                  session
//	r name                           reserved name
//	p name                           recovery
//	v                                state
//	c channel                        channel
//	e channel epoch                  epoch
//	n channel seq                    entry
//	o blob                           blob
//	i hash                           invite
//	w hash                           wake
//	u name 0 vault                   vault; vault is its number, a byte
//	j name 0 vault object            vault object
//	m name 0 vault number            vault deletion
//	y content                        vault content
//	x minute key                     expiry: key is that of the row that expires,
//	                                 or, for entries, of the first of a run
const (
	prefixFormat     = 'f'
	prefixTotals     = 't'
	prefixAccount    = 'a'
	prefixStatement  = 'h'
	prefixKeyPackage = 'k'
	prefixMailbox    = 'b'
	prefixLetter     = 'l'
	prefixSeen       = 's'
	prefixToken      = 'd'
	prefixSession    = 'g'
	prefixReserved   = 'r'
	prefixRecovery   = 'p'
	prefixState      = 'v'
	prefixChannel    = 'c'
	prefixEpoch      = 'e'
	prefixEntry      = 'n'
	prefixBlob       = 'o'
	prefixInvite     = 'i'
	prefixWake       = 'w'
	prefixExpiry     = 'x'

	prefixVault         = 'u'
	prefixVaultObject   = 'j'
	prefixVaultDeletion = 'm'
	prefixVaultContent  = 'y'
)

// tableOf names the table of each prefix.
var tableOf = map[byte]string{
	prefixFormat: "format", prefixTotals: "totals", prefixAccount: "account", prefixStatement: "statement", prefixKeyPackage: "key_package",
	prefixMailbox: "mailbox", prefixLetter: "letter", prefixSeen: "letter_seen", prefixToken: "mailbox_token",
	prefixSession: "session", prefixReserved: "reserved_name", prefixRecovery: "recovery", prefixState: "state", prefixChannel: "channel",
	prefixEpoch: "epoch", prefixEntry: "entry", prefixBlob: "blob", prefixInvite: "invite", prefixWake: "wake", prefixExpiry: "expiry",
	prefixVault: "vault", prefixVaultObject: "vault_object", prefixVaultDeletion: "vault_deletion", prefixVaultContent: "vault_content",
}

var (
	keyFormat = []byte{prefixFormat}
	keyTotals = []byte{prefixTotals}
	keyState  = []byte{prefixState}
)

// devicePrefixes are of the tables whose keys begin with an account's name, a zero
// byte and a device.
var devicePrefixes = []byte{prefixKeyPackage, prefixMailbox, prefixLetter, prefixSeen, prefixToken, prefixSession}

func keyAccount(name string) []byte  { return append([]byte{prefixAccount}, name...) }
func keyReserved(name string) []byte { return append([]byte{prefixReserved}, name...) }

func keyRecovery(name string) []byte { return append([]byte{prefixRecovery}, name...) }

func keyStatement(name string, number uint64) []byte {
	return binary.BigEndian.AppendUint64(keyOwner(prefixStatement, name), number)
}

// keyOwner is what the keys of an account's rows in a table begin with.
func keyOwner(prefix byte, name string) []byte {
	return append(append([]byte{prefix}, name...), 0)
}

func keyDevice(prefix byte, ref server.DeviceRef, more int) []byte {
	k := make([]byte, 0, 2+len(ref.Name)+len(ref.Device)+more)
	k = append(k, prefix)
	k = append(k, ref.Name...)
	k = append(k, 0)
	return append(k, ref.Device[:]...)
}

func keyDeviceNumber(prefix byte, ref server.DeviceRef, n uint64) []byte {
	return binary.BigEndian.AppendUint64(keyDevice(prefix, ref, 8), n)
}

func keySeen(ref server.DeviceRef, id [16]byte) []byte {
	return append(keyDevice(prefixSeen, ref, 16), id[:]...)
}

func key32(prefix byte, id [32]byte) []byte {
	return append(append(make([]byte, 0, 1+32+8), prefix), id[:]...)
}

func keyChannelNumber(prefix byte, id protocol.ChannelID, n uint64) []byte {
	return binary.BigEndian.AppendUint64(key32(prefix, id), n)
}

func keyExpiry(minute int64, key []byte) []byte {
	k := make([]byte, 0, 9+len(key))
	k = append(k, prefixExpiry)
	k = binary.BigEndian.AppendUint64(k, uint64(minute))
	return append(k, key...)
}

// after returns the first key that does not begin with k.
func after(k []byte) []byte {
	end := append([]byte(nil), k...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// minuteOf returns the minute at whose end a row of that time has expired.
func minuteOf(expires int64) int64 { return (expires + 59) / 60 }

var errKey = fmt.Errorf("%w: key", server.ErrCorrupt)

// splitDevice undoes keyDevice and returns what follows.
func splitDevice(k []byte) (ref server.DeviceRef, rest []byte, err error) {
	for i := 1; i < len(k); i++ {
		if k[i] != 0 {
			continue
		}
		if len(k)-i-1 < len(ref.Device) {
			break
		}
		ref.Name = string(k[1:i])
		n := copy(ref.Device[:], k[i+1:])
		return ref, k[i+1+n:], nil
	}
	return ref, nil, errKey
}

func splitDeviceNumber(k []byte) (ref server.DeviceRef, n uint64, err error) {
	ref, rest, err := splitDevice(k)
	if err != nil || len(rest) != 8 {
		return ref, 0, errKey
	}
	return ref, binary.BigEndian.Uint64(rest), nil
}

func splitChannelNumber(k []byte) (id protocol.ChannelID, n uint64, err error) {
	if len(k) != 1+32+8 {
		return id, 0, errKey
	}
	copy(id[:], k[1:])
	return id, binary.BigEndian.Uint64(k[33:]), nil
}

func splitExpiry(k []byte) (minute int64, key []byte, err error) {
	if len(k) < 10 {
		return 0, nil, errKey
	}
	return int64(binary.BigEndian.Uint64(k[1:])), k[9:], nil
}
