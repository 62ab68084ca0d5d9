// SPDX-License-Identifier: AGPL-3.0-or-later

// Package sftp keeps the objects of a vault as files in a folder of an SFTP
// server (draft-ietf-secsh-filexfer-02, protocol version 3).
//
// An object is written to a temporary file, flushed to the disk with the
// extension fsync@openssh.com, and then given its name with
// hardlink@openssh.com, which fails if the name is taken. A server without that
// extension can keep a vault of one device only: its answers to a rename do not
// tell which of two writers came first. [Storage.AtomicCreate] reports it.
//
// The server's host key must stand in a known_hosts file; it is never accepted
// on first sight. The user is authenticated with keys of the SSH agent or of
// identity files. ~/.ssh/config and host certificates are not read.
//
// A lost connection is made again a limited number of times. If the answer to a
// Create is lost, the name counts as created by it when the object has its
// bytes: objects of a vault are random or named by their content, so that no
// two callers create the same bytes under one name for different purposes.
//
// The package does not protect from people who can log in as that user: they can
// destroy the vault.
package sftp
