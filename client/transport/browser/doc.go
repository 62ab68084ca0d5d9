// SPDX-License-Identifier: AGPL-3.0-or-later

// Package browser reaches servers from a page or a worker: WebSockets (WHATWG
// WebSockets) for the protocol, fetch (WHATWG Fetch) for blobs, both by TLS
// except on the machine itself. It exists in the js/wasm build alone, and does
// not link net/http, which would nearly double the download.
//
// A browser tells a page less than the system tells a program: why a
// connection failed is known to the person at the console alone, so that
// errors here say where, not why. Nothing that is sent carries cookies or
// other rights of the page's origin.
package browser
