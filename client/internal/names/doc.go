// SPDX-License-Identifier: AGPL-3.0-or-later

// Package names decides what of a name or title can be seen, which names look
// like addresses, and whom a text mentions. Others choose these texts: nothing
// that they choose may pose as somebody else.
package names
