// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/prefixmap"
)

// Memory is a Store in memory. The zero value is ready.
type Memory struct {
	prefixmap.Memory
	resets map[keytrans.Label]int64
	// Last are the Changes that were stored last, with the state to resume from.
	Last Changes
}

// Value implements Store.
func (m *Memory) Value(l keytrans.Label) (keytrans.Hash, bool, error) {
	h, ok := m.Get(l)
	return h, ok, nil
}

// ResetTime implements Store.
func (m *Memory) ResetTime(l keytrans.Label) (int64, bool, error) {
	t, ok := m.resets[l]
	return t, ok, nil
}

// Save is what Replay.Flush calls.
func (m *Memory) Save(c Changes) error {
	m.Set(c.Items...)
	if m.resets == nil {
		m.resets = make(map[keytrans.Label]int64)
	}
	for _, r := range c.Resets {
		if r.Pending {
			m.resets[r.Label] = r.Time
		} else {
			delete(m.resets, r.Label)
		}
	}
	m.Last = c
	m.Last.Items, m.Last.Resets = nil, nil
	return nil
}
