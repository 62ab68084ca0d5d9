// SPDX-License-Identifier: AGPL-3.0-or-later

// Package archtest keeps the layers of the module apart where linters cannot:
// it forbids what a package may link through others. The rules are data, the list
// in rules.go; the tests of this package hold the module's real import graph
// against them. What a package may import itself, and which packages read no
// clock, is in .golangci.yml; a test of this package fails when a folder or a
// package that is named there does not exist, so that a rule does not lose its
// object when a folder is renamed.
//
// A rule names packages by patterns: "./client" is a package of this module,
// "./client/..." that and everything below it, "net/..." the same outside of the
// module.
package archtest
