// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build js && wasm

package indexeddb_test

import (
	"testing"

	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/store/indexeddb"
	"github.com/securecrypt/securecrypt/client/store/storetest"
)

func open(t *testing.T) *indexeddb.Store {
	t.Helper()
	s, err := indexeddb.Open(t.Context(), t.Name())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, true, func(t *testing.T) client.Store { return open(t) })
}

func TestFaultyWrapperConforms(t *testing.T) {
	storetest.Run(t, true, func(t *testing.T) client.Store { return storetest.NewFaulty(open(t)) })
}
