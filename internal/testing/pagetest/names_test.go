// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// What a file is called reorders nothing, wherever it is shown, and not where it is kept either.
func TestNamesOfFilesAreHarmless(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	file := filepath.Join(t.TempDir(), "photo\u202egnp.exe")
	must(t, os.WriteFile(file, []byte("not a picture"), 0o600))
	bea.Choose(`input[type=file]:not([accept])`, file)
	bea.Click("button", "Send")
	ana.sees(".message .file-card")
	if strings.Contains(browsertest.Eval[string](ana.Page, `document.documentElement.outerHTML`), "\u202e") {
		t.Error("the page shows a name as it came")
	}
	ana.Until(`(HTMLAnchorElement.prototype.click = function () { globalThis.kept = this.download }, document.querySelector(".file-card").click(), true)`)
	ana.Until(`globalThis.kept === "photognp.exe"`)
}
