// SPDX-License-Identifier: AGPL-3.0-or-later

package webbuild

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// page are the names that index.html needs.
type page struct {
	// Line is the classic script that runs before all else.
	Line    string
	Script  string
	Style   string
	Preload []string
	// Locales are the catalogues that the script loads when somebody wants them.
	Locales []string
}

// readMeta finds the entries and what the script imports at once.
func readMeta(metafile string) (page, error) {
	var meta struct {
		Outputs map[string]struct {
			EntryPoint string
			Imports    []struct{ Path, Kind string }
		}
	}
	if err := json.Unmarshal([]byte(metafile), &meta); err != nil {
		return page{}, err
	}
	var p page
	for name, output := range meta.Outputs {
		switch entry := output.EntryPoint; {
		case strings.HasPrefix(entry, locales):
			p.Locales = append(p.Locales, strings.TrimPrefix(name, "out/"))
		case entry == script:
			p.Script = strings.TrimPrefix(name, "out/")
			for _, i := range output.Imports {
				if i.Kind == "import-statement" {
					p.Preload = append(p.Preload, strings.TrimPrefix(i.Path, "out/"))
				}
			}
		case entry == style:
			p.Style = strings.TrimPrefix(name, "out/")
		}
	}
	slices.Sort(p.Preload)
	slices.Sort(p.Locales)
	if p.Script == "" || p.Style == "" {
		return page{}, fmt.Errorf("webbuild: the bundle lacks %s or %s", script, style)
	}
	return p, nil
}

// write adds the page, the manifest and the icons.
func (p page) write(o Options, out files) error {
	web := filepath.Join(o.Root, "web")
	drawing, err := os.ReadFile(filepath.Join(web, "icon.svg"))
	if err != nil {
		return err
	}
	out["icon.svg"] = drawing
	if err := addIcons(out); err != nil {
		return err
	}
	if out["manifest.webmanifest"], err = os.ReadFile(filepath.Join(web, "manifest.webmanifest")); err != nil {
		return err
	}
	t, err := template.ParseFiles(filepath.Join(web, "index.html"))
	if err != nil {
		return err
	}
	var html bytes.Buffer
	err = t.Execute(&html, p)
	out["index.html"] = html.Bytes()
	return err
}
