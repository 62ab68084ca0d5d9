// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import "github.com/securecrypt/securecrypt/client/chat"

// Version is that of the calls and events.
const Version = 1

// Millis is a time in milliseconds since 1970, or a duration; 0 is none.
type Millis int64

// Phase says what can be done with a profile.
type Phase string

// The phases. Calls other than those of the session need PhaseOpen.
const (
	PhaseNone   Phase = "none"   // there is no profile
	PhaseLocked Phase = "locked" // a passphrase is needed
	// PhaseLinking: it is not known whether this device became its account's, see linkResume.
	PhaseLinking Phase = "linking"
	PhaseOpen    Phase = "open"
)

// Session is the state of the profile.
type Session struct {
	Version int   `json:"version"`
	Phase   Phase `json:"phase"`
	// Protected means that a passphrase opens the profile.
	Protected bool `json:"protected"`
	// Duress means that a second passphrase erases the profile; false unless it
	// is open.
	Duress bool `json:"duress"`
	// Address and Name are empty unless the profile is open.
	Address string `json:"address"`
	Name    string `json:"name"`
	// Registered means that the account's server knows it.
	Registered bool `json:"registered"`
	// Host is the server that this page came from or was started for.
	Host string `json:"host"`
	// Recovery is the recovery key of an open profile, until it was noted.
	Recovery string `json:"recovery"`
	// Unlinked: this device was about to become an account's, and did not.
	Unlinked bool `json:"unlinked"`
}

// Create are the parameters of a new profile.
type Create struct {
	Host string `json:"host"`
	// Name is the part of the address before the @; empty for a random one.
	Name    string `json:"name"`
	Profile string `json:"profile"`
	Invite  string `json:"invite"`
	// Passphrase protects the profile on this device; it may be empty.
	Passphrase string `json:"passphrase"`
}

// Conversation is a row of the list.
type Conversation struct {
	ID    string `json:"id"`
	Group bool   `json:"group"`
	// Own: its members are the devices of this account, which writes to itself.
	Own bool `json:"own"`
	// Name is what to show: the contact's name, the group's title or an address.
	Name string `json:"name"`
	// Peer is the address of the other person in a conversation between two.
	Peer   string `json:"peer"`
	Status string `json:"status"`
	// Reason says why the status is what it is, if there is something to say.
	Reason  *Problem `json:"reason"`
	Inviter string   `json:"inviter"`
	// Confirmed means that the inviter's own server vouched for them.
	Confirmed  bool   `json:"confirmed"`
	Unread     int    `json:"unread"`
	Mentioned  bool   `json:"mentioned"`
	Activity   Millis `json:"activity"`
	Waiting    int    `json:"waiting"`
	Timer      Millis `json:"timer"`
	Pinned     bool   `json:"pinned"`
	Archived   bool   `json:"archived"`
	MutedUntil Millis `json:"mutedUntil"`
	Draft      string `json:"draft"`
	DraftReply string `json:"draftReply"`
	Members    int    `json:"members"`
	Verified   bool   `json:"verified"`
	// Unanswered: this account began it, and the other one has not answered.
	// Empty: nothing was ever written in it.
	Unanswered bool     `json:"unanswered"`
	Empty      bool     `json:"empty"`
	Last       *Message `json:"last"`
}

// Message is one message of a conversation.
type Message struct {
	// ID names the message; notices have one, too.
	ID           string `json:"id"`
	Conversation string `json:"conversation"`
	// Order is the place in the conversation: later ones have greater numbers.
	Order uint64 `json:"order"`
	From  string `json:"from"`
	// Author is what to show for From.
	Author string `json:"author"`
	Own    bool   `json:"own"`
	Text   string `json:"text"` // Markdown
	// Length is that of the whole text in bytes, if Text is its beginning
	// alone; the call "message" has all of it.
	Length      int          `json:"length,omitempty"`
	SentAt      Millis       `json:"sentAt"`
	ReplyTo     string       `json:"replyTo"`
	Quote       *Quote       `json:"quote"`
	Attachments []Attachment `json:"attachments"`
	Reactions   []Reaction   `json:"reactions"`
	Mentions    []string     `json:"mentions"`
	MentionsMe  bool         `json:"mentionsMe"`
	Edited      bool         `json:"edited"`
	Deleted     bool         `json:"deleted"`
	ExpiresAt   Millis       `json:"expiresAt"`
	// State is received, waiting, sent, delivered, read or failed.
	State string `json:"state"`
	// Reason says why a message failed.
	Reason    *Problem `json:"reason"`
	Delivered int      `json:"delivered"`
	Read      int      `json:"read"`
	// Notice is something that happened, null of messages.
	Notice *Notice `json:"notice"`
}

