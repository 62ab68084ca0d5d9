// SPDX-License-Identifier: AGPL-3.0-or-later

// Package rules has what the members of a conversation agree on, as an extension of
// the MLS group context (RFC 9420, Section 8.1), and the rules by which it changes:
// what each role may do. The same rules judge the commits of others and refuse
// commands of this account.
package rules
