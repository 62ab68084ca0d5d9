// SPDX-License-Identifier: AGPL-3.0-or-later

// Package pack encodes and decodes packs: the objects of seven sizes that hold
// everything of a vault but its configuration, keys and log.
// docs/formats/vault.md, section Packs, is their definition.
//
// A pack is a number of segments of 65,536 bytes. The data segments are sealed,
// each with AES-256-GCM; the parity segments are Reed-Solomon over them. The
// plaintexts of the data segments form one stream: frames, which are compressed
// runs of chunks, then zeros, then the table of frames. No length of a chunk, a
// frame or a file is visible outside.
//
// The package does no input and output and reads no clock.
package pack
