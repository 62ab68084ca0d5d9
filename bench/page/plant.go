// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/securecrypt/securecrypt/client/backend"
)

// plantPath is a place of the page's origin that is not the page: a script
// there may write what the page will find.
const plantPath = "/bench/"

// pieceSize is about how much is handed to the browser at once, in bytes.
const pieceSize = 4 << 20

// planter hands a browser the sealed records of a store, in pieces: for each
// record the lengths of key and value in four bytes each, key and value, the
// value as package indexeddb keeps it.
type planter struct {
	mu     sync.Mutex // guards pieces
	pieces [][]byte
}

// load takes a store's records.
func (p *planter) load(s backend.Store) (pieces int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pieces = nil
	var b []byte
	err = s.View(func(tx backend.Tx) error {
		return tx.Scan(nil, nil, false, func(k, v []byte) (bool, error) {
			b = binary.BigEndian.AppendUint32(b, uint32(len(k)))
			b = binary.BigEndian.AppendUint32(b, uint32(2+len(k)+len(v)))
			b = append(b, k...)
			b = binary.BigEndian.AppendUint16(b, uint16(len(k)))
			b = append(append(b, k...), v...)
			if len(b) > pieceSize {
				p.pieces, b = append(p.pieces, b), nil
			}
			return true, nil
		})
	})
	p.pieces = append(p.pieces, bytes.Clone(b))
	return len(p.pieces), err
}

// ServeHTTP implements http.Handler. The script in the page may ask for the
// pieces, which the server's own policy would not let it.
func (p *planter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.Header().Set("Content-Security-Policy", "default-src 'none'; connect-src 'self'")
	n, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, plantPath))
	if err != nil || n < 0 || n >= len(p.pieces) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><title>planting</title>"))
		return
	}
	_, _ = w.Write(p.pieces[n]) // the browser asks again or the run fails
}

// plantScript writes the pieces into the database of package indexeddb.
const plantScript = `(async pieces => {
	const settled = r => new Promise((done, fail) => { r.onsuccess = () => done(r.result); r.onerror = () => fail(r.error) })
	const opening = indexedDB.open("securecrypt", 1)
	opening.onupgradeneeded = () => opening.result.createObjectStore("records")
	const db = await settled(opening)
	for (let n = 0; n < pieces; n++) {
		const all = new Uint8Array(await (await fetch("` + plantPath + `" + n)).arrayBuffer())
		const view = new DataView(all.buffer)
		const t = db.transaction("records", "readwrite")
		const ended = new Promise((done, fail) => { t.oncomplete = done; t.onabort = () => fail(t.error) })
		for (let at = 0; at < all.length;) {
			const key = view.getUint32(at), value = view.getUint32(at + 4)
			t.objectStore("records").put(all.slice(at + 8 + key, at + 8 + key + value), all.slice(at + 8, at + 8 + key))
			at += 8 + key + value
		}
		await ended
	}
	db.close()
	return true
})(%d)`

// keyScript writes what web/src/worker/device.ts keeps.
const keyScript = `(async (sealed, device) => {
	const settled = r => new Promise((done, fail) => { r.onsuccess = () => done(r.result); r.onerror = () => fail(r.error) })
	const bytes = s => Uint8Array.from(atob(s), c => c.charCodeAt(0))
	const key = await crypto.subtle.importKey("raw", bytes(device), "AES-GCM", false, ["encrypt", "decrypt"])
	const opening = indexedDB.open("securecrypt device", 1)
	opening.onupgradeneeded = () => opening.result.createObjectStore("keys")
	const db = await settled(opening)
	const t = db.transaction("keys", "readwrite", {durability: "strict"})
	t.objectStore("keys").put(bytes(sealed), "sealed")
	t.objectStore("keys").put(key, "device")
	await new Promise((done, fail) => { t.oncomplete = done; t.onabort = () => fail(t.error) })
	db.close()
	return true
})(%q, %q)`

// setKey makes the browser's profile one with a passphrase, or without.
func (t *town) setKey(p *page, who profile, locked bool) error {
	sealed := who.Open
	if locked {
		sealed = who.Locked
	}
	if err := p.visit(t.home() + plantPath); err != nil {
		return err
	}
	script := fmt.Sprintf(keyScript, base64.StdEncoding.EncodeToString(sealed), base64.StdEncoding.EncodeToString(who.Device))
	_, err := ask[bool](p, script)
	return err
}

// plantIn gives a browser a profile.
func (t *town) plantIn(p *page, who profile, store backend.Store) error {
	pieces, err := t.plant.load(store)
	if err != nil {
		return err
	}
	if err := p.visit(t.home() + plantPath); err != nil {
		return err
	}
	if _, err := ask[bool](p, fmt.Sprintf(plantScript, pieces)); err != nil {
		return err
	}
	return t.setKey(p, who, false)
}

// refreshScript forgets the application's own files, which the service worker
// keeps, so that the next visit brings those of this program.
const refreshScript = `(async () => {
	for (const r of await navigator.serviceWorker.getRegistrations()) await r.unregister()
	for (const name of await caches.keys()) await caches.delete(name)
	return true
})()`

// refresh has a browser install the present application, as a second visit
// finds it.
func (t *town) refresh(name string) error {
	return t.visited(name, func(_ *browser, p *page) error {
		if err := p.visit(t.home() + plantPath); err != nil {
			return err
		}
		if _, err := ask[bool](p, refreshScript); err != nil {
			return err
		}
		if err := p.visit(t.home()); err != nil {
			return err
		}
		if _, err := ask[bool](p, `navigator.serviceWorker.ready.then(() => true)`); err != nil {
			return err
		}
		_, err := ask[float64](p, "eye.first")
		return err
	})
}
