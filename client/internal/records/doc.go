// SPDX-License-Identifier: AGPL-3.0-or-later

// Package records has what a profile keeps in its store: the sealed store, the
// keys of its rows, the types of the records and what can be read from and done
// to one record by itself. All values are sealed and bound to their keys.
//
// It decides nothing about conversations: their machine does, in package client.
package records
