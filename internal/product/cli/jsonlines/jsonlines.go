// SPDX-License-Identifier: AGPL-3.0-or-later

// Package jsonlines has the objects that `securecrypt --json` prints for
// programs, one a line, made from what package chat shows. docs/cli.md lists
// their fields, which are only ever added; a test compares the two.
package jsonlines

import (
	"encoding/hex"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/files/disk"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/product/english"
)

// Message is a message, a notice, or what happened to a message.
type Message struct {
	Type         string       `json:"type"`
	ID           string       `json:"id,omitempty"`
	Conversation string       `json:"conversation"`
	From         string       `json:"from"`
	Own          bool         `json:"own"`
	Text         string       `json:"text"`
	SentAt       time.Time    `json:"sent_at"`
	ReceivedAt   time.Time    `json:"received_at"`
	ReplyTo      string       `json:"reply_to,omitempty"`
	Attachments  []Attachment `json:"attachments"`
	Reactions    []Reaction   `json:"reactions,omitempty"`
	Edited       bool         `json:"edited,omitempty"`
	Deleted      bool         `json:"deleted,omitempty"`
	ExpiresAt    *time.Time   `json:"expires_at,omitempty"`
	State        string       `json:"state"`
	Delivered    int          `json:"delivered,omitempty"`
	Read         int          `json:"read,omitempty"`
	Reason       string       `json:"reason,omitempty"`
	Reaction     string       `json:"reaction,omitempty"`
	Notice       *Notice      `json:"notice,omitempty"`
}

// Notice is what happened in a conversation. Timer is in seconds.
type Notice struct {
	Kind   string  `json:"kind"`
	Whom   string  `json:"whom,omitempty"`
	Title  *string `json:"title,omitempty"`
	Timer  *int    `json:"timer,omitempty"`
	Role   string  `json:"role,omitempty"`
	Reason string  `json:"reason,omitempty"`
	Count  *uint64 `json:"count,omitempty"`
}

// Attachment is a file of a message.
type Attachment struct {
	Index int    `json:"index"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	Size  int64  `json:"size"`
	Path  string `json:"path"`
}

// Reaction is one person's reaction.
type Reaction struct {
	From  string `json:"from"`
	Emoji string `json:"emoji"`
}

// Conversation is a row of the list. Timer is in seconds, Confirmed is about the
// inviter.
type Conversation struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	Title     string    `json:"title"`
	Peer      string    `json:"peer,omitempty"`
	Status    string    `json:"status"`
	Reason    string    `json:"reason,omitempty"`
	Inviter   string    `json:"inviter,omitempty"`
	Confirmed *bool     `json:"confirmed,omitempty"`
	Unread    int       `json:"unread"`
	Waiting   int       `json:"waiting"`
	Activity  time.Time `json:"activity"`
	Timer     int       `json:"timer"`
}

// Contact is a person whom this account knows.
type Contact struct {
	Address  string `json:"address"`
	Blocked  bool   `json:"blocked"`
	Name     string `json:"name"`
	Profile  string `json:"profile"`
	Verified bool   `json:"verified"`
}

// Member is a person in a group.
type Member struct {
	Address   string `json:"address"`
	Confirmed bool   `json:"confirmed"`
	Own       bool   `json:"own"`
	Role      string `json:"role"`
}

// Account is the own one.
type Account struct {
	Address string `json:"address"`
	Profile string `json:"profile"`
}

// NewAccount is an account that was just created.
type NewAccount struct {
	Address     string `json:"address"`
	Home        string `json:"home"`
	RecoveryKey string `json:"recovery_key"`
}

// Recovery is what became of a recovery key: "current", "replaced", "unknown", or
// "new" for one that has to be typed in.
type Recovery struct {
	RecoveryKey string     `json:"recovery_key,omitempty"`
	ReplacedAt  *time.Time `json:"replaced_at,omitempty"`
	State       string     `json:"state"`
}

// Device is one of the account's, of now or of the past. AddedBy and RevokedBy are
// devices; "" is the recovery key. UsedOn is the day of the last use.
type Device struct {
	AddedAt   time.Time  `json:"added_at"`
	AddedBy   string     `json:"added_by,omitempty"`
	Device    string     `json:"device"`
	Kind      string     `json:"kind,omitempty"`
	Name      string     `json:"name,omitempty"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
	RevokedBy string     `json:"revoked_by,omitempty"`
	This      bool       `json:"this"`
	UsedOn    string     `json:"used_on,omitempty"`
}

// DeviceOf returns a device of the account.
func DeviceOf(d chat.Device) Device {
	out := Device{AddedAt: d.Added.UTC(), AddedBy: deviceID(d.AddedBy), Device: deviceID(d.ID), RevokedBy: deviceID(d.RevokedBy), This: d.This, Kind: d.Kind, Name: d.Name}
	if !d.Used.IsZero() {
		out.UsedOn = d.Used.Format(time.DateOnly)
	}
	if !d.Revoked.IsZero() {
		at := d.Revoked.UTC()
		out.RevokedAt = &at
	}
	return out
}

func deviceID(id account.DeviceID) string {
	if id == (account.DeviceID{}) {
		return ""
	}
	return hex.EncodeToString(id[:])
}

