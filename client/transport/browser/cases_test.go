// SPDX-License-Identifier: AGPL-3.0-or-later

package browser_test

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/securecrypt/securecrypt/protocol"
)

// What both sides of the tests know: the tests in the browser and the servers
// that they talk to.

// someFile returns the bytes of a file, the same for the same number.
func someFile(n byte) []byte {
	b := make([]byte, 5<<20+int(n))
	_, _ = rand.NewChaCha8([32]byte{n}).Read(b) // never fails
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Orders for a connection; anything else is sent back.
const (
	orderText    = "send a text message"
	orderTooLong = "send too long a message"
	orderMany    = "send many messages and end"
	orderEnd     = "end"
	orderSilence = "say nothing"

	manyMessages = 500
)

// A request about the blob or token n gets answer n.
func blobOf(n byte) protocol.BlobID       { return protocol.BlobID{1, n} }
func tokenOf(n byte) protocol.UploadToken { return protocol.UploadToken{1, n} }

// firstOffset is the first blob of length 10 that answers with an offset, want
// being -1 for those that cannot be; wholeBlob is one that knows no ranges.
const (
	firstOffset = 100
	wholeBlob   = 255
)

var offsets = []struct {
	text string
	want int64
}{
	{"0", 0}, {"5", 5}, {"10", 10}, {"11", -1}, {"-1", -1}, {"x", -1}, {strconv.FormatUint(1<<63, 10), -1},
}
