// SPDX-License-Identifier: AGPL-3.0-or-later

package pebble

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
)

// Findings are what is wrong with a store, in words that name no one, and what
// it holds.
type Findings struct {
	Problems []string
	Rows     map[string]int // by table
	Blobs    map[protocol.BlobID]server.BlobRow
}

// maxProblems bounds the list; a store with more is beyond telling.
const maxProblems = 100

// checker walks the tables. Keys are sorted by table, and by owner in each.
type checker struct {
	*tx
	host string
	out  *Findings

	totals   valueTotals
	devices  map[server.DeviceRef]bool
	boxes    map[server.DeviceRef]server.MailboxRow // counted
	channels map[protocol.ChannelID]*channelCount
	due      map[string]uint64 // expiry index: key → count
	wakes    []string          // keys
	letters  map[letterKey][sha256.Size]byte
	vaults   map[string]server.VaultRow // by key: the sums that are stored less those that were counted
	contents map[protocol.BlobID]server.BlobRow
	indexed  map[protocol.BlobID]bool // in the table vault_content
}

type letterKey struct {
	ref server.DeviceRef
	seq uint64
}

type channelCount struct {
	row            server.ChannelRow
	entries, bytes uint64
	epochs         map[uint64]server.EpochRow
}

// Check reads every row: that it decodes, that counters and references agree.
// host is that of the accounts' addresses; if it is empty, chains are not
// verified.
func (s *Store) Check(ctx context.Context, host string) (*Findings, error) {
	snapshot := s.db.NewSnapshot()
	c := &checker{
		tx:       &tx{r: snapshot},
		host:     host,
		out:      &Findings{Rows: map[string]int{}, Blobs: map[protocol.BlobID]server.BlobRow{}},
		devices:  map[server.DeviceRef]bool{},
		boxes:    map[server.DeviceRef]server.MailboxRow{},
		channels: map[protocol.ChannelID]*channelCount{},
		due:      map[string]uint64{},
		letters:  map[letterKey][sha256.Size]byte{},
		vaults:   map[string]server.VaultRow{},
		contents: map[protocol.BlobID]server.BlobRow{},
		indexed:  map[protocol.BlobID]bool{},
	}
	err := c.scan([]byte{0}, []byte{255}, func(k, v []byte) error {
		c.row(k, v)
		return ctx.Err()
	})
	switch {
	case err == nil:
		c.agree()
	case errors.Is(err, server.ErrCorrupt):
		c.problem("a file is damaged, the rest of the store was not checked: %v", err)
		err = nil
	}
	if closeErr := snapshot.Close(); err == nil {
		err = wrap(closeErr)
	}
	return c.out, err
}

func (c *checker) problem(format string, args ...any) {
	if len(c.out.Problems) < maxProblems {
		c.out.Problems = append(c.out.Problems, fmt.Sprintf(format, args...))
	}
}

func (c *checker) row(k, v []byte) {
	table, ok := tableOf[k[0]]
	if !ok {
		c.problem("a row of an unknown kind")
		return
	}
	c.out.Rows[table]++
	if err := c.decode(k, v); err != nil {
		c.problem("%s: a row does not decode", table)
	}
}

func (c *checker) decode(k, v []byte) (err error) {
	switch k[0] {
	case prefixFormat:
		_, err = decodeFormat(v)
	case prefixTotals:
		c.totals, err = decodeValue[valueTotals](v)
	case prefixAccount:
		err = c.account(string(k[1:]), v)
	case prefixStatement:
		_, _, err = decodeStatement(v)
		name, _, _ := bytes.Cut(k[1:], []byte{0})
		if known, hasErr := c.has(keyAccount(string(name))); !known || hasErr != nil {
			c.problem("statement: a row of an account that does not exist")
		}
	case prefixKeyPackage:
		_, _, err = splitDeviceNumber(k)
		if err == nil {
			_, err = decodeValue[valueBytes](v)
		}
		c.refers("key_package", k)
	case prefixToken:
		c.refers("mailbox_token", k)
		_, err = decodeValue[valueToken](v)
	case prefixSession:
		c.refers("session", k)
		_, err = decodeValue[valueSession](v)
	case prefixReserved:
		_, err = decodeValue[valueReserved](v)
		if taken, hasErr := c.has(keyAccount(string(k[1:]))); taken || hasErr != nil {
			c.problem("reserved_name: a name that an account has")
		}
	case prefixRecovery:
		_, err = decodeValue[valueRecovery](v)
		if known, hasErr := c.has(keyAccount(string(k[1:]))); c.host != "" && (!known || hasErr != nil) {
			c.problem("recovery: a row of an account that does not exist")
		}
	case prefixState:
		_, err = decodeValue[valueState](v)
	case prefixMailbox, prefixLetter, prefixSeen:
		err = c.mail(k, v)
	case prefixChannel, prefixEpoch, prefixEntry:
		err = c.conversation(k, v)
	case prefixBlob:
		if len(k) != 33 {
			return errKey
		}
		id := protocol.BlobID(k[1:])
		c.out.Blobs[id], err = decodeBlob(id, v)
	case prefixInvite:
		_, err = decodeValue[valueInvite](v)
	case prefixWake:
		if len(k) != 33 {
			return errKey
		}
		c.wakes = append(c.wakes, string(k))
		_, err = decodeValue[valueWake](v)
	case prefixVault, prefixVaultObject, prefixVaultDeletion, prefixVaultContent:
		err = c.vault(k, v)
	case prefixExpiry:
		var key []byte
		_, key, err = splitExpiry(k)
		if err == nil {
			c.due[string(key)], err = decodeRun(v)
		}
	}
	return err
}

