// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// A server that was restored from a backup, or lost its data, is behind its
// clients. They notice when they open a channel: its newest entry has a lower
// number than the last one that was dealt with, that number belongs to another
// entry now, or their epoch is unknown. Then they read the channel again from
// an earlier epoch on, post the commits that the server lost, and send again
// what else is missing.

// A server that always claims to have lost everything is sent what is missing
// maxResends times in resendPause.
const (
	maxResends  = 16
	resendPause = time.Hour
)

// maxProbes is how many earlier epochs are tried on a connection before the
// server is given time: more than lead to the oldest one.
const maxProbes = 8

// errBranch: others went on from an earlier state without this device.
var errBranch = errors.New("the server was put back to an earlier state, and the others went on from there without this device. Write to the person again to begin a new conversation; in a group, ask a member to remove you and to add you again")

// A rewind is how far reading a channel again has come on this connection. The
// record says that it is under way.
type rewind struct {
	// at is the earlier epoch to open the channel at, nil for the group's own.
	at *replay
	// probing: the server does not know the group's epoch; at is a guess.
	// steps counts the guesses.
	probing bool
	steps   int
	created bool // the channel was created again
	last    bool // the server knows no later epoch than at
	// sent has what this device sent, and whether the server has it; nil while
	// nothing is read again.
	sent map[records.Mark]bool
}

// inputReplayed: the server refused a commit that was posted again.
type inputReplayed struct {
	opening uint64
	err     error
}

// readAgain has the channel read from the beginning of an epoch.
func (c *Conversation) readAgain(tx *records.Tx, since uint64) error {
	if c.rec.Rewind != nil {
		since = min(since, c.rec.Rewind.Since)
	}
	c.rec.Rewind = &records.Rewind{Since: since}
	c.rec.Cursor, c.rec.Mark = 0, nil
	c.rewind.sent, c.rewind.probing = map[records.Mark]bool{}, false
	c.touch()
	err := records.ScanSent(tx, c.id, func(_ uint64, rec *records.Sent) bool {
		c.rewind.sent[rec.Mark] = false
		return true
	})
	if err != nil {
		return err
	}
	return c.reopenAtEpoch(tx, since)
}

// readingAgain reports whether what comes now may have been dealt with before.
func (c *Conversation) readingAgain() bool { return c.rewind.sent != nil }

// noteRead notes that the server has an entry.
func (c *Conversation) noteRead(e protocol.Entry) {
	m := records.MarkOf(e.Ciphertext)
	if _, ok := c.rewind.sent[m]; ok {
		c.rewind.sent[m] = true
	}
}

// readAgainOnConnection begins what an earlier connection did not end.
func (c *Conversation) readAgainOnConnection(tx *records.Tx) error {
	c.rewind = rewind{}
	if c.rec.Rewind == nil {
		return nil
	}
	return c.readAgain(tx, c.rec.Rewind.Since)
}

// reopenAtEpoch opens the channel at an epoch next.
func (c *Conversation) reopenAtEpoch(tx *records.Tx, epoch uint64) (err error) {
	c.phase, c.rewind.at = phaseClosed, nil
	if epoch < c.group.Epoch() {
		c.rewind.at, err = c.loadReplay(tx, epoch)
	}
	return err
}

// wentBack reports whether the server has lost, or exchanged, what this device
// had from it.
func (c *Conversation) wentBack(state protocol.ChannelState) bool {
	other := len(state.Mark) > 0 && len(c.rec.Mark) > 0 && !bytes.Equal(state.Mark, c.rec.Mark)
	return state.Last < c.rec.Cursor || other
}

// firstSent returns the earliest epoch in which this device sent something that
// may have to be sent again, as far back as the channel can be read.
func (c *Conversation) firstSent(tx *records.Tx) (uint64, error) {
	oldest, err := c.oldestReplay(tx)
	if err != nil {
		return 0, err
	}
	first := c.group.Epoch()
	err = records.ScanSent(tx, c.id, func(_ uint64, rec *records.Sent) bool {
		if rec.Letter == nil {
			first = min(first, max(rec.Epoch, oldest))
		}
		return true
	})
	return first, err
}

