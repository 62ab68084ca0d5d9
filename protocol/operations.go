// SPDX-License-Identifier: AGPL-3.0-or-later

package protocol

import "fmt"

// An Audience says which connections may use an operation.
type Audience uint8

// The audiences.
const (
	// Anyone: the operation is for all connections, and does not make one
	// anonymous.
	Anyone Audience = iota
	// Anonymous: identified connections are refused with CodeIdentified. A
	// connection that used such an operation cannot identify itself any more.
	Anonymous
	// Identified: other connections are refused with CodeUnauthenticated.
	Identified
)

// operations is the table of the wire: for each operation its name in logs,
// metrics and the schema, the bodies of its request and its result, and who may
// use it. Package server has the handlers.
var operations = [lastOp]struct {
	name            string
	request, result func() Body
	audience        Audience
}{
	OpRegister:           {"register", body[Register], body[Empty], Anyone},
	OpAuthenticate:       {"authenticate", body[Authenticate], body[Empty], Anyone},
	OpAccountGet:         {"account_get", body[AccountGet], body[Accounts], Anyone},
	OpKeyPackagesPublish: {"key_packages_publish", body[KeyPackagesPublish], body[KeyPackagesStatus], Identified},
	OpKeyPackagesStatus:  {"key_packages_status", body[Empty], body[KeyPackagesStatus], Identified},
	OpKeyPackagesTake:    {"key_packages_take", body[KeyPackagesTake], body[KeyPackages], Anonymous},
	OpLetterSend:         {"letter_send", body[LetterSend], body[Empty], Anonymous},
	OpMailboxOpen:        {"mailbox_open", body[MailboxOpen], body[Empty], Identified},
	OpMailboxDelete:      {"mailbox_delete", body[MailboxDelete], body[Empty], Identified},
	OpChannelCreate:      {"channel_create", body[ChannelCreate], body[Empty], Anonymous},
	OpChannelOpen:        {"channel_open", body[ChannelOpen], body[ChannelState], Anonymous},
	OpChannelPost:        {"channel_post", body[ChannelPost], body[Posted], Anonymous},
	OpChannelCommit:      {"channel_commit", body[ChannelCommit], body[Posted], Anonymous},
	OpChannelClose:       {"channel_close", body[ChannelClose], body[Empty], Anonymous},
	OpChannelSignal:      {"channel_signal", body[ChannelSignal], body[Empty], Anonymous},
	OpAccountDisclose:    {"account_disclose", body[AccountDisclose], body[Disclosure], Identified},
	OpWakeKey:            {"wake_key", body[Empty], body[WakeKey], Anonymous},
	OpWakeRegister:       {"wake_register", body[WakeRegister], body[Empty], Anonymous},
	OpWakeForget:         {"wake_forget", body[WakeForget], body[Empty], Anonymous},
	OpWake:               {"wake", body[Wake], body[Empty], Anonymous},
	OpChannelGrant:       {"channel_grant", body[ChannelGrant], body[Empty], Anonymous},
	OpChannelDelete:      {"channel_delete", body[ChannelDelete], body[Empty], Anonymous},
	OpMailboxToken:       {"mailbox_token", body[MailboxToken], body[Empty], Identified},
	OpAccountDelete:      {"account_delete", body[Empty], body[Empty], Identified},
	OpAccountAppend:      {"account_append", body[AccountAppend], body[Empty], Anyone},
	OpRecoveryPut:        {"recovery_put", body[RecoveryPut], body[Empty], Identified},
	OpRecoveryGet:        {"recovery_get", body[Empty], body[Recovery], Identified},
}

// NewRequest returns a new, empty body for requests of op, or an error that
// wraps [ErrMalformed] for an unknown op.
func NewRequest(op Op) (Body, error) {
	if op == 0 || op >= lastOp {
		return nil, fmt.Errorf("%w: unknown operation", ErrMalformed)
	}
	return operations[op].request(), nil
}

// NewResult returns a new, empty body for what answers op.
func NewResult(op Op) (Body, error) {
	if op == 0 || op >= lastOp {
		return nil, fmt.Errorf("%w: unknown operation", ErrMalformed)
	}
	return operations[op].result(), nil
}

// String returns the operation's name, as used in logs and metrics.
func (op Op) String() string {
	if op == 0 || op >= lastOp {
		return "unknown"
	}
	return operations[op].name
}

// Audience returns who may use the operation; nobody may use an unknown one.
func (op Op) Audience() Audience {
	if op == 0 || op >= lastOp {
		return Identified
	}
	return operations[op].audience
}

// Ops returns all operations in order.
func Ops() []Op {
	all := make([]Op, 0, lastOp-1)
	for op := OpRegister; op < lastOp; op++ {
		all = append(all, op)
	}
	return all
}

func body[T any, P interface {
	*T
	Body
}]() Body {
	return P(new(T))
}