func (c *checker) account(name string, v []byte) error {
	row, _, err := decodeAccount(name, v)
	if err != nil || c.host == "" {
		return err
	}
	rows, err := accounts{c.tx}.Statements(row, 0, math.MaxInt)
	if err != nil {
		return err
	}
	var statements [][]byte
	var published []time.Time
	for i, s := range rows {
		if s.Number != uint64(i) {
			c.problem("statement: a chain with a gap")
		}
		statements = append(statements, s.Statement)
		published = append(published, server.PublishedTime(s.Published))
	}
	chain, err := account.Verify(account.Address{Name: name, Host: c.host}, statements, published...)
	if err != nil {
		c.problem("account: a chain does not verify")
		return nil
	}
	if want, err := server.NewAccountRow(chain.State()); err != nil || !reflect.DeepEqual(want, row) {
		c.problem("account: its state is not what its statements come to")
	}
	for _, d := range chain.Devices() {
		c.devices[server.DeviceRef{Name: name, Device: protocol.DeviceID(d.ID())}] = true
	}
	return nil
}

// refers checks that a row's device exists. Accounts come first.
func (c *checker) refers(table string, k []byte) {
	ref, _, err := splitDevice(k)
	if err == nil && c.host != "" && !c.devices[ref] {
		c.problem("%s: a row of a device that no account has", table)
	}
}

func (c *checker) mail(k, v []byte) error {
	c.refers(tableOf[k[0]], k)
	ref, _, err := splitDevice(k)
	if err != nil {
		return err
	}
	switch k[0] {
	case prefixMailbox:
		box, err := decodeValue[valueMailbox](v)
		row := c.boxes[ref]
		row.Last = box.Last
		row.Letters -= box.Letters
		row.Bytes -= box.Bytes
		c.boxes[ref] = row
		return err
	case prefixLetter:
		l, err := decodeLetter(k, v)
		row := c.boxes[ref]
		row.Letters++
		row.Bytes += uint64(len(l.Letter))
		c.boxes[ref] = row
		c.letters[letterKey{ref, l.Seq}] = sha256.Sum256(l.Letter)
		if l.Seq > row.Last {
			c.problem("letter: a number beyond the mailbox's last")
		}
		return err
	}
	seen, err := decodeValue[valueSeen](v)
	if hash, ok := c.letters[letterKey{ref, seen.Seq}]; ok && hash != seen.Hash { // letters come first
		c.problem("letter: its content is not what was received")
	}
	return err
}

func (c *checker) conversation(k, v []byte) error {
	if len(k) < 33 {
		return errKey
	}
	id := protocol.ChannelID(k[1:33])
	count := c.channels[id]
	if k[0] == prefixChannel {
		row, err := decodeChannel(id, v)
		c.channels[id] = &channelCount{row: row, epochs: map[uint64]server.EpochRow{}}
		return err
	}
	_, n, err := splitChannelNumber(k)
	if err != nil {
		return err
	}
	if count == nil {
		c.problem("%s: a row of a channel that does not exist", tableOf[k[0]])
		return nil
	}
	if k[0] == prefixEpoch {
		count.epochs[n], err = decodeEpoch(id, n, v)
		return err
	}
	e, err := decodeEntry(k, v)
	count.entries++
	count.bytes += uint64(len(e.Ciphertext))
	if e.Seq > count.row.Last || e.Epoch > count.row.Epoch {
		c.problem("entry: a number beyond its channel's")
	}
	return err
}

