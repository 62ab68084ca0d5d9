// SPDX-License-Identifier: AGPL-3.0-or-later

// Command runfuzz runs every fuzz target of the module, one after the other,
// stops at the first finding and prints a table.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"
)

type target struct{ pkg, name string }

type result struct {
	target
	progress string // the fuzzer's last word
	verdict  string
}

func main() {
	length := flag.Duration("time", 2*time.Minute, "how long each target runs")
	only := flag.String("only", ".", "regular expression of the targets to run, as package.Target")
	flag.Parse()
	if err := run(*length, *only); err != nil {
		fmt.Fprintln(os.Stderr, "runfuzz:", err)
		os.Exit(1)
	}
}

func run(length time.Duration, only string) error {
	match, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	all, err := targets()
	if err != nil {
		return err
	}
	var results []result
	for _, t := range all {
		if !match.MatchString(t.pkg + "." + t.name) {
			results = append(results, result{t, "", "not asked for"})
			continue
		}
		r, ferr := fuzz(t, length)
		results = append(results, r)
		if ferr != nil {
			err = fmt.Errorf("%s.%s: %w", t.pkg, t.name, ferr)
			break
		}
	}
	table(os.Stdout, results, len(all))
	return err
}

// targets asks go test for the fuzz targets of all packages.
func targets() ([]target, error) {
	cmd := exec.Command("go", "test", "-json", "-list", "^Fuzz", "./...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("looking for targets: %w\n%s", err, out)
	}
	var all []target
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var e struct{ Action, Package, Output string }
		if err := dec.Decode(&e); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		if name := strings.TrimSpace(e.Output); e.Action == "output" && strings.HasPrefix(name, "Fuzz") {
			all = append(all, target{e.Package, name})
		}
	}
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

func table(w io.Writer, results []result, total int) {
	_, _ = fmt.Fprintln(w)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range results {
		_, _ = fmt.Fprintf(tw, "%s.%s\t%s\t%s\n", r.pkg[strings.LastIndex(r.pkg, "/")+1:], r.name, r.verdict, r.progress)
	}
	_ = tw.Flush() // a terminal that is gone needs no table
	_, _ = fmt.Fprintf(w, "%d of %d targets\n", len(results), total)
}
