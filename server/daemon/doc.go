// SPDX-License-Identifier: AGPL-3.0-or-later

// Package daemon is the command securecryptd: its flags, its data folder and
// the life of the process around a [server.Server].
//
// The data folder holds
//
//	lock         held by the process that uses the folder
//	store/       the embedded store
//	host         the host part of the addresses of its accounts
//	blobs/       the content of blobs
//	certs/       certificates, with --tls=auto
//	push.pem     the key that push services know the server by
//	admin.json   while the server runs: where it takes orders from invite and
//	             disclose, and the secret that they need; readable by the
//	             folder's owner alone
//
// A command that needs the store works on the folder itself if it can lock it,
// and otherwise asks the server that holds the lock.
//
// The package is not for other commands: it reads the environment, writes to
// the terminal and handles signals.
package daemon
