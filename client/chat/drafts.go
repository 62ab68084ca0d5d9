// SPDX-License-Identifier: AGPL-3.0-or-later

package chat

import (
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/content"
)

// A Draft is a message to be sent.
type Draft struct {
	Text     string   // Markdown (GFM-MIMI)
	Files    []string // as Config.Files opens them
	Attached []FileID // as Attach returned them
	ReplyTo  content.MessageID
	// Mentions are people whom the text names as @name@host or @name: such
	// places become links to them. Whoever it does not name is named at its
	// end.
	Mentions []account.Address
	// Expire is after what time the message disappears for everybody; 0 is the
	// conversation's timer, and it is never longer than that.
	Expire time.Duration
}
