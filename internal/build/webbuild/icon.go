// SPDX-License-Identifier: AGPL-3.0-or-later

package webbuild

import "embed"

// appIcons are pictures of web/icon.svg in pixels, for platforms that take no
// SVG. A change of the drawing needs new pictures. apple-touch-icon.png and
// icon-maskable-512.png have a ground that fills the whole square, and the sign at
// nine and eight tenths of its size, because systems cut their edges off.
//
//go:embed icons/*.png
var appIcons embed.FS

// addIcons adds the pictures to out.
func addIcons(out files) error {
	pictures, err := appIcons.ReadDir("icons")
	if err != nil {
		return err
	}
	for _, p := range pictures {
		if out[p.Name()], err = appIcons.ReadFile("icons/" + p.Name()); err != nil {
			return err
		}
	}
	return nil
}
