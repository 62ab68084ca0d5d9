// SPDX-License-Identifier: AGPL-3.0-or-later

// Package archtest keeps the layers of the module apart. Which package may
// know which is data, the list of rules in rules.go; the tests of this package
// hold the module's real import graph and its source against them.
//
// A rule names packages by patterns: "std" is the whole standard library,
// "./client" a package of this module, "./client/..." that and everything
// below it, "net/..." the same outside of the module.
package archtest
