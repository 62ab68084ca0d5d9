// SPDX-License-Identifier: AGPL-3.0-or-later

// Package storetest is the conformance suite of [server.Store]: every
// implementation passes [Run]. Faulty wraps a store with faults for the tests
// of those who use one.
package storetest