// openEpoch returns the epoch to open the channel at, and the key for it.
func (c *Conversation) openEpoch() (uint64, ed25519.PrivateKey, error) {
	if at := c.rewind.at; at != nil {
		return at.epoch, at.access, nil
	}
	access, err := AccessKey(c.group, c.rec.Channel)
	return c.group.Epoch(), access, err
}

// openAfter returns the entry to open the channel behind. Where a server may
// have no such number, that is its first one.
func (c *Conversation) openAfter() uint64 {
	if c.rewind.probing {
		return 0
	}
	return c.rec.Cursor
}

// tryEarlier has an earlier epoch opened next: one back, then two, four and so
// on, then the oldest that the channel could be led forward from. It reports
// false if there is none left.
func (c *Conversation) tryEarlier(tx *records.Tx) (bool, error) {
	if c.rec.Status != chat.StatusActive {
		return false, nil
	}
	oldest, err := c.oldestReplay(tx)
	if err != nil {
		return false, err
	}
	now := c.group.Epoch()
	tried := c.rewind.probing && c.rewind.at != nil && c.rewind.at.epoch == oldest
	if oldest == now || tried || c.rewind.steps == maxProbes {
		return false, nil
	}
	back := uint64(1) << c.rewind.steps
	c.rewind.steps++
	c.rewind.probing = true
	return true, c.reopenAtEpoch(tx, now-min(back, now-oldest))
}

// createAgain has the channel created at the oldest epoch that it can be led
// forward from, if the server is not any more the one that had it. Once on a
// connection: somebody else may have done it.
func (c *Conversation) createAgain(tx *records.Tx) (bool, error) {
	was, is := c.rec.Incarnation, c.hello.Incarnation
	unknown := was == protocol.Incarnation{} || is == protocol.Incarnation{}
	if c.rewind.created || c.rec.Status != chat.StatusActive || unknown || was == is {
		return false, nil
	}
	oldest, err := c.oldestReplay(tx)
	if err != nil {
		return false, err
	}
	if err := c.readAgain(tx, oldest); err != nil {
		return false, err
	}
	epoch, access, err := c.openEpoch()
	if err != nil {
		return false, err
	}
	c.rewind.created = true
	c.create(epoch, access)
	return true, nil
}

// openedEarlier deals with a channel that was opened at an earlier epoch than
// the group's.
func (c *Conversation) openedEarlier(tx *records.Tx, state protocol.ChannelState) error {
	at := c.rewind.at
	if state.Epoch < at.epoch { // it opened what it says is yet to come
		c.phase, c.rewind.at = phaseClosed, nil
		c.channel.Failed(c.now(), errCredit)
		return nil
	}
	if c.rewind.probing {
		// A later epoch may be this device's own, which another member has posted
		// meanwhile. The commits that lead there tell.
		since := state.Epoch
		if since >= c.group.Epoch() {
			since = at.epoch
		}
		return c.readAgain(tx, since)
	}
	c.credit.newest = state.Last
	c.rewind.last = state.Epoch == at.epoch
	c.phase = phaseCatching
	return nil
}

// refusedEarlier goes on with the next epoch if the server does not have one
// that is read again, and reports whether that was so.
func (c *Conversation) refusedEarlier(tx *records.Tx) (bool, error) {
	at := c.rewind.at
	if at == nil || c.rewind.probing {
		return false, nil
	}
	return true, c.reopenAtEpoch(tx, at.epoch+1)
}

// endAtBranch ends a conversation whose other members went on without this device
// since an epoch. An invitation from there leads beyond that epoch.
func (c *Conversation) endAtBranch(tx *records.Tx, since uint64) error {
	c.rewind, c.rec.Rewind = rewind{}, nil
	c.rec.Epoch = min(c.rec.Epoch, since)
	return c.stop(tx, chat.StatusLost, errBranch)
}

// replayed takes in an entry of an epoch that this device has left: if it is
// the commit that ended that epoch, the channel is opened at the next one.
func (c *Conversation) replayed(tx *records.Tx, e protocol.Entry) (bool, error) {
	at := c.rewind.at
	if at == nil || e.Kind != protocol.KindCommit || e.Epoch != at.epoch {
		return false, nil
	}
	if !bytes.Equal(e.Ciphertext, at.commit) {
		return true, c.endAtBranch(tx, at.epoch)
	}
	c.passed(e)
	return true, c.reopenAtEpoch(tx, at.epoch+1)
}

