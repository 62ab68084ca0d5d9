// SPDX-License-Identifier: Apache-2.0

// Package audit replays a log from its leaves, as an auditor does before it cosigns.
//
// A Replay takes the leaves one after the other and keeps the map that follows from their
// mutations. It stops at the first leaf that breaks a rule (see CHECKS.md): each mutation
// names the value that the label really had and counts one further; names that were moved
// or closed have no new values; resets have a request, wait, and come one at a time; each root
// states the map of the mutations before it, and a time that neither goes back nor
// contradicts the auditor's clock. Check then compares the whole with a signed checkpoint.
//
// A swap of an account's entry is thereby either refused or logged as a mutation. In the second case
// the counter stays higher than the owner's own count, and the owner's check fails
// (keytrans.Entry.CheckOwn). An auditor sees the kinds of statements, not the statements: clients,
// which have the chain, verify its signatures and compare the kinds (keytrans.Mutation.CheckChain).
//
// Times are only as good as the auditor's attention: a log may back-date leaves up to when the
// auditor looked last (Replay.Follow).
//
// The package has no store, clock or network of its own.
package audit
