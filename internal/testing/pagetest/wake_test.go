// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/chromedp"
	"github.com/golang-jwt/jwt/v5"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
	"github.com/securecrypt/securecrypt/server/push/webpush"
)

// pushes is a push service on this machine, and what it was asked.
type pushes struct {
	*httptest.Server
	key   *ecdsa.PrivateKey // of the town's server
	asked chan pushed
}

type pushed struct {
	request *http.Request
	body    []byte
}

func newPushes(t *testing.T) (*pushes, *webpush.Pusher) {
	t.Helper()
	p := &pushes{asked: make(chan pushed, 16)}
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what could not be read is seen to lack
		p.asked <- pushed{r, body}
		w.WriteHeader(http.StatusCreated)
	}))
	t.Cleanup(p.Close)
	var err error
	p.key, err = webpush.KeyFile(filepath.Join(t.TempDir(), "push.pem"))
	must(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(p.Certificate())
	pusher, err := webpush.New(webpush.Options{Key: p.key, Services: []string{strings.TrimPrefix(p.URL, "https://")}, Roots: roots, Now: time.Now})
	must(t, err)
	return p, pusher
}

// subscribe is what the browser does instead of asking its maker's push
// service: the subscription leads to endpoint, and says what key it was made
// with in its path. Without an endpoint it fails.
func (p *person) subscribe(endpoint string) {
	p.t.Helper()
	browsertest.Call(p.Page, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `{
		const kept = () => { try { return JSON.parse(localStorage.getItem("test-subscription")) } catch { return null } }
		const decode = s => Uint8Array.from(atob(s.replace(/-/g, "+").replace(/_/g, "/")), c => c.charCodeAt(0)).buffer
		const made = s => s && { endpoint: s.endpoint, options: { applicationServerKey: decode(s.key) }, unsubscribe: async () => { localStorage.removeItem("test-subscription"); return true } }
		PushManager.prototype.getSubscription = async () => made(kept())
		PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey: key }) => {
			const endpoint = ` + quote(endpoint) + `
			if (!endpoint || !userVisibleOnly) throw new DOMException("no push service", "AbortError")
			localStorage.setItem("test-subscription", JSON.stringify({ endpoint: endpoint + "/" + key, key }))
			return made(kept())
		}}`})
	p.Do(reload())
}

// switchWake turns the switch in the settings.
func (p *person) switchWake() {
	p.t.Helper()
	p.Go(p.town.home() + "/#/settings/notifications")
	p.Click("switch", "While SecureCrypt is closed")
}

// wakes pushes to somebody whose page is closed, and waits until that is shown.
func (p *person) wakes() {
	p.t.Helper()
	p.push()
	eventually(p.t, "a notification", func() bool { return inServiceWorker[int](p, "shown") > 0 })
}

// push hands a push to somebody's service worker.
func (p *person) push() {
	p.t.Helper()
	inServiceWorker[bool](p, inTurn)
	ids := make(chan serviceworker.RegistrationID, 16)
	must(p.t, chromedp.Listen(p.Context(), func(event any) {
		if e, ok := event.(*serviceworker.EventWorkerRegistrationUpdated); ok {
			for _, r := range e.Registrations {
				if strings.HasPrefix(r.ScopeURL, p.town.home()) && !r.IsDeleted {
					select {
					case ids <- r.RegistrationID:
					default:
					}
				}
			}
		}
	}))
	browsertest.Call(p.Page, serviceworker.Enable, cdp.Empty{})
	select {
	case id := <-ids:
		browsertest.Call(p.Page, serviceworker.DeliverPushMessage, serviceworker.DeliverPushMessageParams{Origin: p.town.home(), RegistrationID: id})
	case <-time.After(time.Minute):
		p.t.Fatal("there is no service worker")
	}
	browsertest.Call(p.Page, serviceworker.Disable, cdp.Empty{})
}

// inTurn lets notifications be shown and looked for one after the other, in the
// page or service worker that runs it, and counts in "shown" those that are
// shown. Chromium forgets a notification whose display has not begun when
// somebody asks for all of them.
const inTurn = `(() => {
	const asked = globalThis.ServiceWorkerRegistration?.prototype
	if (!asked || globalThis.shown !== undefined) return true
	globalThis.shown = 0
	const { showNotification: show, getNotifications: get } = asked
	let last = Promise.resolve()
	const next = task => { const done = last.then(task); last = done.catch(() => undefined); return done }
	asked.showNotification = function (...how) { return next(() => show.apply(this, how).then(() => void globalThis.shown++)) }
	asked.getNotifications = function (...how) { return next(() => get.apply(this, how)) }
	return true
})()`

// notifications are what the system shows of the page.
const notifications = `(async () => (await (await navigator.serviceWorker.getRegistration("/")).getNotifications()).map(n => [n.tag, n.title, n.body, JSON.stringify(n.data)].join("|")))()`

