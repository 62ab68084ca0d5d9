// SPDX-License-Identifier: AGPL-3.0-or-later

// Command runfuzz runs the fuzz targets of the module, one after the other,
// stops at the first finding and prints a table. By default it runs all of them;
// -few runs some that it draws by lot, for a quick check that fuzzing works.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

type target struct{ pkg, name string }

const notRun = "not run"

type result struct {
	target
	progress string // the fuzzer's last word
	verdict  string
}

func main() {
	length := flag.Duration("time", 2*time.Minute, "how long each target runs")
	only := flag.String("only", ".", "regular expression of the targets to run, as package.Target")
	few := flag.Int("few", 0, "run this many of them, drawn by lot; 0 runs all")
	flag.Parse()
	if err := run(*length, *only, *few); err != nil {
		fmt.Fprintln(os.Stderr, "runfuzz:", err)
		os.Exit(1)
	}
}

func run(length time.Duration, only string, few int) error {
	match, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	all, err := targets(".", "./...")
	if err != nil {
		return err
	}
	chosen := slices.DeleteFunc(slices.Clone(all), func(t target) bool { return !match.MatchString(t.pkg + "." + t.name) })
	if len(chosen) == 0 {
		return fmt.Errorf("none of %d targets matches %q; package.Target is what is compared", len(all), only)
	}
	chosen = draw(chosen, few, rand.Perm(len(chosen)))
	var results []result
	for _, t := range all {
		if !slices.Contains(chosen, t) {
			results = append(results, result{target: t, verdict: notRun})
			continue
		}
		r, ferr := fuzz(t, length)
		results = append(results, r)
		if ferr != nil {
			err = fmt.Errorf("%s.%s: %w", t.pkg, t.name, ferr)
			break
		}
	}
	table(os.Stdout, results)
	_, _ = fmt.Printf("%d of %d targets were run\n", ran(results), len(all))
	return err
}

// draw returns the targets that the first few numbers of a permutation stand
// for, or all of them if few is 0.
func draw(all []target, few int, permutation []int) []target {
	if few <= 0 || few >= len(all) {
		return all
	}
	var drawn []target
	for _, i := range permutation[:few] {
		drawn = append(drawn, all[i])
	}
	return drawn
}

// targets reads the fuzz targets of packages from their test files, in the order
// of the packages. Nothing is compiled for it: go test -list would link the test
// program of every package.
func targets(dir string, patterns ...string) ([]target, error) {
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Dir,TestGoFiles,XTestGoFiles"}, patterns...)...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("looking for targets: %w", err)
	}
	var all []target
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath, Dir           string
			TestGoFiles, XTestGoFiles []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		for _, file := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
			names, err := fuzzFuncs(filepath.Join(p.Dir, file))
			if err != nil {
				return nil, err
			}
			for _, name := range names {
				all = append(all, target{p.ImportPath, name})
			}
		}
	}
}

// fuzzFuncs returns the names of a file's fuzz targets.
func fuzzFuncs(file string) ([]string, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, d := range parsed.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Fuzz") {
			names = append(names, f.Name.Name)
		}
	}
	return names, nil
}

func fuzz(t target, length time.Duration) (result, error) {
	fmt.Printf("=== %s.%s\n", t.pkg, t.name)
	cmd := exec.Command("go", "test", "-run", "^$", "-fuzz", "^"+t.name+"$",
		"-fuzztime", length.String(), "-fuzzminimizetime", "10x", t.pkg)
	var out bytes.Buffer
	cmd.Stdout = io.MultiWriter(os.Stdout, &out)
	cmd.Stderr = os.Stderr
	err := cmd.Run()
	r := result{t, progress(out.String()), "no finding"}
	if err != nil {
		r.verdict = "FAILED"
	}
	return r, err
}

var elapsed = regexp.MustCompile(`fuzz: elapsed: (\S+), (execs: \d+) \([^)]*\)(, new interesting: \d+)?`)

// progress returns the last line of progress in the output of a fuzzer.
func progress(output string) string {
	all := elapsed.FindAllStringSubmatch(output, -1)
	if len(all) == 0 {
		return ""
	}
	last := all[len(all)-1]
	return last[1] + ", " + last[2] + last[3]
}

// ran counts the results of targets that were run.
func ran(results []result) (n int) {
	for _, r := range results {
		if r.verdict != notRun {
			n++
		}
	}
	return n
}

func table(w io.Writer, results []result) {
	_, _ = fmt.Fprintln(w)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range results {
		_, _ = fmt.Fprintf(tw, "%s.%s\t%s\t%s\n", r.pkg[strings.LastIndex(r.pkg, "/")+1:], r.name, r.verdict, r.progress)
	}
	_ = tw.Flush() // a terminal that is gone needs no table
}