// agree compares what was counted with what is stored as counted. The tables
// are walked in the order of their prefixes: channels (c) come before their
// epochs (e) and entries (n), mailboxes (b) before letters (l).
func (c *checker) agree() {
	for _, row := range c.boxes {
		if row.Letters != 0 || row.Bytes != 0 {
			c.problem("mailbox: counters do not agree with the letters")
		}
	}
	for _, ch := range c.channels {
		if ch.entries != ch.row.Entries || ch.bytes != ch.row.Bytes {
			c.problem("channel: counters do not agree with the entries")
		}
		c.epochs(ch)
	}
	bytes := uint64(0)
	for _, b := range c.out.Blobs {
		bytes += b.Length
		if b.Offset > b.Length {
			c.problem("blob: more bytes than it has")
		}
	}
	if c.totals.Accounts != uint64(c.out.Rows["account"]) || c.totals.Channels != uint64(len(c.channels)) || c.totals.BlobBytes != bytes {
		c.problem("totals: they do not agree with the rows")
	}
	c.willExpire()
	c.agreeOnVaults()
}

// vault counts a row of the tables of vaults.
func (c *checker) vault(k, v []byte) error {
	if k[0] == prefixVaultContent {
		if len(k) != 33 {
			return errKey
		}
		c.indexed[protocol.BlobID(k[1:])] = true
		_, err := decodeValue[valueVaultContent](v)
		return err
	}
	name, number, _, err := splitVault(k)
	if err != nil {
		return err
	}
	key := string(keyVault(prefixVault, name, number))
	row := c.vaults[key]
	defer func() { c.vaults[key] = row }()
	if k[0] == prefixVault {
		stored, err := decodeVault(k, v)
		row.Objects += stored.Objects
		row.Bytes += stored.Bytes
		row.Deletions += stored.Deletions
		row.DeletedBytes += stored.DeletedBytes
		known, hasErr := c.has(keyAccount(name))
		if c.host != "" && !known && hasErr == nil && stored.Closed == 0 {
			c.problem("vault: a vault of an account that does not exist")
		}
		return errors.Join(err, hasErr)
	}
	content, err := vaultContent(k, v)
	c.contents[content.Blob] = content
	if k[0] == prefixVaultObject {
		row.Objects--
		row.Bytes -= server.VaultCharge(content.Length)
	} else {
		row.Deletions--
		row.DeletedBytes -= server.VaultCharge(content.Length)
	}
	return err
}

// agreeOnVaults compares the sums of vaults and the index of their contents with the
// rows, and adds the contents to those that files are compared with.
func (c *checker) agreeOnVaults() {
	for _, row := range c.vaults {
		if row.Objects != 0 || row.Bytes != 0 || row.Deletions != 0 || row.DeletedBytes != 0 {
			c.problem("vault: counters do not agree with the objects")
		}
	}
	for id, row := range c.contents {
		if !c.indexed[id] {
			c.problem("vault_content: content that would be deleted")
		}
		c.out.Blobs[id] = row
	}
	if len(c.indexed) != len(c.contents) {
		c.problem("vault_content: content that nothing has")
	}
}

func (c *checker) epochs(ch *channelCount) {
	current, ok := ch.epochs[ch.row.Epoch]
	if !ok || current.End != 0 {
		c.problem("channel: the current epoch is missing or has ended")
	}
	for n, e := range ch.epochs {
		next, ok := ch.epochs[n+1]
		if n > ch.row.Epoch || e.End > ch.row.Last || ok && next.Start != e.End || n < ch.row.Epoch && e.End == 0 {
			c.problem("epoch: its bounds do not fit its neighbours")
		}
	}
}

// willExpire checks that what must go some day is in the index.
func (c *checker) willExpire() {
	covered := uint64(0)
	for key, count := range c.due {
		if key[0] == prefixEntry {
			covered += count
		}
	}
	if covered < uint64(c.out.Rows["entry"]) {
		c.problem("expiry: entries that would never expire")
	}
	for id := range c.channels {
		if _, ok := c.due[string(key32(prefixChannel, id))]; !ok {
			c.problem("expiry: a channel that would never expire")
		}
	}
	for id := range c.out.Blobs {
		if _, ok := c.due[string(key32(prefixBlob, id))]; !ok {
			c.problem("expiry: a blob that would never expire")
		}
	}
	for _, key := range c.wakes {
		if _, ok := c.due[key]; !ok {
			c.problem("expiry: a wake that would never expire")
		}
	}
}
