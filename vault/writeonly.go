// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

// WriterState is what a write-only device keeps.
type WriterState struct{}
