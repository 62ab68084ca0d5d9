// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"net"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/internal/product/webapp"
	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// wantsInvites starts the server anew: from now on it takes no account without an invitation.
func (w *town) wantsInvites(t *testing.T) {
	t.Helper()
	w.Stop(t)
	ln, err := net.Listen("tcp", w.at)
	must(t, err)
	w.Instance = servertest.StartOn(t, ln, servertest.Options{Dir: w.dir, Change: func(c *server.Config) {
		c.Registration = server.RegistrationInvite
		c.Page = webapp.Handler(webapp.Options{Server: c.Host, Loopback: true})
	}})
}

// Under duress the page shows an ordinary empty profile, on a server that takes nobody without an invitation as well.
func TestDuressWithoutInvitation(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.settle(t, desktop, "ana", "my own words")
	ana.Click("button", "Settings")
	ana.Click("button", "Lock and safety")
	ana.Write("Second passphrase", "their words")
	ana.Write("Confirm passphrase", "their words")
	ana.Until(`(() => { const b = [...document.querySelectorAll("form")].find(f => f.textContent.includes("Second passphrase"))?.querySelector("[type=submit]"); b?.click(); return !!b })()`)
	ana.shows("Saved")
	ana.Click("button", "Lock now")
	w.wantsInvites(t)
	ana.Expect("WebSocket|net::ERR_")
	ana.Write("Passphrase", "their words")
	ana.Click("button", "Unlock")
	ana.shows("No conversations yet")
	ana.Until(`new Promise(r => setTimeout(() => r(true), 3000))`)
	if ana.Sees("alert", "") || strings.Contains(browsertest.Eval[string](ana.Page, "document.body.innerText"), "nvitation") {
		t.Errorf("the page tells: %s", browsertest.Eval[string](ana.Page, "document.body.innerText"))
	}
	ana.comesBack()
	ana.Write("Passphrase", "their words")
	ana.Click("button", "Unlock")
	ana.shows("No conversations yet")
}
