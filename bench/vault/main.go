// SPDX-License-Identifier: AGPL-3.0-or-later

// Command vault measures the vault beside other programs for backups, on the same
// data and on fresh file systems, and prints tables in Markdown. make bench-vault runs
// it; docs/benchmarks.md has what it printed.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	b := &bench{results: map[string]map[row][]measure{}, stored: map[string][]int64{}}
	flag.StringVar(&b.dir, "dir", "", "folder for the data; a temporary one if none is given")
	flag.StringVar(&b.ours, "securecrypt", "bin/securecrypt", "program to measure")
	mib := flag.Int64("mib", 2048, "MiB of mixed data; less if the disk has not twenty times as much")
	flag.IntVar(&b.small, "small", 0, "measure so many small files instead")
	flag.IntVar(&b.rounds, "rounds", 3, "rounds, of which medians are printed")
	flag.BoolVar(&b.cold, "cold", false, "empty the kernel's cache of source and repository before each measurement")
	only := flag.String("only", "", "names of programs, separated by commas")
	flag.Parse()
	if err := b.run(*mib<<20, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench/vault:", err)
		os.Exit(1)
	}
}

// A measure is what one row of one round took.
type measure struct {
	wall, cpu time.Duration
	resident  int64 // bytes, of the largest process
}

type bench struct {
	dir, ours string
	size      int64
	small     int
	rounds    int
	cold      bool

	results map[string]map[row][]measure
	stored  map[string][]int64 // bytes after the first backup
}

// run asks the disk, makes the data and measures.
func (b *bench) run(size int64, only string) (err error) {
	if b.dir == "" {
		if b.dir, err = os.MkdirTemp("", "bench-vault-"); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if b.ours, err = filepath.Abs(b.ours); err != nil {
		return err
	}
	free, err := freeBytes(b.dir)
	if err != nil {
		return err
	}
	b.size = min(size, free/20)
	if b.small > 0 {
		b.size = 0
	}
	noMounts = !canMount(b.dir)
	fmt.Printf("%s, %d rounds, caches %s. ", b.data(), b.rounds, map[bool]string{true: "cold", false: "hot"}[b.cold])
	if noMounts {
		fmt.Print("No file system can be mounted here: folders are measured. ")
	}
	var all []tool
	for _, t := range tools(b.ours) {
		switch {
		case only != "" && !slices.Contains(strings.Split(only, ","), t.name):
		case t.program == "":
			fmt.Printf("%s is not here. ", t.name)
		default:
			all = append(all, t)
		}
	}
	fmt.Print("\n\n")
	for round := range b.rounds {
		if err := b.round(all, round); err != nil {
			return err
		}
	}
	b.print(all)
	return nil
}

func (b *bench) data() string {
	if b.small > 0 {
		return fmt.Sprintf("%d small files", b.small)
	}
	return fmt.Sprintf("%d MiB mixed", b.size>>20)
}

// room is how large a disk for the data is.
func (b *bench) room() int64 { return 2*b.size + int64(b.small)*16<<10 + 512<<20 }

// round measures all programs on the same states of the same source: the first and an
// unchanged backup of one, and the rest of one that has changed.
func (b *bench) round(all []tool, round int) (err error) {
	source, err := newDisk(filepath.Join(b.dir, "source"), b.room())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.remove()) }()
	tree := filepath.Join(source.dir, "tree")
	if err := fill(tree, b.size, b.small); err != nil {
		return err
	}
	repos := make([]*disk, len(all))
	defer func() {
		for _, d := range repos {
			if d != nil {
				err = errors.Join(err, d.remove(), os.RemoveAll(d.dir+".home"))
			}
		}
	}()
	steps := func(t *tool, repo *disk, some ...row) error {
		for _, r := range some {
			if err := b.step(t, r, source, repo, tree); err != nil {
				return err
			}
		}
		return nil
	}
	for i := range all {
		t := &all[(i+round)%len(all)] // another one begins each round
		repo, err := newDisk(filepath.Join(b.dir, fmt.Sprintf("repo-%d", (i+round)%len(all))), b.room())
		if err != nil {
			return err
		}
		repos[(i+round)%len(all)] = repo
		for _, args := range t.prepare {
			if _, err := t.execute(args, tree, repo.dir, ""); err != nil {
				return err
			}
		}
		if err := steps(t, repo, rowFirst); err != nil {
			return err
		}
		stored, err := sizeOf(repo.dir)
		if err != nil {
			return err
		}
		b.stored[t.name] = append(b.stored[t.name], stored)
		if err := steps(t, repo, rowUnchanged); err != nil {
			return err
		}
	}
	if err := change(tree, uint64(round)); err != nil {
		return err
	}
	for i := range all {
		n := (i + round) % len(all)
		if err := steps(&all[n], repos[n], rowChanged, rowRestore, rowCheck, rowPrune); err != nil {
			return err
		}
	}
	return nil
}

