// SPDX-License-Identifier: AGPL-3.0-or-later

// Package content is what one message says: MIMI content, as in
// draft-ietf-mimi-content-08, and message status reports, as in
// draft-mahy-mimi-message-status-01. A message travels as an MLS application
// message.
//
// Decode turns bytes into a Message, plain data that satisfies every rule of
// the format and the limits of this package; Encode turns it back into the same
// bytes and refuses what Decode would refuse. Each rule of the draft that is
// checked has an identifier, MC-n, in a comment beside the check and in the
// name of a test that breaks it.
//
// Text, Reply, Reaction, Edit, Delete and their kin make messages; Message.View
// turns one into what a person is to see. How text is taken from a message:
//
//   - of chooseOne, the first alternative that View understands, the same for
//     every reader; of singleUnit, everything or nothing; of processAll,
//     whatever is understood;
//   - text is text/plain in UTF-8 or ASCII and text/markdown, with the
//     disposition unspecified, render, inline or an unknown one, which counts as
//     render;
//   - several texts are joined by an empty line; bytes that are not UTF-8 become
//     U+FFFD; nothing is rendered, escaped or stripped, HTML tags included: a
//     user interface shows them as they stand and runs none, and a terminal has
//     to remove control characters itself;
//   - a reaction is a text of at most MaxReactionLength bytes with the
//     disposition reaction; several are never joined.
//
// The package is not for deciding who may edit or delete what, nor for fetching
// external parts. It reads no clock, does no I/O and takes its randomness from
// the caller.
package content
