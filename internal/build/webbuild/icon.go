// SPDX-License-Identifier: AGPL-3.0-or-later

package webbuild

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
)

// appIcon is the picture of web/icon.svg in pixels, for platforms that take no
// SVG. The two drawings share their measures, in units of 1/64 of the side.
type appIcon struct {
	name   string
	size   int     // pixels
	corner float64 // radius of the ground; 0 fills the square
	scale  float64 // of the sign: a maskable icon keeps it within the inner four fifths
}

var appIcons = []appIcon{
	{"icon-192.png", 192, 14, 1},
	{"icon-512.png", 512, 14, 1},
	{"icon-maskable-512.png", 512, 0, 0.8},
	{"apple-touch-icon.png", 180, 0, 0.9},
}

var (
	ground = color.NRGBA{0x0b, 0x6e, 0x66, 0xff}
	sign   = color.NRGBA{0xff, 0xff, 0xff, 0xff}
)

func (i appIcon) draw() ([]byte, error) {
	img := image.NewNRGBA(image.Rect(0, 0, i.size, i.size))
	unit := 64 / float64(i.size)
	for y := range i.size {
		for x := range i.size {
			px, py := (float64(x)+0.5)*unit, (float64(y)+0.5)*unit
			base := cover(roundedBox(px-32, py-32, 32, 32, i.corner), unit)
			if i.corner == 0 {
				base = 1
			}
			mark := cover(bubble((px-32)/i.scale+32, (py-32)/i.scale+32), unit/i.scale)
			img.SetNRGBA(x, y, blend(base, mark))
		}
	}
	var b bytes.Buffer
	err := png.Encode(&b, img)
	return b.Bytes(), err
}

// bubble is the distance to the sign: a speech bubble with a keyhole.
func bubble(x, y float64) float64 {
	body := roundedBox(x-32, y-29, 19, 15, 9)
	tail := triangle(x, y, 20, 40, 20, 54, 33, 42)
	hole := math.Hypot(x-32, y-26) - 4.5
	slot := math.Max(math.Abs(x-32)-2.2, math.Abs(y-32.5)-4.5)
	return math.Max(math.Min(body, tail), -math.Min(hole, slot))
}

func roundedBox(x, y, w, h, r float64) float64 {
	dx, dy := math.Abs(x)-w+r, math.Abs(y)-h+r
	return math.Hypot(math.Max(dx, 0), math.Max(dy, 0)) + math.Min(math.Max(dx, dy), 0) - r
}

// triangle is the distance to the farthest of three sides.
func triangle(x, y, ax, ay, bx, by, cx, cy float64) float64 {
	side := func(ax, ay, bx, by float64) float64 {
		return ((bx-ax)*(ay-y) - (ax-x)*(by-ay)) / math.Hypot(bx-ax, by-ay)
	}
	s := math.Copysign(1, (bx-ax)*(cy-ay)-(cx-ax)*(by-ay))
	return -math.Min(-s*side(ax, ay, bx, by), math.Min(-s*side(bx, by, cx, cy), -s*side(cx, cy, ax, ay)))
}

// cover is how much of a pixel lies inside, for edges without steps.
func cover(distance, pixel float64) float64 {
	return math.Min(1, math.Max(0, 0.5-distance/pixel))
}

func blend(base, mark float64) color.NRGBA {
	mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a) + (float64(b)-float64(a))*mark)) }
	return color.NRGBA{mix(ground.R, sign.R), mix(ground.G, sign.G), mix(ground.B, sign.B), uint8(math.Round(255 * base))}
}
