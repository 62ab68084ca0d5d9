// SPDX-License-Identifier: AGPL-3.0-or-later

// Package bench measures the relay: a load generator that speaks the protocol,
// a bare relay to compare with, and NATS JetStream as a peer.
//
// The bare relay takes and delivers the same frames over the same WebSocket
// library and stores them in the same engine with the same policy: synced
// before they are acknowledged. It has no logic: no accounts, no signatures,
// no limits, no quotas, no expiry, and it decodes only what it must.
//
// The command in the folder relay runs all of them side by side:
//
//	go run ./bench/relay
//
// The package is for measurements alone.
package bench
