// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/mls/internal/suite"
)

// hexBytes is a hex string in the vectors; null is nil.
type hexBytes []byte

func (h *hexBytes) UnmarshalJSON(b []byte) error {
	var s *string
	if err := json.Unmarshal(b, &s); err != nil || s == nil {
		*h = nil
		return err
	}
	v, err := hex.DecodeString(*s)
	*h = v
	return err
}

// MarshalJSON is for making vectors.
func (h hexBytes) MarshalJSON() ([]byte, error) {
	if h == nil {
		return []byte("null"), nil
	}
	return json.Marshal(hex.EncodeToString(h))
}

// vectorTests knows how to check each file of the MLS working group's vectors.
var vectorTests = map[string]func(*testing.T, []byte){
	"crypto-basics.json":      eachSuite(testCryptoBasics),
	"deserialization.json":    testDeserialization,
	"key-schedule.json":       eachSuite(testKeySchedule),
	"message-protection.json": eachSuite(testMessageProtection),
	"messages.json":           testMessages,
	"psk_secret.json":         eachSuite(testPSKSecret),
	"secret-tree.json":        eachSuite(testSecretTree),
	"transcript-hashes.json":  eachSuite(testTranscriptHashes),
	"tree-math.json":          testTreeMath,
	"tree-operations.json":    eachSuite(testTreeOperations),
	"tree-validation.json":    eachSuite(testTreeValidation),
	"treekem.json":            eachSuite(testTreeKEM),
	"welcome.json":            eachSuite(testWelcomeVector),
}

// TestVectors walks a folder of vectors, $MLS_VECTORS or ../shared/mls-vectors. A
// relative name counts from the root of the repository.
func TestVectors(t *testing.T) {
	dir := os.Getenv("MLS_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "shared", "mls-vectors")
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join("..", dir)
	}
	runVectors(t, dir)
}

// TestVectorsHybrid checks the own vectors of the post-quantum suites.
func TestVectorsHybrid(t *testing.T) { runVectors(t, "testdata") }

// TestVectorsZipped reads a folder that holds a further file, zipped.
func TestVectorsZipped(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "passive-client-welcome.json"))
	ok(t, err)
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "passive-client-more.json.gz"))
	ok(t, err)
	z := gzip.NewWriter(f)
	_, err = z.Write(data)
	ok(t, err)
	ok(t, z.Close())
	ok(t, f.Close())
	runVectors(t, dir)
}

func runVectors(t *testing.T, dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatalf("the MLS test vectors are missing; set MLS_VECTORS to their folder: %v", err)
	}
	found := 0
	for _, e := range entries {
		name := e.Name()
		if name == "SHA256SUMS" || name == "PROVENANCE.txt" || e.IsDir() {
			continue
		}
		found++
		t.Run(name, func(t *testing.T) {
			data := readVector(t, filepath.Join(dir, name))
			base := strings.TrimSuffix(name, ".gz")
			switch test := vectorTests[base]; {
			case test != nil:
				test(t, data)
			case strings.HasPrefix(name, "passive-client-"):
				eachSuite(testPassiveClient)(t, data)
			default:
				t.Fatalf("no test knows the vectors of %s", name)
			}
		})
	}
	if found == 0 {
		t.Fatalf("%s holds no vectors", dir)
	}
}

func readVector(t *testing.T, path string) []byte {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// eachSuite runs a test for every case of a file whose suite is implemented.
func eachSuite[C any](test func(*testing.T, *suite.Suite, *C)) func(*testing.T, []byte) {
	return func(t *testing.T, data []byte) {
		var raw []json.RawMessage
		decode(t, data, &raw)
		run, skipped := 0, 0
		for i, b := range raw {
			var head struct {
				CipherSuite uint16 `json:"cipher_suite"`
			}
			decode(t, b, &head)
			s, err := suite.Lookup(head.CipherSuite)
			if errors.Is(err, suite.ErrUnsupported) && (head.CipherSuite == 4 || head.CipherSuite == 6) {
				skipped++
				continue
			}
			if err != nil {
				t.Fatalf("case %d: suite %d: %v", i, head.CipherSuite, err)
			}
			c := new(C)
			decode(t, b, c)
			run++
			test(t, s, c)
			if t.Failed() {
				t.Fatalf("case %d, suite %d failed", i, head.CipherSuite)
			}
		}
		t.Logf("%d cases; %d of suites 4 and 6 (curve 448, not supported) skipped", run, skipped)
		if run == 0 {
			t.Fatal("no case was run")
		}
	}
}

func decode(t *testing.T, data []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Fatalf("%s: got %x, want %x", what, got, want)
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
