// SPDX-License-Identifier: AGPL-3.0-or-later

// Package tui is the terminal interface: conversations on the left, the open
// one on the right, in a narrow terminal one at a time.
//
// The model holds what is on the screen and what a key does; it reads from the
// device and asks the core for changes in commands that run beside it, so that
// neither disk nor network ever holds up a key. What it needs of the core is
// declared in core.go. Layout is a function of the model: timeline.go makes
// lines of messages, view.go puts panes together. Tests press keys and read
// the plain text of the screen, without a terminal and without a server.
//
// Everything that others wrote goes through internal/product/termtext before it is
// laid out.
package tui