// NoticeKind says what happened.
type NoticeKind string

// NoticeKinds are all kinds. What an early version stored is "other", and told
// by the text.
var NoticeKinds = []string{
	chat.NoticeAdded.String(), chat.NoticeRemoved.String(), chat.NoticeLeft.String(), chat.NoticeRenamed.String(), chat.NoticeTimer.String(),
	chat.NoticeRole.String(), chat.NoticeNotAdded.String(), chat.NoticeServerWentBack.String(), chat.NoticeUnreadable.String(),
	chat.NoticeProfile.String(), chat.NoticeDeviceAdded.String(), chat.NoticeDeviceRemoved.String(), chat.NoticeMissing.String(), chat.NoticeOther.String(),
}

// Notice is something that happened in a conversation. The message's author did
// it, or is who left.
type Notice struct {
	Kind NoticeKind `json:"kind"`
	// Whom was added, removed, given a role or could not be added; Name is what
	// to show for them, Self that they are this account.
	Whom string `json:"whom"`
	Name string `json:"name"`
	Self bool   `json:"self"`
	// Title, Timer (0 if messages stay) and Role are the new ones.
	Title string `json:"title"`
	Timer Millis `json:"timer"`
	Role  string `json:"role"`
}

// Quote is the beginning of the message that another one answers.
type Quote struct {
	Author      string       `json:"author"`
	Text        string       `json:"text"`
	Attachments []Attachment `json:"attachments"`
	Deleted     bool         `json:"deleted"`
}

