// SPDX-License-Identifier: AGPL-3.0-or-later

// Package e2e runs the real commands against each other: the scripts of
// testdata/script, and tests of what only shows when everything runs together.
// It has no code outside of tests.
package e2e
