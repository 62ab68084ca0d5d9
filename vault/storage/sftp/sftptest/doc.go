// SPDX-License-Identifier: AGPL-3.0-or-later

// Package sftptest runs OpenSSH's sshd on a loopback port, as the current user
// and with its own configuration, for tests of what uses an SFTP server.
package sftptest
