// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import "testing"

// NewFuzzStore returns a store in memory. It is set by the external tests,
// which may import an implementation where this package may not.
var NewFuzzStore func(testing.TB) Store

func newFuzzStore(tb testing.TB) Store { return NewFuzzStore(tb) }
