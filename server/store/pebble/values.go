// SPDX-License-Identifier: AGPL-3.0-or-later

package pebble

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
)

// The values. A value does not repeat what its key holds. Most are arrays in
// deterministic CBOR whose first element is the version, 1, or for a blob 2 (1,
// without hash: written by formats 1 and 2). Those that are written with each
// message, or read with each lookup, have a form of their own that begins with the
// version as a byte:
//
//	account  2, length, head, then the state
//	         (an array of 1 and the statements: written by formats 1 to 3)
//	statement 1, published, then the statement
//	entry    1, kind (1 byte), epoch, expires, then the ciphertext
//	channel  2, epoch, last, entries, bytes, expires
//	         (1, without expires: written by format 1)
//	expiry   1, count
//
// where the numbers are unsigned varints as in encoding/binary.
const (
	valueVersion   = 1
	channelVersion = 2
	blobVersion    = 2
	accountVersion = 2
)

type (
	valueFormat struct {
		_       struct{} `cbor:",toarray"`
		Version uint64
	}
	valueTotals struct {
		_                             struct{} `cbor:",toarray"`
		V                             uint64
		Accounts, Channels, BlobBytes uint64
	}
	valueAccount1 struct {
		_          struct{} `cbor:",toarray"`
		V          uint64
		Statements [][]byte
	}
	valueBytes struct { // key package
		_ struct{} `cbor:",toarray"`
		V uint64
		B []byte
	}
	valueMailbox struct {
		_                    struct{} `cbor:",toarray"`
		V                    uint64
		Last, Letters, Bytes uint64
	}
	valueLetter struct {
		_       struct{} `cbor:",toarray"`
		V       uint64
		Expires int64
		Letter  []byte
	}
	valueSeen struct {
		_       struct{} `cbor:",toarray"`
		V       uint64
		Seq     uint64
		Hash    [32]byte
		Expires int64
	}
	valueToken struct {
		_    struct{} `cbor:",toarray"`
		V    uint64
		Hash [32]byte
	}
	valueSession struct {
		_       struct{} `cbor:",toarray"`
		V       uint64
		Counter uint64
		ID      [16]byte
		Highest uint64
		Copied  bool

		Generation protocol.Generation
	}
	valueReserved struct {
		_    struct{} `cbor:",toarray"`
		V    uint64
		Hash [32]byte
	}
	valueRecovery struct {
		_       struct{} `cbor:",toarray"`
		V       uint64
		Counter uint64
		Device  protocol.DeviceID
		Stored  int64
		Data    []byte
	}
	valueState struct {
		_           struct{} `cbor:",toarray"`
		V           uint64
		Incarnation protocol.Incarnation
		Newest      int64
		Boot        string
		Uptime      int64
	}
	valueEpoch struct {
		_          struct{} `cbor:",toarray"`
		V          uint64
		Key        protocol.AccessKey
		Start, End uint64
	}
	valueBlob struct {
		_                    struct{} `cbor:",toarray"`
		V                    uint64
		Length, Offset       uint64
		Expires, UploadUntil int64
		Hash, HashState      []byte
	}
	valueBlob1 struct {
		_                    struct{} `cbor:",toarray"`
		V                    uint64
		Length, Offset       uint64
		Expires, UploadUntil int64
	}
	valueInvite struct {
		_                struct{} `cbor:",toarray"`
		V                uint64
		Hint             string
		Created, Expires int64
	}
	valueWake struct {
		_        struct{} `cbor:",toarray"`
		V        uint64
		Endpoint string
		Expires  int64
	}
)

func (v valueTotals) version() uint64   { return v.V }
func (v valueAccount1) version() uint64 { return v.V }
func (v valueBytes) version() uint64    { return v.V }
func (v valueMailbox) version() uint64  { return v.V }
func (v valueLetter) version() uint64   { return v.V }
func (v valueSeen) version() uint64     { return v.V }
func (v valueToken) version() uint64    { return v.V }
func (v valueSession) version() uint64  { return v.V }
func (v valueReserved) version() uint64 { return v.V }
func (v valueRecovery) version() uint64 { return v.V }
func (v valueState) version() uint64    { return v.V }
func (v valueEpoch) version() uint64    { return v.V }
func (v valueBlob1) version() uint64    { return v.V }
func (v valueInvite) version() uint64   { return v.V }
func (v valueWake) version() uint64     { return v.V }

func decodeValue[V interface{ version() uint64 }](b []byte) (v V, err error) {
	if err := dcbor.Unmarshal(b, &v); err != nil {
		return v, fmt.Errorf("%w: %w", server.ErrCorrupt, err)
	}
	if v.version() != valueVersion {
		return v, fmt.Errorf("%w: unknown version", server.ErrCorrupt)
	}
	return v, nil
}

func encodeValue(v any) []byte {
	b, err := dcbor.Marshal(v)
	if err != nil {
		panic("pebble: " + err.Error()) // the types above always encode
	}
	return b
}

func encodeAccount(row server.AccountRow) []byte {
	b := append(make([]byte, 0, 1+binary.MaxVarintLen64+len(row.Head)+len(row.State)), accountVersion)
	b = binary.AppendUvarint(b, row.Length)
	return append(append(b, row.Head[:]...), row.State...)
}

