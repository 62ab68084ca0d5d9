// SPDX-License-Identifier: Apache-2.0

package mpt

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// vectorsDir returns the folder of the test vectors of torchwood's mpt.
func vectorsDir() string {
	if dir := os.Getenv("MPT_VECTORS"); dir != "" {
		return dir
	}
	return filepath.FromSlash("../../../../shared/mpt-vectors")
}

// A machine runs the lines of a file of vectors.
type machine struct {
	t            *testing.T
	items, tree  []Item // those since the last snap or hash; those of the snapshot
	snap, hash   Hash
	key, val     []byte
	present      bool
	prefix, prv  []byte
	checks, line int
}

// TestVectors runs each file of vectors in a subtest of its name. A folder
// without the files fails.
func TestVectors(t *testing.T) {
	// How many claims each file makes: a file that was cut short fails.
	want := map[string]int{"verify.txt": 103 + 18, "treehash.txt": 32, "prefix.txt": 893}
	for _, name := range []string{"verify.txt", "treehash.txt", "prefix.txt"} {
		t.Run(name, func(t *testing.T) {
			file, err := os.ReadFile(filepath.Join(vectorsDir(), name))
			if err != nil {
				t.Fatalf("the vectors are missing; set MPT_VECTORS to their folder: %v", err)
			}
			m := &machine{t: t}
			scanner := bufio.NewScanner(bytes.NewReader(file))
			scanner.Buffer(nil, 1<<20)
			for text := ""; scanner.Scan(); {
				m.line++
				text += strings.TrimSpace(scanner.Text())
				if rest, ok := strings.CutSuffix(text, "\\"); ok {
					text = rest
					continue
				}
				if text != "" && text[0] != '#' {
					m.run(name, text)
				}
				text = ""
			}
			if err := scanner.Err(); err != nil {
				t.Fatal(err)
			}
			if m.checks < want[name] {
				t.Errorf("%d claims were checked, of %d or more", m.checks, want[name])
			}
			t.Logf("%d claims", m.checks)
		})
	}
}

func (m *machine) run(file, text string) {
	m.t.Helper()
	command, rest, _ := strings.Cut(text, " ")
	args := strings.Fields(rest)
	switch command {
	case "kv":
		m.items = append(m.items, Item{m.hex(args[0]), m.hex(args[1])})
	case "snap":
		m.snap = Hash(m.hex(args[0]))
		if file == "prefix.txt" {
			m.settle(m.snap)
		}
	case "key":
		m.key = m.hex(args[0])
	case "val":
		if m.present = args[0] != "-"; m.present {
			m.val = m.hex(args[0])
		}
	case "prefix":
		m.prefix = m.hex(args...)
	case "hash":
		m.hash = Hash(m.hex(args...))
		if file == "treehash.txt" {
			m.settle(m.hash)
		}
	case "proof":
		m.prv = m.hex(args...)
		if file == "prefix.txt" {
			m.provePrefix()
		}
	case "verify":
		var err error
		if m.present {
			err = VerifyPresence(m.snap, m.key, m.val, m.prv)
		} else {
			err = VerifyAbsence(m.snap, m.key, m.prv)
		}
		m.verdict(err, args[0])
	case "verifyprefix":
		m.verdict(VerifyPrefix(m.snap, m.prefix, m.hash, m.prv), args[0])
	default:
		m.t.Fatalf("line %d: unknown command %q", m.line, command)
	}
}

func (m *machine) verdict(err error, want string) {
	m.checks++
	if (err == nil) != (want == "true") {
		m.t.Errorf("line %d: got %v, want %s", m.line, err, want)
	}
}

// settle makes a tree of the items so far, whose hash is want.
func (m *machine) settle(want Hash) {
	m.checks++
	slices.SortFunc(m.items, func(a, b Item) int { return Compare(a.Key, b.Key) })
	if got := Root(m.items); got != want {
		m.t.Errorf("line %d: the tree's hash is %x, want %x", m.line, got, want)
	}
	m.tree, m.items = m.items, nil
}

func (m *machine) provePrefix() {
	m.checks++
	hash, proof := ProvePrefix(m.tree, m.prefix)
	if hash != m.hash || !bytes.Equal(proof, m.prv) {
		m.t.Errorf("line %d: the prefix %x has hash %x with proof %x", m.line, m.prefix, hash, proof)
	}
	if err := VerifyPrefix(m.snap, m.prefix, m.hash, m.prv); err != nil {
		m.t.Errorf("line %d: %v", m.line, err)
	}
	var below []Item
	for _, item := range m.tree {
		if HasPrefix(item.Key, m.prefix) {
			below = append(below, item)
		}
	}
	if Root(below) != m.hash {
		m.t.Errorf("line %d: the items with the prefix have another hash", m.line)
	}
}

func (m *machine) hex(args ...string) []byte {
	m.t.Helper()
	text := strings.Join(args, "")
	if text == "''" {
		return []byte{}
	}
	b, err := hex.DecodeString(text)
	if err != nil {
		m.t.Fatalf("line %d: %v", m.line, err)
	}
	return b
}
