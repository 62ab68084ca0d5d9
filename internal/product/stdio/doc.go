// SPDX-License-Identifier: AGPL-3.0-or-later

// Package stdio knows the standard streams that a program was started with.
package stdio
