// SPDX-License-Identifier: AGPL-3.0-or-later

// Package link keeps the connections of a profile. A Link is one connection to a
// host, dialled again as needed; a Network has all of them: a Pool for those that
// carry channels, Errands for short ones, dedicated ones for single requests. Which
// requests may share a connection is decided here, because it is what a server can
// see.
//
// The package knows the frames of the protocol, and no conversation.
package link