// step measures one row, until what it wrote is on the disk.
func (b *bench) step(t *tool, r row, source, repo *disk, tree string) (err error) {
	if t.commands[r] == nil {
		return nil
	}
	target := ""
	if r == rowRestore {
		d, err := newDisk(filepath.Join(b.dir, "target"), b.room())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.remove()) }()
		target = d.dir
	}
	if b.cold {
		if err := errors.Join(source.forget(), repo.forget()); err != nil {
			return err
		}
	}
	syscall.Sync()
	var m measure
	began := time.Now()
	for _, args := range t.commands[r] {
		state, err := t.execute(args, tree, repo.dir, target)
		if err != nil {
			return err
		}
		m.cpu += state.UserTime() + state.SystemTime()
		if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
			m.resident = max(m.resident, usage.Maxrss<<10)
		}
	}
	written := repo.dir
	if target != "" {
		written = target
	}
	if err := syncDisk(written); err != nil {
		return err
	}
	m.wall = time.Since(began)
	if b.results[t.name] == nil {
		b.results[t.name] = map[row][]measure{}
	}
	b.results[t.name][r] = append(b.results[t.name][r], m)
	fmt.Fprintf(os.Stderr, "%s %s: %.2f s, %.2f s CPU\n", t.name, r, m.wall.Seconds(), m.cpu.Seconds())
	return nil
}

// syncDisk writes what a disk has in memory, as every program's user waits for.
func syncDisk(dir string) error { return exec.Command("sync", "-f", dir).Run() }

// execute runs a command of a program.
func (t *tool) execute(args []string, source, repo, target string) (*os.ProcessState, error) {
	replace := strings.NewReplacer("{repo}", repo, "{source}", source, "{target}", target)
	cmd := exec.Command(t.program)
	if args[0] == "cd" {
		args, cmd.Dir = args[1:], target
	}
	for _, a := range args {
		cmd.Args = append(cmd.Args, replace.Replace(a))
	}
	cmd.Env = os.Environ()
	for _, e := range t.env {
		cmd.Env = append(cmd.Env, replace.Replace(e))
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", t.name, strings.Join(cmd.Args[1:], " "), err, out.Bytes())
	}
	return cmd.ProcessState, nil
}

// print prints medians: wall and CPU seconds of each row, what is stored, and the most
// memory that a row took.
func (b *bench) print(all []tool) {
	line := "|"
	for _, r := range rows {
		line += " " + string(r) + " |"
	}
	fmt.Printf("| wall s (CPU s) %s stored MB | resident MB |\n|---%s---|---|\n", line, strings.Repeat("|---", len(rows))+"|")
	for _, t := range all {
		fmt.Printf("| %s |", t.name)
		most := int64(0)
		for _, r := range rows {
			some := b.results[t.name][r]
			if len(some) == 0 {
				fmt.Print(" |")
				continue
			}
			var wall, cpu []time.Duration
			for _, m := range some {
				wall, cpu, most = append(wall, m.wall), append(cpu, m.cpu), max(most, m.resident)
			}
			fmt.Printf(" %.2f (%.2f) |", median(wall).Seconds(), median(cpu).Seconds())
		}
		fmt.Printf(" %.1f | %d |\n", float64(median(b.stored[t.name]))/1e6, most/1e6)
	}
}

func median[N int64 | time.Duration](all []N) N {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
