// SPDX-License-Identifier: AGPL-3.0-or-later

// Package fault has what the tests of faults on the command line (internal/testing/e2e)
// and in the page (internal/testing/pagetest) share: the table of docs/faults.md, which
// both compare with the cases that they run, and clocks that somebody sets.
package fault
