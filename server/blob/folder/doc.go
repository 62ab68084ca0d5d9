// SPDX-License-Identifier: AGPL-3.0-or-later

// Package folder is a [server.Blobs] in a folder of the file system: one file
// a blob, named by its identifier in hexadecimal, in a folder named by the
// first two digits. Content is ciphertext; nothing else is in the files.
package folder
