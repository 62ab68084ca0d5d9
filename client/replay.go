// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"crypto/ed25519"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// replayEpochs is how many of the latest commits are kept, to be posted again
// to a server that lost them.
const replayEpochs = 16

// A replayRecord is what it takes to lead a channel from an epoch to the next
// one: the key that opens it and the commit, as it stood in the channel.
type replayRecord struct {
	Version uint8              `cbor:"1,keyasint"`
	Seed    []byte             `cbor:"2,keyasint"` // of the epoch's access key
	Commit  []byte             `cbor:"3,keyasint"`
	Next    protocol.AccessKey `cbor:"4,keyasint"`
}

func (c *conversation) replayKey(epoch uint64) []byte {
	return records.Key(records.TableReplay, c.id[:], records.Number(epoch))
}

// keepCommit keeps the entry of a commit that was just applied; access is the
// key of the epoch that it ended, message the commit itself. One that lies in a
// blob is not kept, nor what came before it: the blob may be gone, too. Nor are
// those of requests, where strangers could fill the store.
func (c *conversation) keepCommit(tx *records.Tx, access ed25519.PrivateKey, entry, message []byte) error {
	ended := c.group.Epoch() - 1
	if c.rec.Status != chat.StatusActive || len(message) > envelope.MaxMessage {
		return tx.DeleteAll(records.Key(records.TableReplay, c.id[:]))
	}
	next, err := accessPublic(c.group, c.rec.Channel)
	if err != nil {
		return err
	}
	if ended >= replayEpochs {
		if err := tx.Delete(c.replayKey(ended - replayEpochs)); err != nil {
			return err
		}
	}
	return tx.Save(c.replayKey(ended), &replayRecord{Version: records.Version, Seed: access.Seed(), Commit: entry, Next: next})
}

// A replay leads a channel forward that is at an earlier epoch than the group.
type replay struct {
	epoch  uint64
	access ed25519.PrivateKey
	commit []byte
	next   protocol.AccessKey
}

// loadReplay returns how to go on from an epoch, nil if that was not kept.
func (c *conversation) loadReplay(tx *records.Tx, epoch uint64) (*replay, error) {
	var rec replayRecord
	ok, err := tx.Load(c.replayKey(epoch), &rec)
	if err != nil || !ok || len(rec.Seed) != ed25519.SeedSize {
		return nil, err
	}
	return &replay{epoch, ed25519.NewKeyFromSeed(rec.Seed), rec.Commit, rec.Next}, nil
}

// oldestReplay returns the earliest epoch that the channel can be led forward
// from without a gap: the group's own if nothing was kept.
func (c *conversation) oldestReplay(tx *records.Tx) (uint64, error) {
	epoch := c.group.Epoch()
	for epoch > 0 {
		there, err := tx.Get(c.replayKey(epoch - 1))
		if err != nil {
			return 0, err
		}
		if there == nil {
			break
		}
		epoch--
	}
	return epoch, nil
}
