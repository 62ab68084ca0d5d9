// SPDX-License-Identifier: AGPL-3.0-or-later

// Package browsertest lets tests use a real browser, Chromium.
//
// A test process has one browser, which Main starts when a test first asks for
// it and ends at last. Each Profile is a browser context of its own, as if it
// were another person's device: storage, workers and locks are not shared.
// What Film shows is before the camera of them all.
// A Device is a browser process of its own beside that one: its profile lies in a
// folder, which can be copied and put back, and its clock can be put wrong.
// Whatever a page or one of its workers complains of (uncaught errors, console
// errors, violations of the Content Security Policy or of Trusted Types) fails
// the test, unless the test expects it.
//
// Build and Suite.Run run the tests of a package, built for js/wasm, inside a
// dedicated worker, where the core of the client lives in the application.
//
// Where there is no Chromium, tests skip and say so.
package browsertest