// decodeAccount returns an account and, if its row is one of formats 1 to 3, the
// statements that are in it.
func decodeAccount(name string, b []byte) (row server.AccountRow, old [][]byte, err error) {
	if len(b) > 0 && b[0] != accountVersion {
		return decodeAccount1(name, b)
	}
	var nums [1]uint64
	if len(b) == 0 {
		return row, nil, fmt.Errorf("%w: account", server.ErrCorrupt)
	}
	rest, err := uvarints(b[1:], nums[:])
	if err != nil || len(rest) < len(row.Head) {
		return row, nil, fmt.Errorf("%w: account", server.ErrCorrupt)
	}
	row = server.AccountRow{Name: name, Length: nums[0], Head: [32]byte(rest), State: rest[len(row.Head):]}
	return row, nil, nil
}

func decodeAccount1(name string, b []byte) (row server.AccountRow, old [][]byte, err error) {
	v, err := decodeValue[valueAccount1](b)
	if err != nil || len(v.Statements) == 0 {
		return row, nil, errors.Join(server.ErrCorrupt, err)
	}
	first, err := account.ParseStatement(v.Statements[0])
	if err != nil {
		return row, nil, errors.Join(server.ErrCorrupt, err)
	}
	create, _ := first.Content.(account.CreateContent)
	chain, err := account.Verify(create.Address, v.Statements)
	if err != nil {
		return row, nil, errors.Join(server.ErrCorrupt, err)
	}
	row, err = server.NewAccountRow(chain.State())
	return row, v.Statements, err
}

func encodeStatement(row server.StatementRow) []byte {
	b := append(make([]byte, 0, 1+binary.MaxVarintLen64+len(row.Statement)), valueVersion)
	return append(binary.AppendUvarint(b, uint64(row.Published)), row.Statement...)
}

// decodeStatement returns a statement and when the server took it.
func decodeStatement(b []byte) (published int64, statement []byte, err error) {
	var nums [1]uint64
	if len(b) == 0 || b[0] != valueVersion {
		return 0, nil, fmt.Errorf("%w: statement", server.ErrCorrupt)
	}
	statement, err = uvarints(b[1:], nums[:])
	return int64(nums[0]), statement, err
}

func entryLen(row *server.EntryRow) int {
	return 2 + 2*binary.MaxVarintLen64 + len(row.Ciphertext)
}

func appendEntry(b []byte, row *server.EntryRow) []byte {
	b = append(b, valueVersion, byte(row.Kind))
	b = binary.AppendUvarint(b, row.Epoch)
	b = binary.AppendUvarint(b, uint64(row.Expires))
	return append(b, row.Ciphertext...)
}

// decodeEntry copies the ciphertext.
func decodeEntry(k, v []byte) (row server.EntryRow, err error) {
	row.Channel, row.Seq, err = splitChannelNumber(k)
	if err != nil {
		return row, err
	}
	if len(v) < 2 || v[0] != valueVersion || v[1] > byte(protocol.KindCommit) {
		return row, fmt.Errorf("%w: entry", server.ErrCorrupt)
	}
	row.Kind = protocol.EntryKind(v[1])
	var nums [2]uint64
	rest, err := uvarints(v[2:], nums[:])
	if err != nil {
		return row, err
	}
	row.Epoch, row.Expires = nums[0], int64(nums[1])
	row.Ciphertext = append([]byte(nil), rest...)
	return row, nil
}

func encodeChannel(row *server.ChannelRow) []byte {
	b := append(make([]byte, 0, 1+5*binary.MaxVarintLen64), channelVersion)
	for _, n := range [...]uint64{row.Epoch, row.Last, row.Entries, row.Bytes, uint64(row.Expires)} {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

func decodeChannel(id protocol.ChannelID, v []byte) (row server.ChannelRow, err error) {
	var nums [5]uint64
	fields := 5
	switch {
	case len(v) > 0 && v[0] == channelVersion:
	case len(v) > 0 && v[0] == valueVersion:
		fields = 4
	default:
		return row, fmt.Errorf("%w: channel", server.ErrCorrupt)
	}
	rest, err := uvarints(v[1:], nums[:fields])
	if err != nil || len(rest) != 0 {
		return row, fmt.Errorf("%w: channel", server.ErrCorrupt)
	}
	return server.ChannelRow{Channel: id, Epoch: nums[0], Last: nums[1], Entries: nums[2], Bytes: nums[3], Expires: int64(nums[4])}, nil
}

func encodeRun(count uint64) []byte { return binary.AppendUvarint([]byte{valueVersion}, count) }

func decodeRun(v []byte) (count uint64, err error) {
	var nums [1]uint64
	if len(v) < 1 || v[0] != valueVersion {
		return 0, fmt.Errorf("%w: expiry", server.ErrCorrupt)
	}
	rest, err := uvarints(v[1:], nums[:])
	if err != nil || len(rest) != 0 {
		return 0, fmt.Errorf("%w: expiry", server.ErrCorrupt)
	}
	return nums[0], nil
}

func uvarints(b []byte, nums []uint64) (rest []byte, err error) {
	for i := range nums {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			return nil, fmt.Errorf("%w: number", server.ErrCorrupt)
		}
		nums[i], b = n, b[size:]
	}
	return b, nil
}
