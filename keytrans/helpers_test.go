// SPDX-License-Identifier: Apache-2.0

package keytrans_test

import (
	"bytes"
	"fmt"
	"log/slog"

	"golang.org/x/mod/sumdb/tlog"
)

func recordHash(leaf []byte) tlog.Hash { return tlog.RecordHash(leaf) }

// printAll returns each value as fmt and slog print it.
func printAll(values ...any) (all []string) {
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			all = append(all, fmt.Sprintf(verb, v))
		}
		var b bytes.Buffer
		slog.New(slog.NewTextHandler(&b, nil)).Info("key", "key", v)
		all = append(all, b.String())
	}
	return all
}
