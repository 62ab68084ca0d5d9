// SPDX-License-Identifier: AGPL-3.0-or-later

package memory_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/store/memory"
	"github.com/securecrypt/securecrypt/client/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, false, func(*testing.T) backend.Store { return memory.New() })
}

func TestFaultyWrapperConforms(t *testing.T) {
	storetest.Run(t, false, func(*testing.T) backend.Store { return storetest.NewFaulty(memory.New()) })
}

func TestFaultyWrapperFailsWhole(t *testing.T) {
	s := storetest.NewFaulty(memory.New())
	write := func() error {
		return s.Update(func(tx backend.Tx) error {
			if err := tx.Put([]byte("a"), []byte("1")); err != nil {
				return err
			}
			return tx.Put([]byte("b"), []byte("2"))
		})
	}
	for n := 1; n <= 3; n++ {
		s.FailAt(n)
		if err := write(); !errors.Is(err, storetest.ErrFault) {
			t.Errorf("write %d: %v", n, err)
		}
		err := s.View(func(tx backend.Tx) error {
			return tx.Scan(nil, nil, false, func(k, _ []byte) (bool, error) { return false, fmt.Errorf("%q is there", k) })
		})
		if err != nil {
			t.Errorf("after the failure of write %d: %v", n, err)
		}
	}
	if err := write(); err != nil {
		t.Error(err)
	}
}
