// SPDX-License-Identifier: AGPL-3.0-or-later

// Package webpush asks the push services of browsers to wake a device: RFC 8030
// with VAPID (RFC 8292). A push has no body, so that there is nothing to
// encrypt and nothing to read.
//
// The address of a push service comes from a stranger. It is contacted only if
// it is an https URL at port 443 of a service that the operator named, and only
// at an address of the public internet; redirects and proxies are not followed.
// A service on loopback, at a port, can be named for tests and for machines that
// run their own.
//
// The package logs nothing and keeps no endpoint.
package webpush
