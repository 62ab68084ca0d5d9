// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/securecrypt/securecrypt/internal/testing/interop"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

type options struct {
	sizes, kinds, suites, shapes string
	tools                        string
	limits                       string
	rounds                       int
	least                        bool
}

func run(ctx context.Context) error {
	var o options
	flag.StringVar(&o.sizes, "sizes", "2,10,100,1000", "numbers of members")
	flag.StringVar(&o.kinds, "kinds", "ours,openmls-libcrux,openmls-rustcrypto,mls-rs-awslc,mls-rs-rustcrypto,ts-mls,wasm", "what to measure; the first is what others are held against")
	flag.StringVar(&o.suites, "suites", "1,hybrid", "suites: 1 and hybrid")
	flag.StringVar(&o.shapes, "shapes", "flat,populated", "shapes of the tree")
	flag.StringVar(&o.limits, "limits", "ts-mls=100,wasm=1000,hybrid=1000,wasm/hybrid=100", "the most members that what takes long is measured with")
	flag.IntVar(&o.rounds, "rounds", 0, "rounds, of which the median counts; default: by size")
	flag.BoolVar(&o.least, "least", false, "the least instead of the median counts: for a machine that is busy with other work")
	flag.StringVar(&o.tools, "tools", ".tools", "folder for what is built")
	flag.Parse()
	if err := o.buildOurs(ctx); err != nil {
		return err
	}
	var tables []*table
	defer func() { fmt.Print(summary(tables)) }() // of what there is, if it is cut short
	for _, suite := range strings.Split(o.suites, ",") {
		for _, text := range strings.Split(o.sizes, ",") {
			size, err := strconv.Atoi(text)
			if err != nil || size < 2 {
				return fmt.Errorf("no number of members: %q", text)
			}
			for _, shape := range strings.Split(o.shapes, ",") {
				t, err := o.measure(ctx, suite, size, shape == "populated")
				if err != nil {
					return fmt.Errorf("suite %s, %d members, %s: %w", suite, size, shape, err)
				}
				if len(t.columns) == 0 {
					continue
				}
				fmt.Print(t.text())
				tables = append(tables, t)
			}
		}
	}
	return nil
}

// buildOurs builds the program that answers for our library, for this machine
// and for Node.
func (o *options) buildOurs(ctx context.Context) error {
	for name, env := range map[string][]string{"ours": {"CGO_ENABLED=0"}, "ours.wasm": {"GOOS=js", "GOARCH=wasm"}} {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", filepath.Join(o.tools, "bench", name), "./internal/testing/interop/ours")
		cmd.Env, cmd.Stderr = append(os.Environ(), env...), os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("build %s: %w", name, err)
		}
	}
	return nil
}

// command returns the program of a kind.
func (o *options) command(ctx context.Context, kind string) (*exec.Cmd, error) {
	switch kind {
	case "ours":
		return exec.CommandContext(ctx, filepath.Join(o.tools, "bench", "ours")), nil
	case "wasm":
		root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
		if err != nil {
			return nil, err
		}
		node, err := exec.LookPath("node")
		if err != nil {
			return nil, fmt.Errorf("wasm: node is %w", interop.ErrMissing)
		}
		loader := filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec_node.js")
		return exec.CommandContext(ctx, node, "--stack-size=8192", loader, filepath.Join(o.tools, "bench", "ours.wasm")), nil
	case "ts-mls":
		return interop.TSMLS(ctx, "--expose-gc")
	default:
		return interop.Rust(ctx, kind)
	}
}

// suiteOf returns the code point by which a kind knows a suite, 0 where it has none.
func suiteOf(kind, suite string) uint16 {
	if suite == "1" {
		return 0x0001
	}
	switch {
	case kind == "ours", kind == "wasm":
		return 0xF002
	case strings.HasPrefix(kind, "openmls"):
		return 0x004E
	case kind == "ts-mls":
		return 0x0053
	}
	return 0
}

// limit returns the most members that a kind or suite is measured with.
func (o *options) limit(name string) int {
	for _, l := range strings.Split(o.limits, ",") {
		if n, err := strconv.Atoi(strings.TrimPrefix(l, name+"=")); err == nil {
			return n
		}
	}
	return math.MaxInt
}

// measure runs the rounds of one group in every implementation.
func (o *options) measure(ctx context.Context, suite string, size int, populated bool) (t *table, err error) {
	t = &table{suite: suite, size: size, populated: populated, least: o.least}
	crowds := map[uint16][][]byte{}
	var groups []*group
	defer func() {
		for _, g := range groups {
			err = errors.Join(err, g.close())
		}
	}()
	for _, kind := range strings.Split(o.kinds, ",") {
		id := suiteOf(kind, suite)
		if id == 0 || size > min(o.limit(kind), o.limit(suite), o.limit(kind+"/"+suite)) {
			continue
		}
		if crowds[id] == nil && !populated {
			if crowds[id], err = crowd(id, size-2); err != nil {
				return t, err
			}
		}
		g := &group{suite: id, size: size, populated: populated, crowd: crowds[id], messages: 40}
		state, err := o.memory(ctx, kind, *g)
		if err != nil {
			return t, err
		}
		name, err := o.staff(ctx, kind, g)
		if err != nil {
			return t, err
		}
		groups = append(groups, g)
		t.columns = append(t.columns, column{kind, name, g})
		g.noteSize(sizeState, state)
		began := time.Now()
		if err := g.open(); err != nil {
			return t, err
		}
		fmt.Fprintf(os.Stderr, "suite %s, %d members, %s: opened by %s in %v\n", suite, size, t.shape(), name, time.Since(began).Round(time.Millisecond))
	}
	for range o.roundsOf(size) {
		for _, s := range steps {
			for _, g := range groups {
				if err := s.run(g); err != nil {
					return t, fmt.Errorf("%s: %w", s.name, err)
				}
			}
		}
	}
	for _, g := range groups {
		if err := g.check(); err != nil {
			return t, err
		}
	}
	return t, nil
}

// staff starts the processes of a group and returns what they call themselves.
func (o *options) staff(ctx context.Context, kind string, g *group) (name string, err error) {
	for _, p := range []*interop.Peer{&g.alice, &g.bob, &g.others} {
		if *p, name, err = o.start(ctx, kind, g.memory); err != nil {
			return "", err
		}
	}
	return name, nil
}

func (o *options) roundsOf(size int) int {
	switch {
	case o.rounds > 0:
		return o.rounds
	case size <= 100:
		return 15
	case size <= 1000:
		return 7
	default:
		return 3
	}
}

func (o *options) start(ctx context.Context, kind string, memory bool) (interop.Peer, string, error) {
	cmd, err := o.command(ctx, kind)
	if err != nil {
		return nil, "", err
	}
	if memory {
		cmd.Env = append(os.Environ(), "PEER_MEMORY=1")
	}
	p, hello, err := interop.Start(cmd)
	if err != nil {
		return nil, "", err
	}
	return p, hello.Name, nil
}

// memory returns what a member that just joined holds.
func (o *options) memory(ctx context.Context, kind string, g group) (bytes int, err error) {
	g.memory = true
	if _, err := o.staff(ctx, kind, &g); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	if err := g.open(); err != nil {
		return 0, err
	}
	for _, s := range []func(*group) error{(*group).stepAdd, (*group).stepJoin} {
		if err := s(&g); err != nil {
			return 0, err
		}
	}
	return g.sizes[sizeState], nil
}
