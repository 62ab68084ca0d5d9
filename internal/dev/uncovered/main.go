// SPDX-License-Identifier: AGPL-3.0-or-later

// Command uncovered reads a coverage profile and lists the statements that no
// test ran, by what they do. It fails if less than -least percent ran.
package main

import (
	"bufio"
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// block is a stretch of statements without branches.
type block struct {
	file                         string
	line, column, end, endColumn int
	statements                   int
}

func (b block) compare(o block) int {
	return cmp.Or(strings.Compare(b.file, o.file), b.line-o.line, b.column-o.column)
}

var profileLine = regexp.MustCompile(`^(\S+):(\d+)\.(\d+),(\d+)\.(\d+) (\d+) (\d+)$`)

// kinds says why statements of a form are not covered; the first that fits
// counts.
var kinds = []struct {
	form *regexp.Regexp
	why  string
}{
	{regexp.MustCompile(`panic\(`), "cannot happen: the panic says why"},
	{regexp.MustCompile(`return .*(rule\.Broken|Err[A-Z]\w+|err[A-Z]\w+|\.Fail\(tlsenc)|\.Fail\(tlsenc`), "refusals: a second place of a rule that a test breaks elsewhere, or a damaged record, a bound of a size, a misuse by the caller"},
	{regexp.MustCompile(`return .*\berr\b`), "errors handed on: of a reader, of randomness, of cryptography with keys that were parsed before"},
	{regexp.MustCompile(`^(return (nil|false|0|""|Context\{\}|\w+\{\}(, false)?)|continue)$`), "nothing to do: the early way out of a case that callers rule out or that is empty"},
	{regexp.MustCompile(`^return `), "accessors and printing"},
}

func main() {
	least := flag.Float64("least", 0, "percent of the statements that must have run")
	module := flag.String("module", "github.com/securecrypt/securecrypt/", "what the names in the profile begin with")
	flag.Parse()
	if err := run(flag.Arg(0), *module, *least); err != nil {
		fmt.Fprintln(os.Stderr, "uncovered:", err)
		os.Exit(1)
	}
}

func run(profile, module string, least float64) error {
	ran, err := read(profile)
	if err != nil {
		return err
	}
	total, missed := 0, map[string][]string{}
	count := 0
	for _, b := range slices.SortedFunc(maps.Keys(ran), block.compare) {
		total += b.statements
		if ran[b] {
			continue
		}
		count += b.statements
		text, err := b.text(strings.TrimPrefix(b.file, module))
		if err != nil {
			return err
		}
		why := "others"
		for _, k := range kinds {
			if k.form.MatchString(text) {
				why = k.why
				break
			}
		}
		missed[why] = append(missed[why], fmt.Sprintf("%s:%d: %s", strings.TrimPrefix(b.file, module), b.line, text))
	}
	if total == 0 {
		return fmt.Errorf("%s covers nothing", profile)
	}
	for _, why := range slices.Sorted(maps.Keys(missed)) {
		fmt.Printf("## %s (%d)\n", why, len(missed[why]))
		for _, line := range missed[why] {
			fmt.Println("  " + line)
		}
	}
	percent := 100 * float64(total-count) / float64(total)
	fmt.Printf("%.1f%% of %d statements ran, %d did not\n", percent, total, count)
	if percent < least {
		return fmt.Errorf("less than %.1f%%", least)
	}
	return nil
}

// read returns which blocks ran, in any of the test binaries.
func read(profile string) (map[block]bool, error) {
	f, err := os.Open(profile)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	ran := map[block]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		m := profileLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue // the mode
		}
		var n [6]int
		for i := range n {
			if n[i], err = strconv.Atoi(m[i+2]); err != nil {
				return nil, err
			}
		}
		b := block{m[1], n[0], n[1], n[2], n[3], n[4]}
		ran[b] = ran[b] || n[5] > 0
	}
	return ran, nil
}

// text returns the statements of a block on one line, without the braces.
func (b block) text(file string) (string, error) {
	source, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	lines := strings.Split(string(source), "\n")
	if b.end > len(lines) {
		return "", fmt.Errorf("%s is not what the profile was made from", file)
	}
	part := slices.Clone(lines[b.line-1 : b.end])
	part[len(part)-1] = part[len(part)-1][:b.endColumn-1]
	part[0] = part[0][b.column-1:]
	return strings.Trim(strings.Join(strings.Fields(strings.Join(part, " ")), " "), "{} "), nil
}
