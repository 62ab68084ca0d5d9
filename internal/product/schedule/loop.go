// SPDX-License-Identifier: AGPL-3.0-or-later

package schedule

import (
	"context"
	"errors"
	"time"
)

// A Loop runs something again and again, one run at a time. After a run that failed
// it waits a minute, and twice as long after each further one, up to Every.
type Loop struct {
	// Every is the time from the beginning of one run to that of the next.
	Every time.Duration
	// Run does the work. An error that is wrapped by Final ends the loop.
	Run func(context.Context) error
	// Failed is called with every other error. Next is called after each run with the
	// time of the next.
	Failed func(err error, after time.Duration)
	Next   func(time.Time)
	// Now, Wait and Random are the clock, a timer, and a number from 0 to 1 by which
	// runs are delayed, so that many machines do not begin at once.
	Now    func() time.Time
	Wait   func(context.Context, time.Duration) error
	Random func() float64
}

const (
	// firstRetry is the wait after the first failure.
	firstRetry = time.Minute
	// longestWait bounds a wait: timers stand still while a machine sleeps, so that
	// the clock is looked at again and again.
	longestWait = time.Minute
	// jitter is the part of Every by which a run is delayed at most.
	jitter = 0.1
)

// final is an error after which trying again is of no use.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// Final marks an error as one that ends a Loop.
func Final(err error) error { return final{err} }

// Do runs the loop, the first time at once, until the context is done or an error is
// final. Runs that are missed, as while the machine slept, are made up for by one.
func (l *Loop) Do(ctx context.Context) error {
	retry := time.Duration(0)
	for {
		began := l.Now().Round(0) // without the clock that stands still while a machine sleeps
		err := l.Run(ctx)
		var end final
		switch {
		case errors.As(err, &end):
			return end.error
		case ctx.Err() != nil:
			return err
		}
		pause := l.Every + time.Duration(l.Random()*jitter*float64(l.Every))
		due := began.Add(pause)
		if err == nil {
			retry = 0
		} else {
			retry = min(max(2*retry, firstRetry), l.Every)
			due = l.Now().Round(0).Add(retry)
			l.Failed(err, retry)
		}
		l.Next(due)
		if err := l.until(ctx, due, max(pause, retry)); err != nil {
			return err
		}
	}
}

// until waits for a time, but no longer than longest: the clock may be put back.
func (l *Loop) until(ctx context.Context, due time.Time, longest time.Duration) error {
	for {
		left := due.Sub(l.Now().Round(0))
		if left <= 0 {
			return ctx.Err()
		}
		if left > longest {
			due = l.Now().Round(0).Add(longest)
			left = longest
		}
		if err := l.Wait(ctx, min(left, longestWait)); err != nil {
			return err
		}
	}
}
