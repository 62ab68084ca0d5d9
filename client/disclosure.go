// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/protocol"
)

// MaxDisclosure bounds a disclosure, in bytes.
const MaxDisclosure = 64 << 20

// disclosureAttempts is how often a disclosure is begun anew that changed, or
// whose connection ended, while it was fetched.
const disclosureAttempts = 5

var errChanging = errors.New("what the server has on this account changes all the time; try again later")

// Disclosure returns everything that this account's server has on it, as JSON:
// what its operator would hand over, by the server's own account. The context
// bounds how long the server is waited for.
func (acc Account) Disclosure(ctx context.Context) (json.RawMessage, error) {
	acc.c.Account().Connect()
	var err error
	for range disclosureAttempts {
		if err = acc.c.home.sync(ctx); err != nil {
			return nil, err // the connection is identified when letters have come
		}
		var whole []byte
		whole, err = acc.c.disclosure(ctx)
		again := errors.Is(err, errChanging) || errors.Is(err, backend.ErrOffline) || errors.Is(err, &protocol.Error{Code: protocol.CodeUnauthenticated})
		if err == nil || !again || ctx.Err() != nil {
			return whole, err
		}
	}
	return nil, err
}

// disclosure fetches the parts of one disclosure.
func (c *Client) disclosure(ctx context.Context) ([]byte, error) {
	var whole []byte
	var first *protocol.Disclosure
	for first == nil || uint64(len(whole)) < first.Size {
		b, err := c.home.link.Call(ctx, protocol.OpAccountDisclose, &protocol.AccountDisclose{Offset: uint64(len(whole))})
		if errors.Is(err, &protocol.Error{Code: protocol.CodeInvalid}) && first != nil {
			return nil, errChanging // it has become shorter
		}
		if err != nil {
			return nil, err
		}
		part := b.(*protocol.Disclosure)
		if first == nil {
			first = part
		}
		switch {
		case part.Hash != first.Hash || part.Size != first.Size:
			return nil, errChanging
		case part.Size > MaxDisclosure:
			return nil, errors.New("the server has too much on this account to be shown here; ask its operator for it")
		}
		whole = append(whole, part.Part...)
	}
	if sha256.Sum256(whole) != first.Hash || !json.Valid(whole) {
		return nil, errors.New("the server's answer makes no sense: ask its operator")
	}
	return whole, nil
}
