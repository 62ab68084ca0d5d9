// SPDX-License-Identifier: AGPL-3.0-or-later

package content

import (
	"iter"
	"mime"
	"strconv"
	"strings"
)

// MaxReactionLength bounds a reaction that View accepts, in bytes; the longest
// emoji have about 40.
const MaxReactionLength = 64

// textSeparator stands between the texts of a message.
const textSeparator = "\n\n"

// Kind says what a message does.
type Kind uint8

// The kinds of messages.
const (
	KindUnknown    Kind = iota // nothing in it is understood; see View.Unsupported
	KindMessage                // text, attachments or both; a reply if View.InReplyTo is set
	KindEdit                   // the same, in place of View.Replaces
	KindDelete                 // View.Replaces is retracted
	KindReaction               // View.Reactions to View.InReplyTo, which may be missing; in place of View.Replaces if set
	KindUnreaction             // the reaction View.Replaces is taken back
	KindControl                // View.Control, for the client alone
	KindStatus                 // View.Statuses
)

var kindNames = [...]string{"unknown", "message", "edit", "delete", "reaction", "unreaction", "control", "status"}

// String returns the kind's name.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// View is what a user interface needs of a message.
type View struct {
	Kind      Kind
	Replaces  MessageID
	InReplyTo MessageID
	// Text is all texts, joined by an empty line.
	Text string
	// Texts are the texts one by one.
	Texts       []TextView
	Reactions   []string
	Attachments []Attachment
	Control     ControlView
	Statuses    []MessageStatus
	// Unsupported are the media types that were left out.
	Unsupported []string
}

// TextView is one text of a message.
type TextView struct {
	Index    int // of the part
	Markdown bool
	Language string
	Text     string
}

// Attachment is a file or other content that is not text.
type Attachment struct {
	Index       int // of the part
	Disposition Disposition
	ContentType string
	// Name is a file name that is safe to use, and empty if the sender gave none.
	Name        string
	Description string
	// Data is the content, if the message carries it.
	Data []byte
	// External is where the content is, if the message does not carry it.
	External *External
}

// Size returns the attachment's size in bytes, and 0 if it is not known.
func (a Attachment) Size() uint64 {
	if a.External != nil {
		return a.External.Size
	}
	return uint64(len(a.Data))
}

// ControlView is a message to the client.
type ControlView struct {
	Name string
	Body []byte
}

// View returns what m shows. It never fails: what is not understood is listed
// as unsupported. The view shares m's memory.
func (m *Message) View() View {
	v := View{Replaces: m.Replaces, InReplyTo: m.InReplyTo}
	switch c := m.Body.Content.(type) {
	case Null:
		if !m.Replaces.IsZero() {
			v.Kind = KindDelete
			if m.Body.Disposition == DispositionReaction {
				v.Kind = KindUnreaction
			}
		}
		return v
	case Single:
		if v.single(c) {
			return v
		}
	}
	v.add(m.Body, 0)
	switch {
	case len(v.Texts) == 0 && len(v.Attachments) == 0:
		if len(v.Reactions) > 0 {
			v.Kind = KindReaction
		}
		return v
	case !m.Replaces.IsZero():
		v.Kind = KindEdit
	default:
		v.Kind = KindMessage
	}
	texts := make([]string, len(v.Texts))
	for i, t := range v.Texts {
		texts[i] = t.Text
	}
	v.Text = strings.Join(texts, textSeparator)
	return v
}

// single takes a message to the client, which is never one part of several.
func (v *View) single(c Single) bool {
	if name, ok := controlName(c.ContentType); ok {
		v.Kind, v.Control = KindControl, ControlView{Name: name, Body: c.Content}
		return true
	}
	if c.ContentType != TypeStatus {
		return false
	}
	statuses, err := DecodeStatusReport(c.Content)
	if err != nil {
		v.Unsupported = append(v.Unsupported, c.ContentType)
		return true
	}
	v.Kind, v.Statuses = KindStatus, statuses
	return true
}

// add adds the part with the given index and what is in it, and returns the
// index of the part after it.
func (v *View) add(p Part, index int) int {
	switch c := p.Content.(type) {
	case Single:
		v.addSingle(p, c, index)
	case External:
		v.Attachments = append(v.Attachments, Attachment{
			Index: index, Disposition: p.Disposition, ContentType: c.ContentType, Name: SafeFilename(c.Filename),
			Description: c.Description, External: &c,
		})
	case Multi:
		return v.addMulti(c, index)
	}
	return index + 1
}

