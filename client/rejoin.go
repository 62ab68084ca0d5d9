// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/letter"
	"github.com/securecrypt/securecrypt/protocol"
)

// maxAskedDevices bounds how many devices of one person are asked to add this one.
const maxAskedDevices = 3

// askedToRejoin hands the wish of a device to be added on to the conversation.
func (c *Client) askedToRejoin(channel protocol.ChannelID, who account.Credential) {
	id := records.CID(c.store.Index(channel[:]))
	rec, err := c.conversationRecord(id)
	if err != nil {
		return // this device is in no such conversation
	}
	c.start(id, rec).tell(machine.InputRejoin{Who: who}, nil)
}

// askToRejoin asks devices of accounts to add this one to a conversation.
func (c *Client) askToRejoin(ctx context.Context, host string, channel protocol.ChannelID, addresses []string) error {
	key, err := c.signingKey()
	if err != nil {
		return err
	}
	self := c.self.Address.String()
	var failed []error
	for who, found := range c.lookUp(ctx, addresses) {
		if found.Err != nil {
			failed = append(failed, found.Err)
			continue
		}
		asked := 0
		for _, d := range found.Chain.Devices() {
			if d.ID() == c.self.Device || who != self && asked == maxAskedDevices {
				continue
			}
			asked++
			to := protocol.DeviceID(d.ID())
			rec := records.Letter{To: who, Device: to}
			pub, err := d.MailboxKey.HPKE()
			if err == nil {
				rec.Letter, err = letter.Seal(pub, to, letter.AskToRejoin(to, host, channel, self, key))
			}
			if err == nil {
				_, err = rand.Read(rec.ID[:])
			}
			if err == nil {
				err = c.sendLetter(ctx, rec)
			}
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}
