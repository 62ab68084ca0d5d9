// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build unix

package folder

import (
	"errors"
	"os"
)

// syncDir makes new names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
