// SPDX-License-Identifier: AGPL-3.0-or-later

// Relay measures the server, a bare relay and NATS JetStream side by side and
// prints tables. Each runs in a process of its own, which this command starts.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "relay:", err)
		os.Exit(1)
	}
}

type options struct {
	serve, dir, profile      string
	duration, warmup         time.Duration
	rounds, size, inFlight   int
	channels, kinds, measure string
	idle                     int
}

func run(ctx context.Context) error {
	var o options
	flag.StringVar(&o.serve, "serve", "", "serve this kind (for the processes that the command starts)")
	flag.StringVar(&o.dir, "dir", "", "folder for data; default: a temporary one")
	flag.StringVar(&o.profile, "profile", "", "write a CPU profile of the served kind to this file")
	flag.DurationVar(&o.duration, "duration", 4*time.Second, "of each measurement")
	flag.DurationVar(&o.warmup, "warmup", time.Second, "before each measurement")
	flag.IntVar(&o.rounds, "rounds", 3, "measurements of each, of which the median counts")
	flag.IntVar(&o.size, "size", 1024, "bytes of a message")
	flag.IntVar(&o.inFlight, "in-flight", 2048, "unacknowledged messages in all")
	flag.StringVar(&o.channels, "channels", "1,16,64", "numbers of channels")
	flag.StringVar(&o.kinds, "kinds", "server,bare,nats", "what to measure")
	flag.StringVar(&o.measure, "measure", "throughput,latency,fanout,idle,start", "which measurements")
	flag.IntVar(&o.idle, "idle", 10000, "idle connections")
	flag.Parse()
	if o.serve != "" {
		return o.child(ctx)
	}
	for _, m := range strings.Split(o.measure, ",") {
		f, ok := map[string]func(context.Context) error{
			"throughput": o.throughput, "latency": func(context.Context) error { return nil }, "fanout": o.fanout, "idle": o.idleMemory, "start": o.coldStart,
		}[m]
		if !ok {
			return fmt.Errorf("unknown measurement %q", m)
		}
		if err := f(ctx); err != nil {
			return fmt.Errorf("%s: %w", m, err)
		}
	}
	return nil
}

// child serves until its standard input ends.
func (o *options) child(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends when the parent does
		cancel()
	}()
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	return bench.Serve(ctx, o.serve, o.dir, func(url string) { fmt.Println(url) })
}

// process is a served kind.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	url   string
	dir   string
	took  time.Duration // until it answered
}

func (o *options) start(kind string) (*process, error) {
	dir, err := os.MkdirTemp(o.dir, "relaybench-")
	if err != nil {
		return nil, err
	}
	return o.startIn(kind, dir)
}

func (o *options) startIn(kind, dir string) (*process, error) {
	args := []string{"-serve", kind, "-dir", filepath.Join(dir, kind)}
	if o.profile != "" {
		args = append(args, "-profile", o.profile+"."+kind)
	}
	if err := os.MkdirAll(filepath.Join(dir, kind), 0o700); err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(os.Args[0], args...), dir: dir}
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.stdin = in
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	p.took, p.url = time.Since(began), strings.TrimSpace(line)
	return p, err
}

func (p *process) stop() error {
	return errors.Join(p.halt(), os.RemoveAll(p.dir))
}

// halt ends the process and keeps its data.
func (p *process) halt() error { return errors.Join(p.stdin.Close(), p.cmd.Wait()) }

// measureOnce runs one load against a fresh process.
func (o *options) measureOnce(ctx context.Context, kind string, l bench.Load) (r bench.Result, err error) {
	p, err := o.start(kind)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	l.URL, l.Size, l.Warmup, l.Duration = p.url, o.size, o.warmup, o.duration
	if kind == bench.KindNATS {
		return l.RunNATS(ctx)
	}
	return l.Run(ctx)
}

func (o *options) median(ctx context.Context, kind string, l bench.Load) (bench.Result, error) {
	var all []bench.Result
	for range o.rounds {
		r, err := o.measureOnce(ctx, kind, l)
		if err != nil {
			return r, err
		}
		if r.Incomplete > 0 {
			return r, fmt.Errorf("%s delivered %d entries out of order", kind, r.Incomplete)
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b bench.Result) int { return int(a.Delivered - b.Delivered) })
	return all[len(all)/2], nil
}

