// SPDX-License-Identifier: AGPL-3.0-or-later

package schedule_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/internal/product/schedule"
)

var start = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// clock is a clock that moves when somebody waits, or when the test says so.
type clock struct {
	now    time.Time
	sleeps map[int]time.Duration // how long the machine sleeps in a wait, by its number
	waits  int
}

func (c *clock) Wait(ctx context.Context, d time.Duration) error {
	if d <= 0 || d > time.Minute {
		panic(d)
	}
	c.waits++
	c.now = c.now.Add(d + c.sleeps[c.waits])
	return ctx.Err()
}

// runs has a loop run until it has run results so often, with these results, each
// taking a minute, and returns when each run began.
func runs(t *testing.T, c *clock, every time.Duration, random float64, results ...error) (began []time.Duration, failed []time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	if c.now.IsZero() {
		c.now = start
	}
	l := schedule.Loop{
		Every: every,
		Run: func(context.Context) error {
			began = append(began, c.now.Sub(start))
			c.now = c.now.Add(time.Minute)
			if len(began) == len(results) {
				cancel()
			}
			return results[len(began)-1]
		},
		Failed: func(_ error, after time.Duration) { failed = append(failed, after) },
		Next:   func(time.Time) {},
		Now:    func() time.Time { return c.now }, Wait: c.Wait, Random: func() float64 { return random },
	}
	if err := l.Do(ctx); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	return began, failed
}

var errBroken = errors.New("broken")

func same(t *testing.T, what string, got []time.Duration, want ...time.Duration) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestLoopRepeats(t *testing.T) {
	began, _ := runs(t, &clock{}, time.Hour, 0, nil, nil, nil)
	same(t, "each hour", began, 0, time.Hour, 2*time.Hour)
	began, _ = runs(t, &clock{}, time.Hour, 1, nil, nil, nil)
	same(t, "with all of the jitter", began, 0, 66*time.Minute, 132*time.Minute)
	began, _ = runs(t, &clock{}, 30*time.Second, 0, nil, nil)
	same(t, "runs that take longer than that", began, 0, time.Minute)
}

func TestLoopWaitsLongerAfterFailures(t *testing.T) {
	began, failed := runs(t, &clock{}, 5*time.Minute, 0, errBroken, errBroken, errBroken, errBroken, nil, errBroken, nil)
	same(t, "waits", failed, time.Minute, 2*time.Minute, 4*time.Minute, 5*time.Minute, time.Minute)
	same(t, "runs", began, 0, 2*time.Minute, 5*time.Minute, 10*time.Minute, 16*time.Minute, 21*time.Minute, 23*time.Minute)
}

// TestLoopMakesUpOnce has the machine sleep for a day, and the clock be put back.
func TestLoopMakesUpOnce(t *testing.T) {
	began, _ := runs(t, &clock{sleeps: map[int]time.Duration{10: 24 * time.Hour}}, time.Hour, 0, nil, nil, nil)
	woke := 24*time.Hour + 11*time.Minute
	same(t, "after a day of sleep", began, 0, woke, woke+time.Hour)
	c := &clock{sleeps: map[int]time.Duration{10: -365 * 24 * time.Hour}}
	began, _ = runs(t, c, time.Hour, 0, nil, nil)
	same(t, "after the clock was put back", began, 0, -365*24*time.Hour+71*time.Minute)
}

func TestLoopEnds(t *testing.T) {
	began, failed := runs(t, &clock{}, time.Hour, 0, nil, schedule.Final(errBroken), nil)
	if len(began) != 2 || len(failed) != 0 {
		t.Errorf("after a final error: %v, %v", began, failed)
	}
	l := schedule.Loop{Every: time.Hour, Run: func(context.Context) error { return schedule.Final(errBroken) }, Now: time.Now}
	if err := l.Do(t.Context()); !errors.Is(err, errBroken) {
		t.Errorf("ended with %v", err)
	}
}
