// SPDX-License-Identifier: AGPL-3.0-or-later

// Package english words for a terminal what the core gives as data: what
// happened in a conversation, lengths of time, and sizes. It makes nothing harmless:
// see package termtext.
package english

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
)

const day = 24 * time.Hour

// Duration writes a length of time, to the second, in the largest unit of
// which it is a whole number: 24 hours, but 2 days.
func Duration(d time.Duration) string {
	switch {
	case d >= 7*day && d%(7*day) == 0:
		return Count(int(d/(7*day)), "week")
	case d > day && d%day == 0:
		return Count(int(d/day), "day")
	case d >= time.Hour && d%time.Hour == 0:
		return Count(int(d/time.Hour), "hour")
	case d >= time.Minute && d%time.Minute == 0:
		return Count(int(d/time.Minute), "minute")
	}
	return Count(int(d.Round(time.Second)/time.Second), "second")
}

// Size writes a number of bytes as the page does: in units of 1,000 (kB, MB, GB).
func Size(n int64) string { return humanize.Bytes(uint64(max(n, 0))) }

// Clock says how far the clock of this device is ahead of its server's.
func Clock(ahead time.Duration) string {
	way := "ahead of"
	if ahead < 0 {
		way = "behind"
	}
	unit := time.Minute
	switch d := ahead.Abs(); {
	case d >= 2*day:
		unit = day
	case d >= 2*time.Hour:
		unit = time.Hour
	}
	return fmt.Sprintf("the clock of this device is %s %s that of its server: check its date, time and time zone, or tell the server's operator", Duration(ahead.Abs().Round(unit)), way)
}

// Count writes a number of things.
func Count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// Notice says what happened by a message that is a notice. The account self is
// called you, unless it is zero, and everybody else what name returns.
func Notice(m *chat.Message, self account.Address, name func(account.Address) string) string {
	called := func(a account.Address, you string) string {
		if a == self && !self.IsZero() {
			return you
		}
		return name(a)
	}
	who, whom := called(m.From, "You"), called(m.Notice.Whom, "you")
	switch n := m.Notice; n.Kind {
	case chat.NoticeAdded:
		return who + " added " + whom
	case chat.NoticeRemoved:
		return who + " removed " + whom
	case chat.NoticeLeft:
		return who + " left"
	case chat.NoticeRenamed:
		return fmt.Sprintf("%s renamed the group to %q", who, n.Title)
	case chat.NoticeTimer:
		if n.Timer == 0 {
			return who + " set messages to stay"
		}
		return who + " set messages to disappear after " + Duration(n.Timer)
	case chat.NoticeRole:
		return who + " made " + whom + " " + role(n.Role)
	case chat.NoticeProfile:
		return fmt.Sprintf("%s now goes by %q; here they keep the name that you verified", who, n.Title)
	case chat.NoticeDeviceAdded:
		return who + " added a device"
	case chat.NoticeDeviceRemoved:
		return "One of the devices of " + who + " was removed"
	case chat.NoticeMissing:
		return "What was said here for a while did not reach this device; if you need it, ask somebody to repeat it"
	case chat.NoticeNotAdded:
		return whom + " could not be added: " + n.Reason
	case chat.NoticeUnreadable:
		return "Something that was sent here could not be read; if a message is missing, ask for it again"
	case chat.NoticeServerWentBack:
		return "The server was put back to an earlier state; " + again(n.Count)
	}
	return m.Text
}

// again says how many messages are sent a second time.
func again(count uint64) string {
	switch count {
	case 0:
		return "nothing that you sent was lost"
	case 1:
		return "your last message is sent again"
	}
	return fmt.Sprintf("your last %d messages are sent again", count)
}

func role(r chat.Role) string {
	switch r {
	case chat.RoleOwner:
		return "an owner"
	case chat.RoleAdmin:
		return "an administrator"
	}
	return "an ordinary member"
}
