// SPDX-License-Identifier: AGPL-3.0-or-later

package vaultcli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// fileFiles begins the names of the parts of a fileCache.
const fileFiles = "files"

// fileCache keeps what backups note of files beside the keys of a vault, sealed as
// those are.
type fileCache struct{ d *device }

func (c *fileCache) name(part int) string { return fmt.Sprintf("%s.%d", fileFiles, part) }

// Load implements backup.Cache.
func (c *fileCache) Load(part int) ([]byte, error) {
	var b []byte
	err := c.d.read(c.name(part), &b)
	switch {
	case err == nil:
		return b, nil
	case errors.Is(err, os.ErrNotExist):
		return nil, nil
	case errors.As(err, new(*os.PathError)):
		return nil, err
	}
	return nil, fmt.Errorf("%s is damaged: leave it, the next backup writes it again", filepath.Join(c.d.path, c.name(part)))
}

// Store implements backup.Cache. It also removes what killed processes left.
func (c *fileCache) Store(part int, b []byte) error {
	if part == 0 {
		left, err := filepath.Glob(filepath.Join(c.d.path, fileFiles+".*.*"))
		if err != nil {
			return err
		}
		for _, path := range left {
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	if len(b) > 0 {
		return c.d.write(c.name(part), b)
	}
	if err := os.Remove(filepath.Join(c.d.path, c.name(part))); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
