// SPDX-License-Identifier: Apache-2.0

// Package logtest has a log in memory, with its witnesses and auditor, for tests of whatever
// verifies a log. All keys follow from a name, so that a test's log is the same each
// time. A test that lies changes the exported fields, or signs with Sign what it likes.
package logtest
