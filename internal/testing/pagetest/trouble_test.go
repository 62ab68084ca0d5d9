// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/storage"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// A full device is said, and nothing is lost.
func TestFullDevice(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.visit(t, desktop, "ana"), w.settle(t, phone, "bea", "")
	big := filepath.Join(t.TempDir(), "big.bin")
	must(t, os.WriteFile(big, make([]byte, 24<<20), 0o600))
	quota := func(size float64) {
		browsertest.Call(ana.Page, storage.OverrideQuotaForOrigin, storage.OverrideQuotaForOriginParams{Origin: browsertest.Eval[string](ana.Page, "location.origin"), QuotaSize: &size})
	}
	quota(20 << 20) // before the browser remembers how much room there is
	ana.create("")
	ana.meet(bea)
	ana.Choose(`input[type=file]:not([accept])`, big)
	ana.shows("big.bin")
	ana.Click("button", "Send")
	ana.shows("This device is full")
	quota(1 << 30)
	ana.say("still working")
	bea.reads("still working")
	ana.Do(reload())
	ana.reads("still working")
}

// Who denies the microphone is told what to do.
func TestDeniedMicrophone(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	ana.Click("button", "Record a voice message")
	ana.Until(`/microphone/i.test(document.body.innerText)`)
	ana.Click("button", "Close")
	ana.say("typed instead")
}

// Files and pictures arrive as they were, pictures without what a camera adds.
func TestFiles(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	file := filepath.Join(t.TempDir(), "notes.txt")
	must(t, os.WriteFile(file, []byte("what the file says"), 0o600))
	ana.Choose(`input[type=file]:not([accept])`, file)
	ana.shows("notes.txt")
	ana.Click("button", "Send")
	bea.reads("notes.txt")
	bea.Until(`(() => {
		if (!globalThis.saved) {
			globalThis.saved = []
			const make = URL.createObjectURL
			URL.createObjectURL = b => { b.text().then(t => saved.push(t)); return make.call(URL, b) }
			return false
		}
		return true
	})()`)
	bea.Click("button", "notes.txt")
	bea.Until(`saved.includes("what the file says")`)
}

// The browser is asked to keep what is stored as soon as somebody has written.
func TestKeptStorage(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, phone, "ana", ""), w.terminal(t, "bea")
	ana.Allow("persistent-storage")
	ana.writeTo(bea.Address().String(), "Hello Bea")
	ana.Until(`navigator.storage.persisted()`)
	ana.Go(w.home() + "/#/settings/storage")
	ana.shows("The browser keeps it even if space is short.")
}
