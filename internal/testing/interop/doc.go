// SPDX-License-Identifier: AGPL-3.0-or-later

// Package interop makes implementations of MLS work together: ours and ones
// that nobody here wrote. Each is a process that answers requests on its
// standard streams, a JSON object a line, and holds any number of clients. The
// same requests serve the tests of this package and the benchmarks in
// bench/peers, so that what is measured is what was seen to interoperate.
//
// [Endpoint] answers for our library, in this process or (in the folder ours)
// in one of its own. [Process] speaks to a peer: the npm package ts-mls, which
// `make test` installs below .tools, and the crates openmls and mls-rs, which
// `make interop` builds there. Beside them, tus-js-client uploads to our server.
//
// The package is for tests and measurements alone.
package interop
