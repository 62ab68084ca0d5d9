// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"bytes"
	"sync"
)

// Memory is a Store in memory, which forgets everything when the program ends: for tests. The zero
// value is ready, and may be used concurrently.
type Memory struct {
	mu          sync.Mutex
	checkpoints map[string][]byte
}

// Latest implements Store.
func (m *Memory) Latest(origin string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.checkpoints[origin], nil
}

// Replace implements Store.
func (m *Memory) Replace(origin string, old, checkpoint []byte) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !bytes.Equal(m.checkpoints[origin], old) {
		return false, nil
	}
	if m.checkpoints == nil {
		m.checkpoints = make(map[string][]byte)
	}
	m.checkpoints[origin] = checkpoint
	return true, nil
}
