// SPDX-License-Identifier: Apache-2.0

// Package schedule is the key schedule of RFC 9420, Section 8. Each stage is a
// type that offers only the step to the next one:
//
//	Init --Commit--> Joiner --PSK--> Member --Epoch--> Epoch
//
// so that secrets cannot be derived in the wrong order. An Init comes from the
// epoch before, or from outside with one who joins (Section 8.3). The package also
// holds what hangs on the schedule: transcript hashes (Section 8.2), the confirmation
// tag (Section 6.1), pre-shared keys (Section 8.4) and the exporter (Section 8.5).
package schedule
