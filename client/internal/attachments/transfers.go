// SPDX-License-Identifier: AGPL-3.0-or-later

package attachments

import (
	"time"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
)

// Transfers bring files and what is too long for an entry to servers and back. They
// own no state but the cache.
type Transfers struct {
	Store     *records.Store
	Cache     *Cache
	Files     backend.Files // nil if the program does not reach those of the machine
	Transport backend.Transport
	Now       func() time.Time
	Tell      func(chat.Event) // hears of progress; nil if nobody does
}
