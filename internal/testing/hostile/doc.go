// SPDX-License-Identifier: AGPL-3.0-or-later

// Package hostile attacks the real server program, as strangers without any
// right could, while honest people use it from another address. Its tests say
// what each attack costs them; bench/hostile measures all of them together.
//
// Everything is on loopback: 127.0.0.2 is honest, the others are not. Each run
// ends by itself.
package hostile
