// SPDX-License-Identifier: AGPL-3.0-or-later

// Package attachments brings the files of messages, and what is too long for an
// entry, to servers and back. A Cache keeps files in the profile's store, sealed and
// in pieces; Transfers upload and download them, from where an earlier attempt
// ended.
//
// It knows messages as the places that use a file. When a file is sent, and by which
// conversation, is not its business.
package attachments
