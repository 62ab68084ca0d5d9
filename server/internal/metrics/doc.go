// SPDX-License-Identifier: AGPL-3.0-or-later

// Package metrics counts what a server does, for Prometheus.
//
// Invariant: no label tells who or which; operations, codes and reasons are
// closed sets.
package metrics
