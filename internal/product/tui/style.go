// SPDX-License-Identifier: AGPL-3.0-or-later

package tui

import (
	"hash/fnv"

	"charm.land/lipgloss/v2"
)

// palette has the few styles that there are. Nothing is said by colour alone.
type palette struct {
	plain, strong, quiet, accent, caution, danger lipgloss.Style
	selected, match                               lipgloss.Style
	people                                        []lipgloss.Style
}

// newPalette returns the styles for a dark or a light terminal.
func newPalette(dark bool) palette {
	pick := lipgloss.LightDark(dark)
	fg := func(light, dark string) lipgloss.Style {
		return lipgloss.NewStyle().Foreground(pick(lipgloss.Color(light), lipgloss.Color(dark)))
	}
	base := lipgloss.NewStyle()
	p := palette{
		plain: base, strong: base.Bold(true), quiet: fg("#5b6570", "#97a1ac"),
		accent: fg("#00646b", "#4fc3c9").Bold(true), caution: fg("#8a5a00", "#e0a94a").Bold(true), danger: fg("#b3261e", "#ff8a80").Bold(true),
		selected: base.Background(pick(lipgloss.Color("#dfe7ea"), lipgloss.Color("#26343a"))), match: base.Reverse(true),
	}
	for _, c := range [][2]string{
		{"#7a3e00", "#e8b07a"}, {"#1f5f8b", "#8ec5ee"}, {"#7b2d6b", "#e3a2d6"}, {"#3f6212", "#b5d88a"}, {"#8b1e3f", "#f0a0b8"}, {"#4338a3", "#b6b1f5"},
		{"#0f5e4c", "#83d6c0"}, {"#6b4f1d", "#dcc48d"}, {"#5a3d8a", "#cbb0f0"}, {"#2d5f6e", "#9ccfdd"}, {"#8a3324", "#f0a899"}, {"#455a1f", "#c3d59a"},
	} {
		p.people = append(p.people, fg(c[0], c[1]).Bold(true))
	}
	return p
}

// person returns the colour that somebody always has.
func (p *palette) person(address string) lipgloss.Style {
	h := fnv.New32a()
	h.Write([]byte(address))
	return p.people[int(h.Sum32()%uint32(len(p.people)))]
}
