// SPDX-License-Identifier: AGPL-3.0-or-later

// Package pagetest holds tests alone: people use the application in real
// browsers, with each other and with the command line's client, through a real
// server.
package pagetest
