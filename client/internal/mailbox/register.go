// SPDX-License-Identifier: AGPL-3.0-or-later

package mailbox

import (
	"bytes"
	"context"
	"errors"

	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// refused decides what the refusal of a registration means. The account may be
// there from an earlier attempt.
func (m *Mailbox) refused(ctx context.Context, rec records.Profile, refusal *protocol.Error) error {
	exists := refusal.Code == protocol.CodeExists
	if rec.Asked || exists {
		ours, err := m.isOurs(ctx, rec)
		if err != nil && link.Retryable(err) {
			return err
		}
		if ours {
			return nil
		}
	} else if refusal.Code == protocol.CodeInternal || refusal.Code == protocol.CodeUnavailable {
		return refusal // after what it did, or before
	}
	return errors.Join(refusal, m.Update(func(p *records.Profile) { p.Asked = false }))
}

// isOurs reports whether the server has this very account.
func (m *Mailbox) isOurs(ctx context.Context, rec records.Profile) (bool, error) {
	shown, err := m.fetchChain(ctx, nil)
	switch {
	case errors.Is(err, &protocol.Error{Code: protocol.CodeNotFound}):
		return false, nil
	case err != nil:
		return false, err
	}
	return bytes.Equal(shown.Statements()[0], rec.Statement), nil
}
