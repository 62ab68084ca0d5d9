// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"math"
)

type attached struct {
	name, kind string
	data       []byte
}

// landscape draws hills under a sky of a hue in degrees.
func landscape(width, height, hue int) []byte {
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			c := tone(hue+y*40/height, 0.55+0.4*float64(y)/float64(height))
			for hill := range 3 {
				top := float64(height) * (0.5 + 0.15*float64(hill) + 0.08*math.Sin(float64(x)/(90+40*float64(hill))+float64(hue+hill*2)))
				if float64(y) > top {
					c = tone(hue+120, 0.5-0.12*float64(hill))
				}
			}
			m.SetRGBA(x, y, c)
		}
	}
	var out bytes.Buffer
	_ = png.Encode(&out, m) // into memory
	return out.Bytes()
}

func tone(hue int, light float64) color.RGBA {
	part := func(shift float64) uint8 {
		return uint8(255 * light * (0.75 + 0.25*math.Cos((float64(hue)+shift)*math.Pi/180)))
	}
	return color.RGBA{part(0), part(240), part(120), 255}
}

// hum is a sound of so many seconds, as a WAV file.
func hum(seconds int) []byte {
	const rate = 8000
	var out bytes.Buffer
	n := uint32(seconds * rate)
	out.WriteString("RIFF")
	_ = binary.Write(&out, binary.LittleEndian, n+36)
	out.WriteString("WAVEfmt ")
	_ = binary.Write(&out, binary.LittleEndian, struct {
		Size            uint32
		Format, Chans   uint16
		Rate, ByteRate  uint32
		Align, BitDepth uint16
	}{16, 1, 1, rate, rate, 1, 8})
	out.WriteString("data")
	_ = binary.Write(&out, binary.LittleEndian, n)
	for i := range int(n) {
		at := float64(i) / rate
		loud := math.Abs(math.Sin(at*2.1)*math.Sin(at*0.7)) * 100
		out.WriteByte(byte(128 + loud*math.Sin(at*2*math.Pi*180)))
	}
	return out.Bytes()
}
