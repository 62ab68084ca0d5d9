// SPDX-License-Identifier: AGPL-3.0-or-later

// Package ignore decides which files are left out of a backup, by patterns with
// the meaning that they have in gitignore(5). It works on paths and does no input
// and output.
package ignore
