// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
)

// A sample is what page and worker hold, in MiB, after their garbage was
// collected, and what their processes have: in them the core's memory, which
// never shrinks.
type sample struct{ page, worker, processes float64 }

// samples is how often memory is looked at.
const samples = 30

// watch has Bob and somebody in a browser talk, with reactions and deletions,
// and looks at memory from time to time.
func (t *town) watch(ctx context.Context, o options) error {
	bob, end, err := t.openBob(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = end() }() // what matters was settled
	var all []sample
	err = t.visited(small, func(b *browser, p *page) error {
		if err := t.talking(p, "bob"); err != nil {
			return err
		}
		worker, err := b.worker(p)
		if err != nil {
			return err
		}
		all, err = t.traffic(ctx, bob, b, p, worker, o)
		return err
	})
	if err != nil {
		return err
	}
	fmt.Printf("\nMemory in MiB after collecting garbage, %s, two messages every %s\n%-20s %8s %8s %10s\n", o.traffic, o.every, "", "page", "worker", "processes")
	third := len(all) / 3
	for _, part := range []struct {
		name string
		of   []sample
	}{{"first third", all[:third]}, {"second third", all[third : 2*third]}, {"last third", all[2*third:]}} {
		var page, worker, processes figure
		for _, s := range part.of {
			page, worker, processes = append(page, s.page), append(worker, s.worker), append(processes, s.processes)
		}
		fmt.Printf("%-20s %8.1f %8.1f %10.1f\n", part.name, page.median(), worker.median(), processes.median())
	}
	return nil
}

// worker is the shared worker of a browser, as something to be asked.
func (b *browser) worker(p *page) (*page, error) {
	all, err := chromedp.Targets(p.ctx)
	if err != nil {
		return nil, err
	}
	for _, target := range all {
		if target.Type == "shared_worker" && strings.Contains(target.URL, "worker") {
			ctx, detach := chromedp.NewContext(b.ctx, chromedp.WithTargetID(target.TargetID), chromedp.WithDetachOnCancel())
			return &page{ctx, detach}, chromedp.Do(ctx)
		}
	}
	return nil, errors.New("there is no shared worker")
}

func (t *town) traffic(ctx context.Context, bob *client.Client, b *browser, p, worker *page, o options) (all []sample, err error) {
	to := t.Bob.With[small]
	tick := time.NewTicker(o.every)
	defer tick.Stop()
	began, next := time.Now(), time.Duration(0)
	for i := 0; time.Since(began) < o.traffic; i++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		m, err := bob.Send(ctx, to, chat.Draft{Text: fmt.Sprintf("Bob says %d", i)})
		if err == nil && i%3 == 1 {
			err = bob.Messages().React(ctx, to, m.ID, "👍", false)
		}
		if err == nil && i%5 == 2 {
			err = bob.Messages().Delete(ctx, to, m.ID)
		}
		err = errors.Join(err, p.write(fmt.Sprintf("The page says %d", i)), p.send())
		if err != nil {
			return nil, err
		}
		if at := time.Since(began); at >= next {
			next = at + o.traffic/samples
			s, err := b.look(p, worker)
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
	}
	return all, nil
}

func (b *browser) look(p, worker *page) (s sample, err error) {
	const mebi = 1 << 20
	for _, at := range []*page{p, worker} {
		if err := order(at, heapprofiler.CollectGarbage, cdp.Empty{}); err != nil {
			return s, err
		}
	}
	inPage, err := command(p, runtime.GetHeapUsage, cdp.Empty{})
	if err != nil {
		return s, err
	}
	inWorker, err := command(worker, runtime.GetHeapUsage, cdp.Empty{})
	if err != nil {
		return s, err
	}
	processes, err := b.renderers()
	return sample{inPage.UsedSize / mebi, inWorker.UsedSize / mebi, processes / mebi}, err
}

// renderers is how many bytes the processes of pages and workers have in
// memory, their part of what is shared included.
func (b *browser) renderers() (sum float64, err error) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		line, _ := os.ReadFile(file) // it may have ended
		// Chromium draws its own surface with one, too.
		if strings.Contains(string(line), "--top-chrome-webui") || !strings.Contains(string(line), "--type=renderer") || !strings.Contains(string(line), "--user-data-dir="+b.dir) {
			continue
		}
		rollup, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "smaps_rollup"))
		_, rest, _ := strings.Cut(string(rollup), "\nPss:")
		if fields := strings.Fields(rest); len(fields) > 0 {
			kib, err := strconv.ParseFloat(fields[0], 64)
			if err != nil {
				return 0, err
			}
			sum += kib * 1024
		}
	}
	return sum, nil
}
