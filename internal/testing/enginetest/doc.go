// SPDX-License-Identifier: AGPL-3.0-or-later

// Package enginetest drives the browser engines that people have: Chromium over
// the DevTools protocol, Firefox over WebDriver BiDi, and WebKitGTK's MiniBrowser
// over WebDriver. Its tests run the main flows of the page in each of them, from
// the same scenarios, against a real server and a client of the command line.
//
// A [Tab] has only what all three can do. What one engine alone can show is
// tested where that engine's protocol is, as package pagetest does for Chromium.
//
// A browser that is not installed skips its tests; .ci/engines installs them.
package enginetest
