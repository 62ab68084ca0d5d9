// SPDX-License-Identifier: AGPL-3.0-or-later

package disk_test

import (
	"path/filepath"
	"testing"

	"github.com/securecrypt/securecrypt/client/files/disk"
)

func TestOnlyFilesAreAttached(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "none"), "/dev/null"} {
		if _, err := (disk.Files{}).Open(path); err == nil {
			t.Errorf("%s was taken", path)
		}
	}
}
