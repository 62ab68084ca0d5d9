// SPDX-License-Identifier: AGPL-3.0-or-later

// Package pace ends HTTP requests that hold a connection without making
// progress: a [Body] that does not keep coming, and, with [Brief], an answer
// that nobody takes.
//
// It knows no rates and no shares: those are in package fairness.
package pace
