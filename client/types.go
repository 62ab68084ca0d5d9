// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/content"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrNoConversation: there is no conversation of that name or identifier.
	ErrNoConversation = errors.New("no such conversation")
	// ErrAmbiguous: several conversations or messages fit.
	ErrAmbiguous = errors.New("this fits more than one; use the identifier")
	// ErrNoMessage: there is no message with that identifier.
	ErrNoMessage = errors.New("no such message: it may be deleted; choose one that is there")
	// ErrNotAllowed: the conversation's rules do not let this member do it.
	ErrNotAllowed = errors.New("only an administrator of the group may do this: ask one of them")
	// ErrLastOwner: this account is the only owner of a group with others in it,
	// and can neither leave it nor give the role away before somebody else owns it.
	ErrLastOwner = errors.New("you are the only owner of this group; make another member an owner first")
	// ErrClosed: the conversation takes no more messages; its status says why.
	ErrClosed = errors.New("this conversation is closed")
	// ErrRequest: the conversation is a request that must be accepted first.
	ErrRequest = errors.New("accept the request first")
	// ErrNotYours: only the author may change a message.
	ErrNotYours = errors.New("only the author can do this: ask them")
	// ErrNoProfile: the store holds no profile.
	ErrNoProfile = errors.New("no profile here yet")
	// ErrSelf: one's own address, where somebody else's is needed.
	ErrSelf = errors.New("this is your own address: enter another one")
	// ErrFileGone: a file is no longer on its server, which keeps it for a
	// month at most.
	ErrFileGone = errors.New("the server no longer has this file: ask the sender for it again")
	// ErrElsewhere: an attachment lies where it is not fetched from.
	ErrElsewhere = errors.New("the attachment does not lie on the conversation's own server, and is not fetched: ask the sender to send it again")
	// ErrTooLong: a message, or a name, is longer than this program allows.
	ErrTooLong = errors.New("this is too long: shorten it")
	// ErrBlocked: this account blocked the person.
	ErrBlocked = errors.New("you blocked them; unblock them first")
	// ErrUnconfirmed: the server of the person who sent a request has not
	// confirmed yet who they are.
	ErrUnconfirmed = errors.New("the sender's server has not confirmed who they are yet; try again when it can be reached")
	// ErrNotSetUp: an account has no device that could be written to.
	ErrNotSetUp = errors.New("none of their devices has been set up yet: ask them to connect once")
	// ErrImpostor: the keys that somebody uses are not those of the account.
	ErrImpostor = errors.New("the keys are not those of this person's account: ask them in another way before you write")
)

// A worded error is one of the above in words that say more.
type worded struct {
	kind error
	text string
}

func (e worded) Error() string { return e.text }
func (e worded) Unwrap() error { return e.kind }

// A Status says where a conversation stands.
type Status uint8

// The statuses of a conversation.
const (
	// StatusActive takes messages.
	StatusActive Status = iota + 1
	// StatusRequest waits to be accepted or blocked.
	StatusRequest
	// StatusLeft was left by this account.
	StatusLeft
	// StatusRemoved means that somebody removed this account, or that the other
	// left a conversation of two.
	StatusRemoved
	// StatusLost means that the server no longer has what this device needs
	// to follow, as after a long absence: somebody must add it again.
	StatusLost
	// StatusStopped means that something happened that must not: see
	// Conversation.Reason. Nothing is sent any more.
	StatusStopped
	// StatusBlocked was blocked by this account.
	StatusBlocked
)

var statusNames = [...]string{"", "active", "request", "left", "removed", "lost", "stopped", "blocked"}

// String returns the status as it stands in JSON.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "unknown"
}

// A Conversation is what there is to know about one without its messages.
type Conversation struct {
	ID     ConversationID
	Group  bool
	Title  string          // of a group
	Peer   account.Address // of a conversation between two
	Status Status
	// Reason says why the status is what it is.
	Reason  Reason
	Host    string          // the server that it lies on
	Inviter account.Address // who brought this account into it, if not itself
	// Confirmed means that the inviter's own server vouched for their keys:
	// before that, the inviter of a request is whom it claims to come from.
	Confirmed bool
	Unread    int
	Activity  time.Time
	// Waiting counts what is still to be sent.
	Waiting int
	// Timer is after what time messages disappear; 0 is never.
	Timer time.Duration
	// Name is what to call it: the title of a group, in quotation marks if it looks
	// like an address, or the beginning of its identifier if nothing of the title can
	// be seen; of a conversation between two the name
	// that this account gave the peer, else the one that the peer goes by, else
	// the address, which it is of a request that is not confirmed.
	Name string
	// Members counts the accounts in it, this one included.
	Members int
	// Verified means that the peer's safety number was compared.
	Verified bool
	// Unanswered means that this account began a conversation between two, and
	// nothing has come from the peer, who may not have accepted it. Empty means
	// that nothing was ever written in it.
	Unanswered, Empty bool
	// Last is the newest message, nil if there is none. Of a long text it has
	// the beginning, and of many attachments the first.
	Last *Message
	// Mentioned means that an unread message mentions this account.
	Mentioned bool
	// What follows this account chose for itself; nobody else learns of it.
	Pinned     bool
	Archived   bool
	MutedUntil time.Time // zero if it is not muted
	Draft      string
	DraftReply content.MessageID // what the draft replies to
}

