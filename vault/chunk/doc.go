// SPDX-License-Identifier: AGPL-3.0-or-later

// Package chunk cuts files into chunks at positions that depend on their content
// and on a key (FastCDC, after Xia et al., USENIX ATC 2016, in the variant
// fastcdc-v1.0.0 of go-cdc-chunkers), and names chunks by keyed BLAKE3.
//
// Nothing secret relies on the positions: containers hide the lengths of chunks.
// The positions are part of the format all the same, since others would end
// deduplication with what was stored before; golden files bind them.
package chunk
