// SPDX-License-Identifier: AGPL-3.0-or-later

package app

// The events. Each is told as soon as it is true, those of one moment together.
type (
	// SessionChanged: the phase, the name or the address is another.
	SessionChanged struct {
		Session Session `json:"session"`
	}
	// ConversationChanged: one is new or changed.
	ConversationChanged struct {
		Conversation Conversation `json:"conversation"`
	}
	// ConversationGone: one was deleted from this device.
	ConversationGone struct {
		Conversation string `json:"conversation"`
	}
	// MessageChanged: a message is new or changed.
	MessageChanged struct {
		Message Message `json:"message"`
		New     bool    `json:"new"`
	}
	// MessageGone: a message disappeared.
	MessageGone struct {
		Conversation string `json:"conversation"`
		Message      string `json:"message"`
	}
	// NameChanged: somebody is called by another name here.
	NameChanged struct {
		Address string `json:"address"`
		Name    string `json:"name"`
	}
	// Typing: somebody writes, or no longer does.
	Typing struct {
		Conversation string `json:"conversation"`
		From         string `json:"from"`
		Author       string `json:"author"`
		On           bool   `json:"on"`
	}
	// Progress: a file is on its way up or down.
	Progress struct {
		Conversation string `json:"conversation"`
		Message      string `json:"message"`
		Index        int    `json:"index"`
		Done         int64  `json:"done"`  // bytes
		Total        int64  `json:"total"` // bytes
	}
	// Connection: a server is reached, or no longer.
	Connection struct {
		Host   string `json:"host"`
		Online bool   `json:"online"`
		Reason string `json:"reason"`
	}
	// DevicesChanged: the account may have other devices.
	DevicesChanged struct{}
	// HistoryMoved: the history has come further on its way to another device of the
	// account, given by this one, or else to this one.
	HistoryMoved struct {
		Device string `json:"device"`
		Given  bool   `json:"given"`
		// Done of Total conversations are complete.
		Done  int `json:"done"`
		Total int `json:"total"`
	}
	// LinkingChanged: two devices have come further, see LinkingState.
	LinkingChanged struct {
		ID    string       `json:"id"`
		State LinkingState `json:"state"`
		// Code, URI (what a QR code holds) and Until, when they end, are those of "code".
		Code  string `json:"code"`
		URI   string `json:"uri"`
		Until Millis `json:"until"`
		// Address says whose device this one becomes, and Digits what is to be typed in
		// at the other one, of "digits".
		Address string `json:"address"`
		Digits  string `json:"digits"`
		// Left is how many attempts there are, of "asks".
		Left int `json:"left"`
		// Device is the new one, where it was let in. Complete: it got all that it was to
		// get.
		Device   string `json:"device"`
		Complete bool   `json:"complete"`
		// Error says why it failed.
		Error *Problem `json:"error"`
	}
	// Trouble: a person has to do something about the account.
	Trouble struct {
		// Kind is "copied" (two copies of the profile are in use, see takeOver),
		// "gone" (the server does not know the account, see registerAgain), "revoked"
		// (this device was taken out of the account) or "clock"; empty once there is
		// none.
		Kind string `json:"kind"`
		// Ahead is how far the device's clock is ahead of the server's, in
		// seconds, of "clock".
		Ahead int64 `json:"ahead"`
		// At is when the device was revoked, of "revoked"; 0 if that is not known.
		At Millis `json:"at"`
	}
	// Failure: something that was asked for could not be done.
	Failure struct {
		Conversation string  `json:"conversation"`
		Error        Problem `json:"error"`
	}
)
