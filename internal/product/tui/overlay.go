// SPDX-License-Identifier: AGPL-3.0-or-later

package tui

import (
	tea "charm.land/bubbletea/v2"
)

// An overlay lies over the panes and takes the keys until it is closed. Escape
// closes every overlay.
type overlay interface {
	// key handles a key press.
	key(m *model, k tea.KeyPressMsg) tea.Cmd
	// other handles anything else: results, pasted text.
	other(m *model, msg tea.Msg) tea.Cmd
	// lines is what it shows in at most width by height cells.
	lines(m *model, width, height int) []string
	// hints are its keys, for the last line of the screen.
	hints() []hint
}

// A hint is a key and what it does.
type hint struct{ key, does string }

func (m *model) show(o overlay) tea.Cmd {
	m.overlay = o
	m.compose.Blur()
	return nil
}

func (m *model) dismiss() tea.Cmd {
	m.overlay = nil
	if m.mode == modeWrite {
		return m.compose.Focus()
	}
	return nil
}
