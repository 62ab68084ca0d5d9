// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// clicked has the service worker hear of a click on the notification of a tag.
// Only the system's own clicks may open windows, so that what it would open or
// bring to the front is noted instead.
const clicked = `(async tag => {
	const done = { opened: [], focused: 0 }
	clients.openWindow = async url => { done.opened.push(url) }
	WindowClient.prototype.focus = async function () { done.focused++; return this }
	let notification
	for (let looks = 0; !notification; looks++) {
		if (looks > 1000) throw new Error("there is no such notification")
		notification = (await registration.getNotifications()).find(n => n.tag === tag || !tag)
		await new Promise(done => setTimeout(done, 20))
	}
	const waits = [], wait = ExtendableEvent.prototype.waitUntil
	ExtendableEvent.prototype.waitUntil = p => void waits.push(p)
	dispatchEvent(new NotificationEvent("notificationclick", { notification }))
	ExtendableEvent.prototype.waitUntil = wait
	await Promise.all(waits)
	return done
})`

// click is what a click on a notification did.
type click struct {
	Opened  []string
	Focused int
}

// clicks clicks on a notification, any if the tag is empty.
func (p *person) clicks(tag string) click {
	p.t.Helper()
	return inServiceWorker[click](p, clicked+"("+quote(tag)+")")
}

// leaves goes to another site, and waits until the service worker knows that
// no page of the application is left.
func (p *person) leaves() {
	p.t.Helper()
	p.Go("about:blank")
	eventually(p.t, "no page in the service worker's eyes", func() bool {
		return inServiceWorker[int](p, `clients.matchAll({ type: "window", includeUncontrolled: true }).then(all => all.length)`) == 0
	})
}

// inServiceWorker evaluates an expression in a person's service worker, which
// it starts where it rests, and waits for it.
func inServiceWorker[T any](p *person, expression string) T {
	p.t.Helper()
	var id target.ID
	find := func() bool {
		all, err := chromedp.Call(p.Context(), target.GetTargets, target.GetTargetsParams{Filter: target.Filter{{Type: "service_worker"}}})
		must(p.t, err)
		for _, x := range all.TargetInfos {
			if x.BrowserContextID == chromedp.FromContext(p.Context()).BrowserContextID && strings.HasSuffix(x.URL, "/sw.js") {
				id = x.TargetID
			}
		}
		return id != ""
	}
	if !find() {
		browsertest.Call(p.Page, serviceworker.Enable, cdp.Empty{})
		browsertest.Call(p.Page, serviceworker.StartWorker, serviceworker.StartWorkerParams{ScopeURL: p.town.home() + "/"})
		eventually(p.t, "the service worker", find)
		browsertest.Call(p.Page, serviceworker.Disable, cdp.Empty{})
	}
	ctx, cancel := chromedp.NewContext(p.Context(), chromedp.WithTargetID(id), chromedp.WithDetachOnCancel())
	defer cancel()
	result, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	must(p.t, err)
	return result
}

// A click on a notification leads to the conversation in a page that is open,
// and opens the application where there is none.
func TestNotificationIsClicked(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	at := browsertest.Eval[string](bea.Page, place)
	bea.Permit("notifications", true)
	bea.Go(w.home() + "/#/settings/notifications")
	bea.choose("select:has([value=full])", "full")
	bea.Until(`Notification.requestPermission().then(() => true)`) // the page asks before it stores the choice
	bea.Do(reload())
	bea.Until(`document.querySelector("select:has([value=full])")?.value === "full"`)
	bea.Until(`navigator.serviceWorker.ready.then(r => (r.active.postMessage("are you awake"), true))`)
	bea.hides(true)
	ana.say("are you there")
	bea.Until(notifications + `.then(n => n.length === 1)`)
	if done := bea.clicks(""); done.Focused != 1 || len(done.Opened) > 0 {
		t.Errorf("with a page at another place, a click did %+v", done)
	}
	bea.reads("are you there")
	bea.Until(place + " === " + quote(at))
	bea.Until(notifications + `.then(n => n.length === 0)`)

	bea.leaves()
	bea.wakes()
	if done := bea.clicks("wake"); done.Focused != 0 || strings.Join(done.Opened, " ") != "/" {
		t.Errorf("without a page, a click did %+v", done)
	}
	bea.Go(w.home())
	bea.Until(notifications + `.then(n => n.length === 0)`)
}

// Who has denied notifications is told how to allow them, and sees that they
// are off.
func TestDeniedNotifications(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana := w.settle(t, phoneLight, "ana", "")
	ana.Permit("notifications", false)
	ana.Go(w.home() + "/#/settings/notifications")
	ana.choose("select:has([value=full])", "quiet")
	ana.shows("does not allow notifications here. Allow them in the settings of this page")
	ana.Until(`document.querySelector("select:has([value=full])").value === "off"`)
	ana.Permit("notifications", true)
	ana.choose("select:has([value=full])", "quiet")
	ana.Until(`document.querySelector("select:has([value=full])").value === "quiet" && !document.querySelector("[role=alert]")`)
}
