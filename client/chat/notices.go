// SPDX-License-Identifier: AGPL-3.0-or-later

package chat

import (
	"time"

	"github.com/securecrypt/securecrypt/account"
)

// A NoticeKind says what happened in a conversation.
type NoticeKind uint8

// The kinds of notices. They are stored as these numbers.
const (
	// NoticeOther is told by Message.Text, in English: earlier versions stored
	// every notice so.
	NoticeOther NoticeKind = iota
	NoticeAdded
	NoticeRemoved
	NoticeLeft
	NoticeRenamed
	NoticeTimer
	NoticeRole
	NoticeNotAdded
	// NoticeServerWentBack: the conversation's server lost what was said last,
	// and Notice.Count own messages are sent to it again.
	NoticeServerWentBack
	// NoticeUnreadable: one or more messages that came here could not be read.
	NoticeUnreadable
	// NoticeProfile: a verified person goes by another name now.
	NoticeProfile
	// NoticeDeviceAdded and NoticeDeviceRemoved: the person has another device, or one
	// less.
	NoticeDeviceAdded
	NoticeDeviceRemoved
	// NoticeMissing: what was said before this notice, and after what stands above it, did
	// not reach this device.
	NoticeMissing
)

var noticeNames = [...]string{
	"other", "added", "removed", "left", "renamed", "timer", "role", "not-added", "server-went-back", "unreadable", "profile",
	"device-added", "device-removed", "missing",
}

// String returns the kind as it stands in JSON.
func (k NoticeKind) String() string {
	if int(k) < len(noticeNames) {
		return noticeNames[k]
	}
	return noticeNames[NoticeOther]
}

// A Notice is something that happened in a conversation. Message.From did it,
// and of NoticeLeft went. Interfaces find the words.
type Notice struct {
	Kind NoticeKind
	// Whom was added, removed, given a role or could not be added.
	Whom account.Address
	// Title is the new one, of NoticeRenamed and NoticeProfile.
	Title string
	// Timer is the new one, of NoticeTimer; 0 if messages stay.
	Timer time.Duration
	// Role is the new one, of NoticeRole.
	Role Role
	// Reason says in English why somebody could not be added.
	Reason string
	// Count is that of NoticeServerWentBack.
	Count uint64
}
