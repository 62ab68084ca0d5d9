// SPDX-License-Identifier: AGPL-3.0-or-later

package browsertest_test

import (
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// What a page stores outlives the browser's process, and goes along with a copy
// of the profile, a key that no script can read among it.
func TestDevicesKeepAndCopyProfiles(t *testing.T) {
	d := browsertest.NewDevice(t)
	url := serve(t, "")
	const open = `new Promise((done, failed) => {
		const r = indexedDB.open("x"); r.onerror = failed
		r.onupgradeneeded = () => r.result.createObjectStore("s")
		r.onsuccess = () => done(r.result)
	})`
	const get = open + `.then(db => new Promise(done => { db.transaction("s").objectStore("s").get("k").onsuccess = e => done(e.target.result) }))`
	const key = `{name: "AES-GCM", iv: new Uint8Array(12)}, k, new Uint8Array(1)).then(b => [...new Uint8Array(b)].join())`
	p := d.Open()
	p.Go(url)
	want := browsertest.Eval[string](p, `crypto.subtle.generateKey({name: "AES-GCM", length: 256}, false, ["encrypt"]).then(k => `+open+`.then(db => new Promise(done => {
		const tx = db.transaction("s", "readwrite", {durability: "strict"}); tx.objectStore("s").put(k, "k"); tx.oncomplete = () => done(k)
	}))).then(k => crypto.subtle.encrypt(`+key+`)`)
	d.Stop()
	c := d.Copy()
	for name, one := range map[string]*browsertest.Device{"the device": d, "the copy": c} {
		one.Start()
		p := one.Open()
		p.Go(url)
		if got := browsertest.Eval[string](p, get+`.then(k => crypto.subtle.encrypt(`+key+`)`); got != want {
			t.Errorf("%s has another key: %s, not %s", name, got, want)
		}
	}
}

// The clock of a device is wrong for pages and workers, and jumps while they run;
// the monotonic clock does not.
func TestClocksOfDevices(t *testing.T) {
	const day = 24 * time.Hour
	d := browsertest.NewSkewedDevice(t, 40*day)
	p := d.Open()
	p.Go(serve(t, "own = trustedTypes.createPolicy('own', {createScriptURL: (u) => u})"))
	began := browsertest.Eval[float64](p, "performance.now()")
	for _, skew := range []time.Duration{40 * day, -40 * day, 0} {
		d.SetClock(skew)
		for where, expression := range map[string]string{
			"page":   "Date.now()",
			"worker": "new Promise(done => { new Worker(own.createScriptURL('/now.js')).onmessage = e => done(e.data) })",
		} {
			got := time.UnixMilli(int64(browsertest.Eval[float64](p, expression)))
			if off := got.Sub(time.Now().Add(skew)).Abs(); off > time.Minute {
				t.Errorf("the clock of the %s is %v, which is wrong by %v more than %v", where, got, off, skew)
			}
		}
	}
	if passed := browsertest.Eval[float64](p, "performance.now()") - began; passed < 0 || passed > 60_000 {
		t.Errorf("the monotonic clock went on by %v ms", passed)
	}
}
