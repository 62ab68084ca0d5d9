// SPDX-License-Identifier: AGPL-3.0-or-later

// Package witnessd serves a witness for transparency logs over HTTP
// (c2sp.org/tlog-witness): add-checkpoint, and the latest checkpoint of each log for
// monitors. What it cosigns is decided by package keytrans/witness.
//
// A witness lives in a folder that only its owner can read:
//
//	key    the seed of its keys, and its name
//	logs   the verifier keys of the logs that it knows, one on each line
//	lock   held by the process that serves
//	checkpoints/HASH
//	       the last checkpoint that was cosigned of a log, with the log's signatures;
//	       HASH is the SHA-256 of the log's name
//
// A checkpoint is on the disk before its cosignature is sent. After a crash, or a
// restore of the whole folder, no second checkpoint of one size is cosigned that
// contradicts what is in the folder; a folder that is put back to an earlier state
// forgets what was cosigned since, and must not serve again with the same key.
package witnessd
