// SPDX-License-Identifier: AGPL-3.0-or-later

package chat

import (
	"errors"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/client/backend"
)

// ErrChanged means that a file changed between being attached and sent.
var ErrChanged = errors.New("the file changed after it was attached; attach it again")

// ErrStillIn: a conversation that goes on cannot be deleted.
var ErrStillIn = errors.New("leave the conversation first; then it can be deleted")

// A HostError says which server an error is about. It wraps ErrOffline.
type HostError struct {
	Host string
	Own  bool // it is the account's own server
	Err  error
}

// Error names the server.
func (e *HostError) Error() string {
	var copied *CopiedError
	if errors.As(e.Err, &copied) {
		return copied.Error() // the server is there
	}
	var revoked *RevokedError
	if errors.As(e.Err, &revoked) {
		return revoked.Error()
	}
	who := "the server "
	if e.Own {
		who = "your server "
	}
	kind, what := backend.ErrOffline, " cannot be reached"
	if errors.Is(e.Err, backend.ErrTurnedAway) {
		kind, what = backend.ErrTurnedAway, " answers, but takes no connections at the moment"
	}
	why := strings.TrimPrefix(strings.TrimPrefix(e.Err.Error(), kind.Error()), ": ")
	if why != "" {
		why = ": " + why
	}
	return who + e.Host + what + why
}

// Unwrap returns what is wrong.
func (e *HostError) Unwrap() error { return e.Err }

// ErrNoPerson: a text is neither an address nor the private name of a contact.
var ErrNoPerson = errors.New("nobody has this address or private name: check its spelling")

// ErrUnanswered means that the server was asked to create the account and may
// have done it: what was lost is its answer. The profile's keys are needed.
var ErrUnanswered = errors.New("the server may have created the account, but its answer did not arrive")

// ErrTooLate: what was to be taken back may have reached others.
var ErrTooLate = errors.New("this message may have been sent already; delete it for everybody instead")

// ErrProfileCopied: the account's server saw two copies of this profile. None of
// them sends anything until a person has chosen one, see Account.TakeOver.
var ErrProfileCopied = errors.New("two copies of this profile are in use")

// ErrNoAccount: the account's server does not know the account, because it lost
// its data or somebody deleted the account. See Account.RegisterAgain.
var ErrNoAccount = errors.New("the server does not know this account any more")

// NeedsPerson reports whether an error means that nothing of the account works before
// a person has done something about it.
func NeedsPerson(err error) bool {
	return errors.Is(err, ErrProfileCopied) || errors.Is(err, ErrNoAccount) || errors.Is(err, ErrRevoked)
}

// ErrOtherKey: a recovery key was never this account's.
var ErrOtherKey = errors.New("this is not a recovery key of this account: look for another note")

// ErrNewKeyWaits: a new recovery key is kept, and the server does not have it yet.
var ErrNewKeyWaits = errors.New("the new recovery key counts once this device reaches your server; keep both until then")

// A ReplacedKeyError says that a recovery key was the account's once.
type ReplacedKeyError struct{ At time.Time }

// Error says when the key was replaced.
func (e *ReplacedKeyError) Error() string {
	return "this recovery key was replaced on " + e.At.UTC().Format("2006-01-02 at 15:04 UTC") + ": look for the newer one"
}

// A CopiedError is ErrProfileCopied, and says which copy this one is.
type CopiedError struct {
	// Last is when this copy was last let in by the server; zero if it never
	// was.
	Last time.Time
}

// Error says which copy this one is.
func (e *CopiedError) Error() string {
	if e.Last.IsZero() {
		return ErrProfileCopied.Error()
	}
	return ErrProfileCopied.Error() + "; this one was last connected on " + e.Last.UTC().Format("2006-01-02 at 15:04 UTC")
}

// Unwrap returns ErrProfileCopied.
func (*CopiedError) Unwrap() error { return ErrProfileCopied }

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

// A Worded error is one of the above in words that say more.
type Worded struct {
	Kind error
	Text string
}

// Error returns the words.
func (e Worded) Error() string { return e.Text }

// Unwrap returns Kind.
func (e Worded) Unwrap() error { return e.Kind }
