// SPDX-License-Identifier: AGPL-3.0-or-later

// Package queries reads what interfaces show: lists of conversations, pages of
// their history, and what a search finds. It needs the store alone: no group, no
// connection and no running conversation.
package queries
