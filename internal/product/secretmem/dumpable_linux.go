// SPDX-License-Identifier: AGPL-3.0-or-later

package secretmem

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// undumpable forbids core dumps by whatever means, and other processes of the
// same user to look into this one.
func undumpable() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("secretmem: prctl: %w", err)
	}
	return nil
}