// throughput prints messages a second that reached a subscriber, and the
// latency at half of that rate.
func (o *options) throughput(ctx context.Context) error {
	fmt.Printf("Messages of %d bytes a second, synced before they are acknowledged, delivered to one subscriber\n", o.size)
	fmt.Printf("a channel; %d unacknowledged in all; median of %d runs of %s each. Latency is at half the rate.\n\n", o.inFlight, o.rounds, o.duration)
	fmt.Printf("%8s  %-8s %10s %10s %10s %12s %12s\n", "channels", "", "delivered", "p50", "p99", "÷ bare", "÷ nats")
	for _, text := range strings.Split(o.channels, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		rates := map[string]float64{}
		for _, kind := range []string{bench.KindNATS, bench.KindBare, bench.KindServer} {
			if !strings.Contains(o.kinds, kind) {
				continue
			}
			l := bench.Load{Channels: n, Subscribers: 1, Window: max(8, o.inFlight/n)}
			r, err := o.median(ctx, kind, l)
			if err != nil {
				return err
			}
			rates[kind] = r.Delivered
			l.Rate = r.Delivered / 2
			var half bench.Result
			if strings.Contains(o.measure, "latency") {
				if half, err = o.measureOnce(ctx, kind, l); err != nil {
					return err
				}
			}
			fmt.Printf("%8d  %-8s %10.0f %10s %10s %12s %12s\n", n, kind, r.Delivered, half.P50.Round(10*time.Microsecond), half.P99.Round(10*time.Microsecond),
				ratio(kind, rates, bench.KindBare), ratio(kind, rates, bench.KindNATS))
		}
	}
	fmt.Println()
	return nil
}

func ratio(kind string, rates map[string]float64, to string) string {
	if kind != bench.KindServer || rates[to] == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", rates[kind]/rates[to])
}

func (o *options) fanout(ctx context.Context) error {
	l := bench.Load{Channels: 1, Subscribers: 500, Window: 64}
	for _, kind := range []string{bench.KindBare, bench.KindServer} {
		if !strings.Contains(o.kinds, kind) {
			continue
		}
		r, err := o.median(ctx, kind, l)
		if err != nil {
			return err
		}
		fmt.Printf("One channel with 500 members, %s: %.0f messages/s, %.0f deliveries/s\n", kind, r.Posted, r.Delivered)
	}
	fmt.Println()
	return nil
}

func (o *options) idleMemory(ctx context.Context) (err error) {
	p, err := o.start(bench.KindServer)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	before, err := rss(p.cmd.Process.Pid)
	if err != nil {
		return err
	}
	for _, open := range []bool{false, true} {
		hangUp, err := bench.Idle(ctx, p.url, o.idle, open)
		if err != nil {
			return err
		}
		after, err := bench.Settled(ctx, func() (int, error) { return rss(p.cmd.Process.Pid) })
		hangUp()
		if err != nil {
			return err
		}
		fmt.Printf("%d idle connections, each with a channel open: %v. RSS %d KiB before, %d KiB after: %.1f KiB a connection\n",
			o.idle, open, before, after, float64(after-before)/float64(o.idle))
	}
	fmt.Println()
	return nil
}

// rss returns a process's resident memory in KiB.
func rss(pid int) (int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(b), "VmRSS:")
	fields := strings.Fields(rest)
	if !ok || len(fields) == 0 {
		return 0, errors.New("no VmRSS")
	}
	return strconv.Atoi(fields[0])
}

// coldStart measures from starting the process to its readiness, with an empty
// folder and with one that a killed server left.
func (o *options) coldStart(ctx context.Context) (err error) {
	p, err := o.start(bench.KindServer)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(p.dir)) }()
	empty := p.took
	if _, err := (bench.Load{URL: p.url, Channels: 16, Subscribers: 1, Size: o.size, Window: 128, Duration: 2 * time.Second}).Run(ctx); err != nil {
		return err
	}
	if err := p.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = p.cmd.Wait() // it was killed
	again, err := o.startIn(bench.KindServer, p.dir)
	if err != nil {
		return err
	}
	fmt.Printf("Cold start: %s with an empty folder, %s after a kill under load\n", empty.Round(time.Millisecond), again.took.Round(time.Millisecond))
	return again.halt()
}
