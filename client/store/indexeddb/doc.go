// SPDX-License-Identifier: AGPL-3.0-or-later

// Package indexeddb keeps a client's state in a browser's IndexedDB (W3C,
// Indexed Database API 3.0). It exists in the js/wasm build alone.
//
// One object store maps keys to values, both bytes: IndexedDB orders binary
// keys as Go does. A database transaction there ends as soon as nobody asks it
// anything, so that it cannot be the transaction of a client.Store. Instead an
// update collects its writes and brings them to the database in one
// transaction of its own, flushed to disk before it is acknowledged; nothing
// is written while a view reads. What makes that right is that nobody else has
// the database open: Open holds a lock of the browser's for as long.
//
// Three things a browser leaves to the page. When it is left (the pagehide
// event) it must have its worker close the store, or terminate it: in the
// browser's back/forward cache the worker would go on holding the lock. Whether
// it may throw the data away when the device runs full is asked of the person,
// so that the page must call navigator.storage.persist, which workers lack. And
// what is deleted may linger, sealed, in the database's files until the browser
// compacts them: no interface overwrites it.
package indexeddb