// check checks one push as a push service does.
func (p *pushes) check(t *testing.T, one pushed) {
	t.Helper()
	public, err := p.key.PublicKey.Bytes()
	must(t, err)
	key := base64.RawURLEncoding.EncodeToString(public)
	if one.request.Method != http.MethodPost || len(one.body) > 0 || one.request.URL.Path != "/bea/"+key {
		t.Errorf("%s %s with %q", one.request.Method, one.request.URL.Path, one.body)
	}
	text, given, ok := strings.Cut(strings.TrimPrefix(one.request.Header.Get("Authorization"), "vapid t="), ", k=")
	if !ok || given != key {
		t.Fatalf("authorization %q", one.request.Header.Get("Authorization"))
	}
	claims := jwt.RegisteredClaims{}
	_, err = jwt.ParseWithClaims(text, &claims, func(*jwt.Token) (any, error) { return &p.key.PublicKey, nil }, jwt.WithValidMethods([]string{"ES256"}), jwt.WithAudience(p.URL), jwt.WithExpirationRequired())
	must(t, err)
	for name, values := range one.request.Header {
		for _, v := range values {
			if strings.Contains(v, "ana") || strings.Contains(v, "secret words") {
				t.Errorf("%s: %q", name, v)
			}
		}
	}
}

// Who closed the page is told that something arrived, by a push without
// content and a notification without any of it.
func TestClosedPagesAreWoken(t *testing.T) {
	t.Parallel()
	service, pusher := newPushes(t)
	w := newTownWith(t, pusher)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	at := browsertest.Eval[string](bea.Page, place)
	bea.Permit("notifications", true)
	bea.subscribe(service.URL + "/bea")
	bea.switchWake()
	bea.Until(`document.querySelector("[role=switch]").checked && !document.querySelector("[role=switch]").disabled`)
	bea.Do(reload())
	bea.Until(`document.querySelector("[role=switch]")?.checked`)
	bea.at(at)
	bea.say("I am leaving") // who has this knows how to wake her
	ana.reads("I am leaving")
	bea.leaves()
	const ofOne = 2 // with an open page: one that is signed in, and one for channels
	eventually(t, "that the connections of a page that was left end", func() bool { return w.Connections(t) <= ofOne })

	ana.say("secret words")
	select {
	case one := <-service.asked:
		service.check(t, one)
	case <-time.After(time.Minute):
		t.Fatal("nobody was woken")
	}
	ana.say("more secret words")
	bea.wakes()
	bea.Expect("favicon")
	bea.Go(w.home() + "/icon.svg") // of the same origin, but not the application
	got := browsertest.Eval[[]string](bea.Page, notifications)
	if len(got) != 1 || got[0] != "wake|SecureCrypt|New message|null" {
		t.Errorf("shown: %q", got)
	}
	bea.Go(w.home())
	bea.Click("link", "Ana")
	bea.shows("more secret words")
	bea.Until(notifications + `.then(n => n.length === 0)`)

	// With a page to look at, there is nothing to say.
	bea.push()
	if got := browsertest.Eval[[]string](bea.Page, notifications); len(got) != 0 {
		t.Errorf("shown to who looks: %q", got)
	}
	if n := len(service.asked); n != 0 {
		t.Errorf("%d more pushes within a minute", n)
	}
	bea.switchWake()
	bea.Until(`!document.querySelector("[role=switch]").checked && !localStorage.getItem("test-subscription")`)
}

// What stands in the way is said beside the switch.
func TestWakingIsRefused(t *testing.T) {
	t.Parallel()
	service, pusher := newPushes(t)
	w := newTownWith(t, pusher)
	ana := w.settle(t, desktop, "ana", "")
	off := func(text string) {
		t.Helper()
		ana.switchWake()
		ana.shows(text)
		ana.Until(`!document.querySelector("[role=switch]").checked`)
	}
	ana.Permit("notifications", false)
	off("does not allow notifications")
	ana.Permit("notifications", true)
	ana.subscribe("")
	off("push service cannot be reached")
	ana.subscribe("https://elsewhere.example/x")
	off("does not use your browser’s push service")
	ana.subscribe(service.URL + "/ana")
	ana.switchWake()
	ana.Until(`document.querySelector("[role=switch]").checked && localStorage.getItem("test-subscription")`)

	other := newTown(t)
	bea := other.settle(t, phone, "bea", "")
	bea.Permit("notifications", true)
	bea.switchWake()
	bea.shows("does not wake closed pages")
}

// An open page that nobody looks at tells of messages through its service
// worker, which leads back to them.
func TestNotificationsOfAnOpenPage(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	at := browsertest.Eval[string](bea.Page, place)
	bea.Permit("notifications", true)
	bea.Go(w.home() + "/#/settings/notifications")
	bea.Until(`(() => { const s = document.querySelector("select"); if (!s) return false; s.value = "full"; s.dispatchEvent(new Event("change", {bubbles: true})); return true })()`)
	bea.Until(`document.querySelector("select").value === "full"`)
	bea.Do(reload())
	bea.Until(`document.querySelector("select")?.value === "full"`)
	bea.Until(`!!navigator.serviceWorker.controller || navigator.serviceWorker.ready.then(() => true)`)
	bea.hides(true)
	ana.say("are you there")
	bea.Until(notifications + `.then(n => n.length === 1 && n[0].includes("|Ana|are you there|") && n[0].includes(` + quote(at) + `))`)
	bea.Until(`navigator.serviceWorker.dispatchEvent(new MessageEvent("message", { data: { go: ` + quote(at) + ` } }))`)
	bea.reads("are you there")
}