// A Role says what a member of a group may do.
type Role uint8

// The roles. Whoever creates a group owns it.
const (
	RoleMember Role = iota
	RoleAdmin
	RoleOwner
)

// String returns the role as it stands in JSON.
func (r Role) String() string {
	switch r {
	case RoleOwner:
		return "owner"
	case RoleAdmin:
		return "admin"
	}
	return "member"
}

// A Member is one account in a conversation.
type Member struct {
	Address account.Address
	Role    Role
	// Confirmed means that the account's own server vouched for the member's
	// keys.
	Confirmed bool
}

// A Contact is somebody this account talks to.
type Contact struct {
	Address account.Address
	// Name is the name that this account gave them; nobody else sees it.
	Name string
	// Profile is the name that they gave themselves, if it can be seen and does
	// not look like an address.
	Profile string
	// VerifiedProfile is Profile as it was when the person was verified: they are
	// called by it until they are verified again, whatever they call themselves.
	VerifiedProfile string
	// Verified means that the safety numbers were compared.
	Verified bool
	Blocked  bool
	// Conversation is the one between the two, empty if there is none.
	Conversation ConversationID
}

// A State says what became of a message.
type State uint8

// The states of a message.
const (
	StateReceived State = iota
	StateWaiting
	StateSent
	StateFailed
	StateDelivered // to all others
	StateRead      // by all others
)

// String returns the state as it stands in JSON.
func (s State) String() string {
	return [...]string{"received", "waiting", "sent", "failed", "delivered", "read"}[min(s, StateRead)]
}

// A Message is one message of a conversation's history.
type Message struct {
	ID           content.MessageID // zero of a notice
	Conversation ConversationID
	// Order is the place in this device's history of the conversation: later
	// ones have greater numbers, and no two the same.
	Order uint64
	From  account.Address
	Own   bool
	Text  string
	// SentAt is what the sender's clock said, or ReceivedAt if that lies before
	// 1970 or more than a day later.
	SentAt     time.Time
	ReceivedAt time.Time
	ReplyTo    content.MessageID
	// Quote is the message that this one replies to, nil if it is not there.
	Quote       *Quote
	Attachments []Attachment
	Reactions   []Reaction
	Edited      bool
	Deleted     bool
	// ExpiresAt is when the message disappears from this device; zero if it
	// stays.
	ExpiresAt time.Time
	// Mentions are the people whom the text mentions, members or not;
	// MentionsMe means that this account is one of them.
	Mentions   []account.Address
	MentionsMe bool
	State      State
	// Delivered counts the other members whose devices said that an own
	// message arrived, Read those of them who read it.
	Delivered, Read int
	// Reason says why sending failed.
	Reason Reason
	// Notice is something that happened in the conversation, nil of messages.
	Notice *Notice
}

// A Reaction is one person's reaction to a message.
type Reaction struct {
	From  account.Address
	Emoji string
}

// An Attachment is a file that came with a message.
type Attachment struct {
	// Index tells the attachments of a message apart.
	Index int
	Name  string
	Type  string // media type
	// Size is in bytes, as the sender claims; at most attach.MaxSize, beyond
	// which no file can be opened.
	Size int64
	// File names the file in ProgressEvents.
	File FileID
	// Path is where it was saved, if it was.
	Path string
}

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

// An Event tells an interface that something happened. The concrete types
// follow.
type Event interface{ event() }

// MessageEvent: a message is new or changed.
type MessageEvent struct {
	Message Message
	New     bool
}

// ConversationEvent: a conversation is new or changed.
type ConversationEvent struct{ Conversation Conversation }

// NameEvent: somebody is called by another name here.
type NameEvent struct {
	Address account.Address
	Name    string
}

// ConnectionEvent: a server is reached, or no longer: Err says why, and is nil
// if no conversation needs the server any more.
type ConnectionEvent struct {
	Host   string
	Online bool
	Err    error
}

// ProgressEvent: a file is on its way up (or down).
type ProgressEvent struct {
	// Conversation, Message and Index say which attachment the file is.
	Conversation ConversationID
	Message      content.MessageID
	Index        int
	File         FileID
	Name         string
	Done, Total  int64 // bytes
}

// DelayEvent: a file of a message cannot be uploaded at the moment, and is tried
// again.
type DelayEvent struct {
	Conversation ConversationID
	Message      content.MessageID
	Err          error
	Until        time.Time // not before
}

// GoneEvent: a message, or a whole conversation if Message is zero, is no
// longer on this device.
type GoneEvent struct {
	Conversation ConversationID
	Message      content.MessageID
	Order        uint64
}

// FailureEvent: something that was asked for could not be done.
type FailureEvent struct {
	Conversation ConversationID
	// Message: it is a message that could not be sent, which says so itself.
	Message bool
	Err     error
}

func (MessageEvent) event()      {}
func (ConversationEvent) event() {}
func (NameEvent) event()         {}

// AccountEvent: the account cannot be used until a person does something. Err
// wraps ErrProfileCopied (see Client.TakeOver) or ErrNoAccount (see
// Client.RegisterAgain), and is nil once that is over.
type AccountEvent struct{ Err error }

func (AccountEvent) event()    {}
func (ConnectionEvent) event() {}
func (ProgressEvent) event()   {}
func (DelayEvent) event()      {}
func (GoneEvent) event()       {}
func (FailureEvent) event()    {}
