// SPDX-License-Identifier: AGPL-3.0-or-later

// Package bandwidth limits how many bytes a second go to a storage and come from
// it. A connection is limited as a whole, with what encryption and protocols add;
// a folder by the bytes of its files. Data passes in small pieces, so that other
// programs notice no bursts.
package bandwidth
