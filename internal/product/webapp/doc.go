// SPDX-License-Identifier: AGPL-3.0-or-later

// Package webapp serves the browser's application, which internal/build/webbuild
// makes and which the programs embed. It hands out files and headers and knows
// nothing of messages: what a page may do is in its headers, and those are as
// narrow as the application allows.
package webapp
