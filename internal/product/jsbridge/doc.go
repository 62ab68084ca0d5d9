// SPDX-License-Identifier: AGPL-3.0-or-later

// Package jsbridge waits for JavaScript from Go: promises become results,
// exceptions become errors, typed arrays become byte slices. It exists in the
// js/wasm build alone.
//
// A function that JavaScript calls must never block: while it runs, so does
// nothing else in the program, what it waits for included. Those made here
// send on channels that have room.
package jsbridge
