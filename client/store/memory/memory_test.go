// SPDX-License-Identifier: AGPL-3.0-or-later

package memory_test

import (
	"testing"

	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/store/memory"
	"github.com/securecrypt/securecrypt/client/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, false, func(*testing.T) client.Store { return memory.New() })
}
