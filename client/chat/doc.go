// SPDX-License-Identifier: AGPL-3.0-or-later

// Package chat has the nouns of a client's interface: conversations, messages,
// people, notices, settings, the events that tell of them, and the errors that
// callers tell apart with errors.Is. It is data without behaviour: package
// client returns it, interfaces show it.
package chat
