// SPDX-License-Identifier: AGPL-3.0-or-later

// Package fakeserver is a server in memory for the tests of the client core:
// it implements client.Transport itself, keeps the rules of package protocol
// (who may ask, compare-and-swap of commits, access by epoch, cursors) and
// does what a bad network or a bad server does when it is told to.
//
// It is not the relay: no limits, no durability, nothing that speaks to a
// socket. It works in a bubble of testing/synctest.
package fakeserver