// caughtUpAgain goes on once all entries of an epoch were read again.
func (c *Conversation) caughtUpAgain(tx *records.Tx) error {
	at := c.rewind.at
	switch {
	case at == nil:
		return c.endRewind(tx)
	case !c.rewind.last: // its commit is not there any more
		return c.reopenAtEpoch(tx, at.epoch+1)
	}
	opening := c.opening
	c.phase = phaseReplaying
	c.out.do(DoRequest{
		Op: protocol.OpChannelCommit,
		Body: &protocol.ChannelCommit{
			Channel: c.rec.Channel, Epoch: at.epoch, Ciphertext: at.commit, NextKey: at.next,
		},
		Done: func(_ protocol.Body, err error) Input {
			if err == nil {
				return nil // the entry itself says that it is there
			}
			return inputReplayed{opening, err}
		},
	})
	return nil
}

func (in inputReplayed) step(c *Conversation, _ *records.Tx) error {
	if in.opening != c.opening || c.phase != phaseReplaying || !errors.As(in.err, new(*protocol.Error)) {
		return nil
	}
	c.phase = phaseClosed
	if !errors.Is(in.err, &protocol.Error{Code: protocol.CodeStaleEpoch}) { // else somebody was faster
		c.channel.Failed(c.now(), in.err)
	}
	return nil
}

// rewindAt is when a channel is read again of which that was put off, zero if
// there is none.
func (c *Conversation) rewindAt() time.Time {
	if c.rec.Rewind == nil || c.readingAgain() || c.phase != phaseLive {
		return time.Time{}
	}
	return time.Unix(c.rec.ResentAt, 0).Add(resendPause)
}

// resumeRewind reads a channel again of which that was put off.
func (c *Conversation) resumeRewind(tx *records.Tx) error {
	if at := c.rewindAt(); at.IsZero() || c.now().Before(at) {
		return nil
	}
	return c.readAgain(tx, c.rec.Rewind.Since)
}

// endRewind sends again what the server lost, and says so in the history.
func (c *Conversation) endRewind(tx *records.Tx) error {
	since, now := c.rec.Rewind.Since, c.now().Unix()
	there := c.rewind.sent
	c.rewind = rewind{}
	if now >= c.rec.ResentAt+int64(resendPause/time.Second) || now < c.rec.ResentAt { // or a clock was wrong
		c.rec.ResentAt, c.rec.Resends = now, 0
	}
	if c.rec.Resends == maxResends {
		return nil // later: see resumeRewind
	}
	c.rec.Rewind = nil
	c.rec.Resends++
	c.touch()
	if c.rec.Status != chat.StatusActive {
		return nil
	}
	lost, err := c.resend(tx, since, there)
	if err != nil {
		return err
	}
	return c.notice(tx, c.self.Address.String(), records.Notice{Kind: chat.NoticeServerWentBack, Count: uint64(lost)})
}

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

func (c *Conversation) replayKey(epoch uint64) []byte {
	return records.Key(records.TableReplay, c.id[:], records.Number(epoch))
}

// keepCommit keeps the entry of a commit that was just applied; access is the
// key of the epoch that it ended, message the commit itself. One that lies in a
// blob is not kept, nor what came before it: the blob may be gone, too. Nor are
// those of requests, where strangers could fill the store.
func (c *Conversation) keepCommit(tx *records.Tx, access ed25519.PrivateKey, entry, message []byte) error {
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
func (c *Conversation) loadReplay(tx *records.Tx, epoch uint64) (*replay, error) {
	var rec replayRecord
	ok, err := tx.Load(c.replayKey(epoch), &rec)
	if err != nil || !ok || len(rec.Seed) != ed25519.SeedSize {
		return nil, err
	}
	return &replay{epoch, ed25519.NewKeyFromSeed(rec.Seed), rec.Commit, rec.Next}, nil
}

// oldestReplay returns the earliest epoch that the channel can be led forward
// from without a gap: the group's own if nothing was kept.
func (c *Conversation) oldestReplay(tx *records.Tx) (uint64, error) {
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
