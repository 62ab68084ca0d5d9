// SPDX-License-Identifier: AGPL-3.0-or-later

package webbuild

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The manifest and the page name pictures that exist and have the sizes that
// the manifest gives.
func TestIconsAreAsTheManifestSays(t *testing.T) {
	out := files{}
	if err := addIcons(out); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("../../../web", "manifest.webmanifest"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Icons []struct{ Src, Type, Sizes string }
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"apple-touch-icon.png": "180x180"}
	for _, i := range manifest.Icons {
		if i.Type == "image/png" {
			want[strings.TrimPrefix(i.Src, "/")] = i.Sizes
		}
	}
	if len(want) != len(out) {
		t.Errorf("%d pictures are named, %d exist", len(want), len(out))
	}
	for name, size := range want {
		c, err := png.DecodeConfig(bytes.NewReader(out[name]))
		if got := fmt.Sprintf("%dx%d", c.Width, c.Height); err != nil || got != size {
			t.Errorf("%s is %s (%v), not %s", name, got, err, size)
		}
	}
}
