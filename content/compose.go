// SPDX-License-Identifier: AGPL-3.0-or-later

package content

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Media types that this package writes.
const (
	TypeMarkdown = "text/markdown;variant=GFM-MIMI"
	TypePlain    = "text/plain;charset=utf-8"
	TypeStatus   = "application/mimi-message-status"
)

// Control parts carry the project's own data between clients, unseen by
// people: an ordinary single part whose media type is ControlType of a name.
const (
	controlPrefix = "application/vnd.securecrypt."
	controlSuffix = "+cbor"
)

// ControlType returns the media type of the control parts called name.
func ControlType(name string) string { return controlPrefix + name + controlSuffix }

// controlName is the inverse of ControlType.
func controlName(contentType string) (string, bool) {
	name, ok := strings.CutPrefix(contentType, controlPrefix)
	if !ok {
		return "", false
	}
	name, ok = strings.CutSuffix(name, controlSuffix)
	return name, ok && name != ""
}

// The functions below return messages without a salt: see Message.Salted.

// Text returns a message in GitHub Flavoured Markdown as MIMI restricts it. The
// text goes out as it is.
func Text(markdown string) Message {
	return Message{Body: textPart(markdown, DispositionRender)}
}

// PlainText returns a message in which no character has a special meaning.
func PlainText(text string) Message {
	return Message{Body: Part{Disposition: DispositionRender, Content: Single{TypePlain, []byte(text)}}}
}

// Reply returns an answer to the message to.
func Reply(to MessageID, markdown string) Message {
	m := Text(markdown)
	m.InReplyTo = to
	return m
}

// Reaction returns a reaction, such as an emoji, to the message to.
func Reaction(to MessageID, reaction string) Message {
	return Message{
		InReplyTo: to,
		Body:      Part{Disposition: DispositionReaction, Content: Single{TypePlain, []byte(reaction)}},
	}
}

// Unreaction takes back a reaction of one's own to the message to.
func Unreaction(reaction, to MessageID) Message {
	return Message{Replaces: reaction, InReplyTo: to, Body: Part{Disposition: DispositionReaction, Content: Null{}}}
}

// Edit returns a new version of one's own message. The ID is that of its first
// version, however often it was edited. The original, if not nil, lends the
// edit the fields that an edit may not change.
func Edit(id MessageID, original *Message, markdown string) Message {
	return replacement(id, original, textPart(markdown, DispositionRender))
}

// Delete retracts one's own message; see Edit.
func Delete(id MessageID, original *Message) Message {
	return replacement(id, original, Part{Disposition: DispositionRender, Content: Null{}})
}

func replacement(id MessageID, original *Message, body Part) Message {
	m := Message{Replaces: id, Body: body}
	if original == nil {
		return m
	}
	m.InReplyTo = original.InReplyTo
	m.TopicID = slices.Clone(original.TopicID)
	m.Extensions = maps.Clone(original.Extensions)
	if original.Expires != nil {
		e := *original.Expires
		m.Expires = &e
	}
	return m
}

// ErrNotReplacement reports a message that claims to replace another and
// changes more than its body.
var ErrNotReplacement = errors.New("content: the edit changes more than the body")

// CheckReplaces reports whether m may replace a message whose first version is
// original and has the ID id, both from the same sender: an edit changes
// nothing but the body (draft-ietf-mimi-content-08, Section 9.3). Who sent them is for
// the caller to compare.
func (m *Message) CheckReplaces(id MessageID, original *Message) error {
	same := m.Replaces == id && m.InReplyTo == original.InReplyTo && slices.Equal(m.TopicID, original.TopicID) &&
		reflect.DeepEqual(m.Expires, original.Expires) && maps.EqualFunc(m.Extensions, original.Extensions, slices.Equal)
	if !same { // MC-24
		return ErrNotReplacement
	}
	return nil
}

// Attach returns a message with files and, unless markdown is empty, a text
// before them. Without any file it is Text. A file that has no bytes elsewhere
// is a Single.
func Attach(markdown string, files ...PartContent) Message {
	var parts []Part
	if markdown != "" || len(files) == 0 {
		parts = append(parts, textPart(markdown, DispositionRender))
	}
	for _, f := range files {
		parts = append(parts, Part{Disposition: DispositionAttachment, Content: f})
	}
	if len(parts) == 1 {
		return Message{Body: parts[0]}
	}
	return Message{Body: Part{Disposition: DispositionRender, Content: Multi{ProcessAll, parts}}}
}

// Control returns a message to the other clients, not to people. The body is
// CBOR; name is in lower case, as in group-profile.
func Control(name string, body []byte) Message {
	return Message{Body: Part{Content: Single{ControlType(name), body}}}
}

// StatusReport returns a message that says what became of others.
func StatusReport(report []MessageStatus) (Message, error) {
	b, err := EncodeStatusReport(report)
	if err != nil {
		return Message{}, fmt.Errorf("content: status report: %w", err)
	}
	return Message{Body: Part{Content: Single{TypeStatus, b}}}, nil
}

// Mention returns Markdown that mentions the user with the given URI.
func Mention(name, uri string) string {
	return "[@" + mentionEscaper.Replace(name) + "](" + uri + ")"
}

var mentionEscaper = strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, "\n", " ")

func textPart(markdown string, d Disposition) Part {
	return Part{Disposition: d, Content: Single{TypeMarkdown, []byte(markdown)}}
}