// Linking is a step of a linking: "code" has what the other device is to be given,
// "digits" what is typed in there, "asks" wants them, and "linked" is the end.
type Linking struct {
	Address  string     `json:"address,omitempty"`
	Attempts int        `json:"attempts,omitempty"`
	Code     string     `json:"code,omitempty"`
	Device   string     `json:"device,omitempty"`
	Digits   string     `json:"digits,omitempty"`
	State    string     `json:"state"`
	Until    *time.Time `json:"until,omitempty"`
	URI      string     `json:"uri,omitempty"`
}

// Settings are those of the profile. Timer is in seconds.
type Settings struct {
	DeliveryReports bool `json:"delivery_reports"`
	ReadReports     bool `json:"read_reports"`
	Timer           int  `json:"timer"`
	Typing          bool `json:"typing"`
}

// Safety is what two people compare.
type Safety struct {
	Address      string `json:"address"`
	Code         string `json:"code"`
	SafetyNumber string `json:"safety_number"`
	Verified     bool   `json:"verified"`
}

// MessageOf returns a message or notice of the history.
func MessageOf(m chat.Message) Message {
	j := Message{
		Type: "message", ID: idText(m.ID), Conversation: string(m.Conversation), From: m.From.String(), Own: m.Own,
		Text: m.Text, SentAt: m.SentAt.UTC(), ReceivedAt: m.ReceivedAt.UTC(), ReplyTo: idText(m.ReplyTo),
		Edited: m.Edited, Deleted: m.Deleted, State: m.State.String(), Reason: m.Reason.Text, Attachments: []Attachment{},
		Delivered: m.Delivered, Read: m.Read,
	}
	if m.Notice != nil {
		j.Type, j.Notice = "notice", noticeOf(m.Notice)
		j.Text = english.Notice(&m, account.Address{}, account.Address.String)
	}
	if !m.ExpiresAt.IsZero() {
		at := m.ExpiresAt.UTC()
		j.ExpiresAt = &at
	}
	for _, x := range m.Attachments {
		j.Attachments = append(j.Attachments, Attachment{x.Index, x.Name, x.Type, x.Size, disk.Path(x.Path)})
	}
	for _, r := range m.Reactions {
		j.Reactions = append(j.Reactions, Reaction{r.From.String(), r.Emoji})
	}
	return j
}

func noticeOf(n *chat.Notice) *Notice {
	j := &Notice{Kind: n.Kind.String(), Reason: n.Reason}
	if !n.Whom.IsZero() {
		j.Whom = n.Whom.String()
	}
	switch n.Kind {
	case chat.NoticeRenamed, chat.NoticeProfile:
		j.Title = &n.Title
	case chat.NoticeTimer:
		seconds := int(n.Timer / time.Second)
		j.Timer = &seconds
	case chat.NoticeRole:
		j.Role = n.Role.String()
	case chat.NoticeServerWentBack:
		j.Count = &n.Count
	}
	return j
}

func idText(id content.MessageID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

// ReceivedOf returns what arrived: a message, or what happened to one.
func ReceivedOf(r chat.Received) Message {
	j := MessageOf(r.Message)
	j.Type = r.Kind.String()
	switch r.Kind {
	case chat.InboxReaction:
		j.From, j.Reaction = r.From.String(), r.Text
	case chat.InboxEdit:
		j.Text = r.Text
	}
	return j
}

// ConversationOf returns a conversation.
func ConversationOf(c chat.Conversation) Conversation {
	j := Conversation{
		ID: string(c.ID), Kind: "direct", Title: c.Title, Status: c.Status.String(), Reason: c.Reason.Text,
		Unread: c.Unread, Waiting: c.Waiting, Activity: c.Activity.UTC(), Timer: int(c.Timer / time.Second),
	}
	switch {
	case c.Group:
		j.Kind = "group"
	case c.Own:
		j.Kind = "notes"
	default:
		j.Peer = c.Peer.String()
	}
	if !c.Inviter.IsZero() {
		j.Inviter = c.Inviter.String()
		j.Confirmed = &c.Confirmed
	}
	return j
}

// ContactOf returns a contact.
func ContactOf(c chat.Contact) Contact {
	return Contact{Address: c.Address.String(), Blocked: c.Blocked, Name: c.Name, Profile: c.Profile, Verified: c.Verified}
}

// MemberOf returns a member of a group; self is the own address.
func MemberOf(m chat.Member, self account.Address) Member {
	return Member{Address: m.Address.String(), Confirmed: m.Confirmed, Own: m.Address == self, Role: m.Role.String()}
}

// SettingsOf returns the settings of the profile.
func SettingsOf(s chat.Settings) Settings {
	return Settings{DeliveryReports: s.DeliveryReports, ReadReports: s.ReadReports, Timer: int(s.Timer / time.Second), Typing: s.Typing}
}

// SafetyOf returns what this account and another one compare.
func SafetyOf(who account.Address, s account.Safety, verified bool) Safety {
	return Safety{Address: who.String(), Code: s.Code(), SafetyNumber: s.Digits(), Verified: verified}
}
