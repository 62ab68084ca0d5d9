// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/runtime"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// violations is what axe-core finds wrong, with where.
const violations = `((...rules) => axe.run(document, {resultTypes: ["violations"], ...(rules.length && {runOnly: rules})}).then(r =>
	r.violations.map(v => v.id + ": " + v.help + "\n" + v.nodes.slice(0, 4).map(n => "    " + n.target.join(" ") + " " + n.html.slice(0, 160) + "\n    " + (n.any[0] ?? n.all[0] ?? n.none[0])?.message).join("\n")).join("\n")))`

// Every screen passes the rules of axe-core, in light and in dark, and fits.
// With high contrast its colours pass, too.
func TestAccessible(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile(filepath.Join("..", "..", "..", "web", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Skip("axe-core is not installed; `make web` installs it")
	}
	takeTour(t, func(p *person, name string) {
		if browsertest.Eval[string](p.Page, "typeof axe") == "undefined" {
			// The protocol's own evaluation passes by the page's policy.
			browsertest.Call(p.Page, runtime.Evaluate, runtime.EvaluateParams{Expression: string(script)})
		}
		for _, s := range []screen{phone, desktop} {
			p.Size(s.width, s.height, s.touch)
			p.still(s.theme)
			p.settleDown()
			if found := browsertest.Eval[string](p.Page, violations+"()"); strings.TrimSpace(found) != "" {
				t.Errorf("%s on %s:\n%s", name, s.name, found)
			}
			p.Until(`(` + root + `.dataset.contrast = "more", true)`)
			p.settleDown()
			if found := browsertest.Eval[string](p.Page, violations+`("color-contrast")`); strings.TrimSpace(found) != "" {
				t.Errorf("%s on %s, with high contrast:\n%s", name, s.name, found)
			}
			p.Until(`(` + root + `.dataset.contrast = "normal", true)`)
		}
		p.fits(name)
	})
}
