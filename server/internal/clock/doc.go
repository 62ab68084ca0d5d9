// SPDX-License-Identifier: AGPL-3.0-or-later

// Package clock tells the time and whether it can be trusted with lifetimes. It
// compares the machine's clock with the newest time that was trusted and with how
// long the machine has been running since. docs/clocks.md says what follows from
// a doubt.
//
// The package stores nothing and logs nothing: its user keeps the newest
// [Reading], and gives it to [New] after a start.
package clock
