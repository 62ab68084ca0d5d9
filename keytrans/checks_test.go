// SPDX-License-Identifier: Apache-2.0

package keytrans_test

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

//go:generate go test -run ^TestChecks$ -keytrans.checks .

var writeChecks = flag.Bool("keytrans.checks", false, "write CHECKS.md")

// sections are the groups of CHECKS.md, by what the identifiers of their rules begin with.
var sections = []struct{ prefix, title string }{
	{"K1-", "K1: the map's root is the last leaf under a checkpoint"},
	{"K2-", "K2: an entry has a counter of its mutations"},
	{"K3-", "K3: each root commits to the log's configuration"},
	{"K4-", "K4: what the map has, and has not, is proved"},
	{"K5-", "K5: a name has one label"},
	{"K6-", "K6: a proof may stand under a head that the client holds"},
	{"K7-", "K7: the cosignatures of a quorum date a head"},
	{"K8-", "K8: a policy needs witnesses and auditors"},
	{"K10-", "K10: a mutation follows from what it appends"},
	{"K11-", "K11: a checkpoint has three lines"},
	{"K12-", "K12: the log signs with all its keys"},
	{"growth-", "Growth: a head extends the one before"},
	{"fork", "Fork: a log has one tree of each size"},
	{"answer-", "Answers of witnesses"},
	{"witness-", "What a witness demands of a log"},
	{"record-", "Records: a leaf has an index and a date"},
	{"policy-", "Policies and logs follow each other in the log"},
	{"audit-", "What an auditor demands of a log"},
}

// A check is a call of rule.Broken.
type check struct{ id, detail, file string }

var brokenDetail = regexp.MustCompile(`rule\.Broken(?:By)?\((?:[^"()]+(?:\{[^}]*\})?, )?"([^"]+)", ("(?:[^"\\]|\\.)*")`)

func sourceChecks(t *testing.T) []check {
	t.Helper()
	var all []check
	ok(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range brokenDetail.FindAllSubmatch(source, -1) {
			detail, err := strconv.Unquote(string(m[2]))
			if err != nil {
				return err
			}
			all = append(all, check{string(m[1]), strings.ReplaceAll(detail, "%d", "N"), filepath.ToSlash(path)})
		}
		return err
	}))
	slices.SortFunc(all, func(a, b check) int { return cmp.Compare(a.id, b.id) })
	return all
}

// TestChecks fails if CHECKS.md is not what the sources say, or if a rule belongs to none of
// its sections.
func TestChecks(t *testing.T) {
	made := checksDocument(t, sourceChecks(t))
	if *writeChecks {
		ok(t, os.WriteFile("CHECKS.md", made, 0o644))
		return
	}
	kept, err := os.ReadFile("CHECKS.md")
	ok(t, err)
	if !bytes.Equal(kept, made) {
		t.Error("CHECKS.md is not up to date: go generate ./keytrans")
	}
}

func checksDocument(t *testing.T, checks []check) []byte {
	t.Helper()
	if rules := sourceRules(t); len(checks) != len(rules) {
		t.Fatalf("%d of %d rules have a description", len(checks), len(rules))
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<!-- Made by go generate ./keytrans from the sources. -->
# What keytrans checks

Each row is one of %d checks: its identifier, which errors name (BrokenRule), what is refused, and where. TestViolations/RULE breaks each rule, and
TestEveryRule fails where a rule has no such test or two checks. TestMutants leaves out one check after the other, in a copy of the sources, and fails
if the violation's test passes nevertheless.

Decoders refuse, besides, all that is not the one encoding of a value: TestMalformed and the fuzz targets show that.
`, len(checks))
	listed := 0
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n| Rule | Refused | Checked in |\n|---|---|---|\n", s.title)
		for _, c := range checks {
			if strings.HasPrefix(c.id, s.prefix) {
				fmt.Fprintf(&b, "| `%s` | %s | `%s` |\n", c.id, c.detail, c.file)
				listed++
			}
		}
	}
	if listed != len(checks) {
		t.Fatalf("%d of %d rules are in a section", listed, len(checks))
	}
	return b.Bytes()
}