// Attachment is a file that belongs to a message.
type Attachment struct {
	Index int    `json:"index"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	Size  int64  `json:"size"` // bytes
}

// Reaction is one person's reaction.
type Reaction struct {
	From  string `json:"from"`
	Emoji string `json:"emoji"`
}

// Where says which part of a conversation is wanted.
type Where string

// The parts: the newest messages, those around the first that was not read if
// more were not than asked for, or those before, after or on both sides of one.
const (
	Newest Where = "newest"
	Unread Where = "unread"
	Before Where = "before"
	After  Where = "after"
	Around Where = "around"
)

// PageQuery asks for messages of a conversation.
type PageQuery struct {
	Conversation string `json:"conversation"`
	Where        Where  `json:"where"`
	Message      string `json:"message"`
	Limit        int    `json:"limit"`
}

// Page is a run of messages, the oldest first.
type Page struct {
	Messages    []Message `json:"messages"`
	MoreBefore  bool      `json:"moreBefore"`
	MoreAfter   bool      `json:"moreAfter"`
	FirstUnread string    `json:"firstUnread"`
}

// Send is a message to be sent. The bytes of Files come beside the call, in
// their order.
type Send struct {
	Conversation string   `json:"conversation"`
	Text         string   `json:"text"`
	ReplyTo      string   `json:"replyTo"`
	Expire       Millis   `json:"expire"`
	Mentions     []string `json:"mentions"`
	Files        []File   `json:"files"`
}

// File names a file that is sent.
type File struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Contact is somebody this account talks to.
type Contact struct {
	Address string `json:"address"`
	// Name is what to show: the private name, the profile's or the address.
	Name    string `json:"name"`
	Private string `json:"private"`
	Profile string `json:"profile"`
	// Conversation is the one between the two, if there is one.
	Conversation string `json:"conversation"`
	Verified     bool   `json:"verified"`
	Blocked      bool   `json:"blocked"`
}

// Member is one person in a conversation.
type Member struct {
	Address string `json:"address"`
	Name    string `json:"name"`
	// Role is member, admin or owner.
	Role      string `json:"role"`
	Self      bool   `json:"self"`
	Verified  bool   `json:"verified"`
	Confirmed bool   `json:"confirmed"`
}

// Safety is what two people compare to verify each other.
type Safety struct {
	// Number is twelve groups of five digits.
	Number []string `json:"number"`
	// Code is what a QR code of it holds.
	Code     string `json:"code"`
	Verified bool   `json:"verified"`
}

// Settings are those of the profile, the same for all its conversations.
type Settings struct {
	ReadReports     bool   `json:"readReports"`
	DeliveryReports bool   `json:"deliveryReports"`
	Typing          bool   `json:"typing"`
	Timer           Millis `json:"timer"`
	// Interface is the interface's own, opaque here: theme, language and so on.
	Interface map[string]string `json:"interface"`
	// Waking: this device is woken while the interface is closed. setWake
	// alone changes it.
	Waking bool `json:"waking"`
}

// Wake is how this device is woken.
type Wake struct {
	// Key is what a browser subscribes to its push service with: a point of
	// P-256, in base64url; empty where the account's server wakes nobody.
	Key string `json:"key"`
	// Endpoint is what the push service gave the browser; empty is nowhere.
	Endpoint string `json:"endpoint"`
}

// SearchQuery looks for messages.
type SearchQuery struct {
	Text         string `json:"text"`
	Conversation string `json:"conversation"`
	Limit        int    `json:"limit"`
}

// Found are messages, the newest first.
type Found struct {
	Messages []Message `json:"messages"`
}

// ConversationRef names a conversation.
type ConversationRef struct {
	Conversation string `json:"conversation"`
}

// MessageRef names a message.
type MessageRef struct {
	Conversation string `json:"conversation"`
	Message      string `json:"message"`
}

// AttachmentRef names an attachment.
type AttachmentRef struct {
	Conversation string `json:"conversation"`
	Message      string `json:"message"`
	Index        int    `json:"index"`
}

// AddressRef names a person.
type AddressRef struct {
	Address string `json:"address"`
}

// TextOf carries a text for a message or a conversation.
type TextOf struct {
	Conversation string `json:"conversation"`
	Message      string `json:"message"`
	Text         string `json:"text"`
}

// Weakness says what a passphrase is worth.
type Weakness struct {
	// Weak: somebody with a copy of the profile can guess it easily.
	Weak bool `json:"weak"`
}

// React adds a reaction, or takes it back.
type React struct {
	Conversation string `json:"conversation"`
	Message      string `json:"message"`
	Emoji        string `json:"emoji"`
	Remove       bool   `json:"remove"`
}

// Switch turns something of a conversation on or off.
type Switch struct {
	Conversation string `json:"conversation"`
	On           bool   `json:"on"`
}

// Until carries a time, or a duration, for a conversation.
type Until struct {
	Conversation string `json:"conversation"`
	Time         Millis `json:"time"`
}

// Draft is what has been typed and not sent.
type Draft struct {
	Conversation string `json:"conversation"`
	Text         string `json:"text"`
	ReplyTo      string `json:"replyTo"`
}

// NewGroup begins a group.
type NewGroup struct {
	Title  string   `json:"title"`
	People []string `json:"people"`
}

// PeopleOf are people of a group.
type PeopleOf struct {
	Conversation string   `json:"conversation"`
	People       []string `json:"people"`
}

// Erasing removes the profile from this device.
type Erasing struct {
	// Account has the server delete the account before; if that fails, nothing
	// is removed.
	Account bool `json:"account"`
}

// Leaving leaves a conversation.
type Leaving struct {
	Conversation string `json:"conversation"`
	// Successor is the member who owns the group from then on, empty if it has
	// another owner.
	Successor string `json:"successor"`
}

// SetRole gives a member another role.
type SetRole struct {
	Conversation string `json:"conversation"`
	Address      string `json:"address"`
	Role         string `json:"role"`
}

// Naming gives somebody a private name.
type Naming struct {
	Address string `json:"address"`
	Name    string `json:"name"`
}

// Compare holds what was scanned from another person's screen.
type Compare struct {
	Address string `json:"address"`
	Code    string `json:"code"`
}

// Compared says whether the codes agree.
type Compared struct {
	Match bool `json:"match"`
}

// Passphrase changes what opens the profile; an empty New removes it.
type Passphrase struct {
	Old string `json:"old"`
	New string `json:"new"`
}

// Secret carries a passphrase.
type Secret struct {
	Passphrase string `json:"passphrase"`
}

// Name carries the own name.
type Name struct {
	Name string `json:"name"`
}

// None is a call without parameters, or an answer without content.
type None struct{}

// ListQuery asks for conversations.
type ListQuery struct {
	// Recent asks at once for those that a list begins with, the most recent
	// first, and maybe for some more.
	Recent bool `json:"recent"`
	// After is the place to go on from, to have all in no order that counts;
	// empty for the beginning.
	After string `json:"after"`
}

// Conversations are some of them.
type Conversations struct {
	Conversations []Conversation `json:"conversations"`
	// Next is the place to go on from, empty if there are no more.
	Next string `json:"next"`
}

// Contacts are all of them, by name.
type Contacts struct {
	Contacts []Contact `json:"contacts"`
}

// Members are those of one conversation.
type Members struct {
	Members []Member `json:"members"`
	// Role is the own one.
	Role string `json:"role"`
}

// Sent is the message that was put into the outbox.
type Sent struct {
	Message Message `json:"message"`
}

// Disclosure is everything that the server stores about the account.
type Disclosure struct {
	// Begun is when the account's public record says that it began, 0 if the
	// answer has none that holds.
	Begun Millis `json:"begun"`
	// JSON is the server's answer: see server.Disclosure.
	JSON string `json:"json"`
}
