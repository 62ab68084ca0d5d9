// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"slices"
	"testing"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// besides are the names of what lies beside the store.
const besides = `(async () => {
	const db = await new Promise((ok, bad) => { const r = indexedDB.open("securecrypt device"); r.onsuccess = () => ok(r.result); r.onerror = () => bad(r.error) })
	try {
		return await new Promise((ok, bad) => { const r = db.transaction("keys").objectStore("keys").getAllKeys(); r.onsuccess = () => ok(r.result); r.onerror = () => bad(r.error) })
	} finally { db.close() }
})()`

func (p *person) keeps(names ...string) {
	p.t.Helper()
	if got := browsertest.Eval[[]string](p.Page, besides); !slices.Equal(got, names) {
		p.t.Errorf("beside the store lie %q, not %q", got, names)
	}
}

// The key of the device goes when a passphrase takes its place, and comes back when that is removed.
func TestDeviceKeyGoesWithAPassphrase(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.settle(t, desktop, "ana", "")
	ana.keeps("device", "sealed")
	ana.Click("button", "Settings")
	ana.Click("button", "Lock and safety")
	ana.Write("New passphrase", "my own words")
	ana.Write("Confirm passphrase", "my own words")
	ana.Click("button", "Save")
	ana.shows("Saved")
	ana.shows("A second passphrase, if you set one, goes with the old one.")
	ana.keeps("sealed")
	ana.comesBack()
	ana.Write("Passphrase", "my own words")
	ana.Click("button", "Unlock")
	ana.Click("button", "Settings")
	ana.Click("button", "Lock and safety")
	ana.Write("Present passphrase", "my own words")
	ana.Click("button", "Remove")
	ana.shows("Saved")
	ana.keeps("device", "sealed")
	ana.comesBack()
	ana.Await("button", "New conversation")
}
