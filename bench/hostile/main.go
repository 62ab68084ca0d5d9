// SPDX-License-Identifier: AGPL-3.0-or-later

// Hostile has strangers attack the server by all known ways at once, from eight
// addresses, beside honest people at another one, and prints how the people fare
// with and without them.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/internal/testing/hostile"
)

func main() {
	hostile.AttackIfOrdered()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	duration := flag.Duration("duration", 10*time.Second, "of each measurement")
	rounds := flag.Int("rounds", 3, "measurements of each, in turn, of which the median counts")
	connections := flag.Int("connections", 64, "of each attack")
	baseline := flag.Bool("baseline", true, "measure without attacks, too")
	flag.Parse()
	loads := []int{0, *connections}
	if !*baseline {
		loads = loads[1:]
	}
	if err := run(ctx, *duration, *rounds, loads); err != nil {
		fmt.Fprintln(os.Stderr, "hostile:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, duration time.Duration, rounds int, loads []int) error {
	dir, err := os.MkdirTemp("", "hostile-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program, err := hostile.Build(ctx, dir)
	if err != nil {
		return err
	}
	var alone, besieged []int64
	for range rounds {
		for _, n := range loads {
			delivered, err := measure(ctx, program, duration, n)
			if err != nil {
				return err
			}
			if n == 0 {
				alone = append(alone, delivered)
			} else {
				besieged = append(besieged, delivered)
			}
		}
	}
	if len(loads) == 1 {
		return nil
	}
	slices.Sort(alone)
	slices.Sort(besieged)
	a, b := alone[len(alone)/2], besieged[len(besieged)/2]
	fmt.Printf("\nmessages delivered in %s: %d without attacks %v, %d with all of them %v: %.2f\n", duration, a, alone, b, besieged, float64(b)/float64(a))
	return nil
}

// measure returns how many messages arrive while all attacks go on with that
// many connections each.
func measure(ctx context.Context, program string, duration time.Duration, connections int) (int64, error) {
	dir, err := os.MkdirTemp("", "hostile-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	d, err := hostile.Start(ctx, program, dir, 2<<30)
	if err != nil {
		return 0, err
	}
	people, err := hostile.NewHonest(d)
	if err != nil {
		return 0, err
	}
	wait := func() error { return nil }
	if connections > 0 {
		var names, addresses []string
		for _, a := range hostile.Attacks() {
			names = append(names, a.Name)
		}
		for n := range 8 {
			addresses = append(addresses, fmt.Sprintf("127.0.0.%d", 11+n))
		}
		if wait, err = hostile.Launch(ctx, people, names, addresses, connections, duration+2*time.Second); err != nil {
			return 0, err
		}
	}
	time.Sleep(time.Second) // the attacks have begun
	using, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	if err := people.Use(using); err != nil {
		return 0, err
	}
	if err := wait(); err != nil {
		return 0, err
	}
	lines, p99, failures := people.Report()
	peak, limited, err := d.Peak()
	fmt.Printf("%d connections of each attack: %d messages; 99%% of all requests below %s, %d failed; memory %d MiB at most (cgroup: %v)\n",
		connections, people.Delivered(), p99.Round(time.Millisecond), len(failures), peak>>20, limited)
	for _, line := range lines {
		fmt.Println("   ", line)
	}
	if err != nil {
		return 0, err
	}
	return people.Delivered(), d.Stop()
}
