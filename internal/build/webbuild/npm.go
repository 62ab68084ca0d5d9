// SPDX-License-Identifier: AGPL-3.0-or-later

package webbuild

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrNoNode means that Node or npm are missing.
var ErrNoNode = errors.New("webbuild: the interface needs Node 20 or later and npm: install both and try again")

// Install fetches the packages that web/package-lock.json pins, unless they are
// there. None of their scripts run.
func Install(root string) error {
	web := filepath.Join(root, "web")
	lock, err := os.ReadFile(filepath.Join(web, "package-lock.json"))
	if err != nil {
		return err
	}
	stamp := filepath.Join(web, "node_modules", ".installed")
	if have, err := os.ReadFile(stamp); err == nil && bytes.Equal(have, lock) {
		return nil
	}
	if _, err := exec.LookPath("npm"); err != nil {
		return ErrNoNode
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir, cmd.Stderr = web, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("webbuild: npm ci: %w", err)
	}
	return os.WriteFile(stamp, lock, 0o644)
}