func (v *View) addMulti(c Multi, index int) int {
	chosen := -1 // of chooseOne
	whole := true
	for i, p := range c.Parts {
		if supported(p) {
			if chosen < 0 {
				chosen = i
			}
		} else {
			whole = false
		}
	}
	index++
	for i, p := range c.Parts {
		next := index + p.count()
		switch {
		case c.Semantics == ProcessAll, c.Semantics == SingleUnit && whole, c.Semantics == ChooseOne && i == chosen:
			v.add(p, index)
		case c.Semantics == SingleUnit, chosen < 0:
			v.reject(p)
		}
		index = next
	}
	return index
}

func (v *View) addSingle(p Part, c Single, index int) {
	switch use(p, c) {
	case useText:
		_, markdown := textType(c.ContentType)
		v.Texts = append(v.Texts, TextView{Index: index, Markdown: markdown, Language: p.Language, Text: cleanText(c.Content)})
	case useReaction:
		v.Reactions = append(v.Reactions, cleanText(c.Content))
	case useAttachment:
		v.Attachments = append(v.Attachments, Attachment{
			Index: index, Disposition: p.Disposition, ContentType: c.ContentType, Data: c.Content,
		})
	default:
		v.Unsupported = append(v.Unsupported, c.ContentType)
	}
}

// reject lists the media types of what is left out.
func (v *View) reject(p Part) {
	for _, part := range p.All() {
		switch c := part.Content.(type) {
		case Single:
			v.Unsupported = append(v.Unsupported, c.ContentType)
		case External:
			v.Unsupported = append(v.Unsupported, c.ContentType)
		}
	}
}

const (
	useNothing = iota
	useText
	useReaction
	useAttachment
)

// use says what a single part is to a reader.
func use(p Part, c Single) int {
	text, _ := textType(c.ContentType)
	switch d := p.Disposition; {
	case d == DispositionReaction && text && len(c.Content) > 0 && len(c.Content) <= MaxReactionLength:
		return useReaction
	case d == DispositionReaction:
		return useNothing
	case d == DispositionAttachment, d == DispositionPreview, d == DispositionIcon, d == DispositionProfile,
		d == DispositionSession:
		return useAttachment
	case text:
		return useText
	}
	mediaType, _, _ := mime.ParseMediaType(c.ContentType)
	switch kind, _, _ := strings.Cut(mediaType, "/"); kind {
	case "image", "audio", "video":
		return useAttachment
	}
	return useNothing
}

// textType says whether a media type is text that can be shown, and whether in
// Markdown.
func textType(contentType string) (text, markdown bool) {
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false, false
	}
	switch strings.ToLower(params["charset"]) {
	case "", "utf-8", "us-ascii":
	default:
		return false, false
	}
	markdown = mediaType == "text/markdown"
	return markdown || mediaType == "text/plain", markdown
}

func supported(p Part) bool {
	switch c := p.Content.(type) {
	case Single:
		return use(p, c) != useNothing
	case Multi:
		some, all := false, true
		for _, part := range c.Parts {
			ok := supported(part)
			some, all = some || ok, all && ok
		}
		return all || some && c.Semantics != SingleUnit
	}
	return true
}

func cleanText(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }

// count returns the number of parts in p, itself included.
func (p Part) count() int {
	n := 1
	if m, ok := p.Content.(Multi); ok {
		for _, part := range m.Parts {
			n += part.count()
		}
	}
	return n
}

// All yields p and the parts in it, depth first, each with its part index
// (draft-ietf-mimi-content-08, Section 4.4) if p is a message's body.
func (p Part) All() iter.Seq2[int, Part] {
	return func(yield func(int, Part) bool) {
		index := 0
		p.each(&index, yield)
	}
}

func (p Part) each(index *int, yield func(int, Part) bool) bool {
	if !yield(*index, p) {
		return false
	}
	*index++
	if m, ok := p.Content.(Multi); ok {
		for _, part := range m.Parts {
			if !part.each(index, yield) {
				return false
			}
		}
	}
	return true
}

// ByContentID returns the part that a URI such as cid:5@local.invalid in
// another part refers to: a Single or External one.
func (m *Message) ByContentID(uri string) (Part, bool) {
	s, ok := strings.CutPrefix(uri, "cid:")
	if !ok {
		return Part{}, false
	}
	s, ok = strings.CutSuffix(s, "@local.invalid")
	want, err := strconv.ParseUint(s, 10, 16)
	if !ok || err != nil || strconv.FormatUint(want, 10) != s {
		return Part{}, false
	}
	for i, p := range m.Body.All() {
		if uint64(i) == want {
			switch p.Content.(type) {
			case Single, External: // MC-25
				return p, true
			}
			return Part{}, false
		}
	}
	return Part{}, false
}
