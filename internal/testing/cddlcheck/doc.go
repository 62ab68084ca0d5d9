// SPDX-License-Identifier: AGPL-3.0-or-later

// Package cddlcheck holds bytes against a CDDL schema (RFC 8610), for tests.
// The schema is judged by a foreign implementation, the Python package
// cddl-verifier, which `make test` installs below .tools; all samples of a test
// go to one process.
//
// A [Recorder] turns captured traffic between clients and a server into
// samples.
package cddlcheck
