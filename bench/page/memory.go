// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/securecrypt/securecrypt/client"
)

// A sample is what page, worker and core hold, in MiB, after the garbage of
// the first two was collected. The core's memory never shrinks.
type sample struct{ page, worker, core float64 }

// samples is how often memory is looked at.
const samples = 30

// watch has Bob and somebody in a browser talk, with reactions and deletions,
// two messages a second, and looks at memory from time to time.
func (t *town) watch(ctx context.Context, r report, lasting time.Duration) error {
	bob, end, err := t.openBob(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = end() }() // what matters was settled
	b, err := t.browse(small)
	if err != nil {
		return err
	}
	defer b.end()
	p, err := b.tab()
	if err != nil {
		return err
	}
	if err := t.talking(p, "bob"); err != nil {
		return err
	}
	worker, err := b.worker(p)
	if err != nil {
		return err
	}
	all, err := t.traffic(ctx, bob, p, worker, lasting)
	if err != nil {
		return err
	}
	fmt.Fprintf(r.w, "\nMemory in MiB after collecting garbage, %s of two messages a second\n%-20s %8s %8s %8s\n", lasting, "", "page", "worker", "core")
	third := len(all) / 3
	for _, part := range []struct {
		name string
		of   []sample
	}{{"first third", all[:third]}, {"last third", all[len(all)-third:]}} {
		var page, worker, core figure
		for _, s := range part.of {
			page, worker, core = append(page, s.page), append(worker, s.worker), append(core, s.core)
		}
		fmt.Fprintf(r.w, "%-20s %8.1f %8.1f %8.1f\n", part.name, page.median(), worker.median(), core.median())
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

func (t *town) traffic(ctx context.Context, bob *client.Client, p, worker *page, lasting time.Duration) (all []sample, err error) {
	to := t.Bob.With[small]
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	began, next := time.Now(), time.Duration(0)
	for i := 0; time.Since(began) < lasting; i++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		m, err := bob.Send(ctx, to, client.Draft{Text: fmt.Sprintf("Bob says %d", i)})
		if err == nil && i%3 == 1 {
			err = bob.React(ctx, to, m.ID, "👍", false)
		}
		if err == nil && i%5 == 2 {
			err = bob.Delete(ctx, to, m.ID)
		}
		err = errors.Join(err, p.write(fmt.Sprintf("The page says %d", i)), p.send())
		if err != nil {
			return nil, err
		}
		if at := time.Since(began); at >= next {
			next = at + lasting/samples
			s, err := look(p, worker)
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
	}
	return all, nil
}

func look(p, worker *page) (s sample, err error) {
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
	core, err := coreSize(worker)
	return sample{inPage.UsedSize / mebi, inWorker.UsedSize / mebi, core / mebi}, err
}

// coreSize is how many bytes of memory the core's module has.
func coreSize(worker *page) (float64, error) {
	proto, err := command(worker, runtime.Evaluate, runtime.EvaluateParams{Expression: "WebAssembly.Memory.prototype"})
	if err != nil {
		return 0, err
	}
	found, err := command(worker, runtime.QueryObjects, runtime.QueryObjectsParams{PrototypeObjectID: proto.Result.ObjectID})
	if err != nil {
		return 0, err
	}
	sum, err := command(worker, runtime.CallFunctionOn, runtime.CallFunctionOnParams{
		ObjectID: found.Objects.ObjectID, ReturnByValue: new(true),
		FunctionDeclaration: "function() { return this.reduce((n, m) => n + m.buffer.byteLength, 0) }",
	})
	if err != nil {
		return 0, err
	}
	var n float64
	return n, json.Unmarshal(sum.Result.Value, &n)
}
