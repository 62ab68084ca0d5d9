// SPDX-License-Identifier: AGPL-3.0-or-later

// Package app is the client core as an interface sees it that lives elsewhere:
// in a page, behind a worker. Everything that crosses the border is plain data
// in JSON: a call has a name, parameters and one answer; events come unasked.
//
// An App is one profile of one device. It is without a profile, locked, or open:
// see Phase. Keys stay inside; of the messages only what is shown goes out.
//
// Calls lists every call with the types of its parameters and its answer, and
// Events every event; internal/build/webbuild makes the types of the TypeScript side
// from them when the page is built. Version changes when an older page could no
// longer talk to this package.
//
// The package is not for deciding how something looks, nor for I/O: Platform
// comes from outside.
package app
