// SPDX-License-Identifier: AGPL-3.0-or-later

package mountfs

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/securecrypt/securecrypt/vault/oplog"
)

// snapshotName returns what the directory of a snapshot is called: its time in UTC
// and its number.
func snapshotName(s *oplog.Snapshot) string {
	name := fmt.Sprintf("%s_%d", time.Unix(s.Time, 0).UTC().Format("2006-01-02T15-04-05Z"), s.Seq)
	if s.Body.Partial {
		name += "_partial"
	}
	return name
}

// deviceName returns what the directory of a device is called: its name, without
// what a name of a file cannot have or nobody sees, and the beginning of its
// identifier, so that no two are the same.
func deviceName(d *oplog.Device) string {
	clean := strings.Map(func(r rune) rune {
		if r == '/' || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, d.Name)
	if r := []rune(clean); len(r) > 40 {
		clean = string(r[:40])
	}
	return clean + "_" + d.ID.String()[:16]
}
