// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build !windows

package witnessd

import (
	"errors"
	"fmt"
	"os"
)

// syncFolder makes the names of a folder durable.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("witnessd: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("witnessd: %w", err)
	}
	return nil
}
