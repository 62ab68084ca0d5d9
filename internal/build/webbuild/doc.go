// SPDX-License-Identifier: AGPL-3.0-or-later

// Package webbuild makes the browser's application from web/: it bundles,
// gives every file a name that tells its content, writes the page, the
// manifest, the icons and the service worker, and compresses all of them once,
// so that a server only hands out bytes.
//
// The same sources make the same bytes. A bundle that outgrows Budget is an
// error. The package is for development: no program links it.
package webbuild
