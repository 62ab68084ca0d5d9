// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"fmt"
	"time"
)

// beside opens a browser's application in two tabs, the first of which keeps
// the core running, and calls fn with the second.
func (t *town) beside(name string, fn func(*page) error) error {
	b, err := t.browse(name)
	if err != nil {
		return err
	}
	defer b.end()
	var p *page
	for range 2 {
		if p, err = b.tab(); err != nil {
			return err
		}
		if err := p.visit(t.home()); err != nil {
			return err
		}
		if _, err := ask[float64](p, "eye.first"); err != nil {
			return err
		}
	}
	return fn(p)
}

// row is the selector of the conversation with Bob.
func (t *town) row(name string) string { return fmt.Sprintf(`a.row[href="/#/c/%s"]`, t.Bob.With[name]) }

// opens measures from the click on the longest conversation until its newest
// messages have been painted, each time in a page that is at rest and knows nothing of it.
func (t *town) opens(r report, runs int) error {
	var open figure
	var back struct{ Moved, Seen float64 }
	var steps frames
	err := t.beside(crowded, func(p *page) (err error) {
		for range runs {
			if err := p.place("/"); err != nil { // a conversation that is open is opened again
				return err
			}
			if err := p.reload(); err != nil {
				return err
			}
			if err := p.await(t.row(crowded)); err != nil {
				return err
			}
			time.Sleep(rest)
			if err := p.click(t.row(crowded)); err != nil {
				return err
			}
			ms, err := ask[float64](p, "eye.painted(() => document.querySelector('.timeline .message')).then(at => at - eye.clicked)")
			if err != nil {
				return err
			}
			open = append(open, ms)
		}
		if _, err := ask[bool](p, "eye.count() ?? true"); err != nil {
			return err
		}
		if back, err = ask[struct{ Moved, Seen float64 }](p, "eye.back(80)"); err != nil {
			return err
		}
		steps, err = p.counted()
		return err
	})
	if err != nil {
		return err
	}
	r.section(fmt.Sprintf("A conversation with %d messages (ms)", t.Messages))
	r.line("click until the newest messages are painted", open, 100)
	r.frames(fmt.Sprintf("scrolling back through %.0f messages", back.Seen), steps)
	fmt.Printf("the message under the eye moved by at most %.1f pixels when older ones came\n", back.Moved)
	return nil
}

// frames are the times between frames of a while, with the longest task of the
// main thread and the times from keys until what they did was painted, in
// milliseconds. A task of less than 50 is not told.
type frames struct {
	Frames, Inputs figure
	Task           float64
}

func (p *page) counted() (frames, error) { return ask[frames](p, "eye.counted()") }

// frames prints them.
func (r report) frames(what string, f frames) {
	r.line(what+": between frames", f.Frames, 0)
	r.single("  longest task, 0 if below 50", f.Task, 50)
	if len(f.Inputs) > 0 {
		r.line("  key until it is painted", f.Inputs, 0)
	}
}

// wheels is how often the wheel is turned in a measurement.
const wheels = 200

// scrolls measures how the list scrolls under the wheel.
func (t *town) scrolls(r report) error {
	var f frames
	err := t.beside(crowded, func(p *page) (err error) {
		x, y, err := p.point(".side .scroll")
		if err != nil {
			return err
		}
		if err := until(p.ctx, "the whole list", func() (bool, error) {
			return ask[bool](p, fmt.Sprintf(`+document.querySelector('.side [aria-setsize]').getAttribute('aria-setsize') >= %d`, t.Conversations))
		}); err != nil {
			return err
		}
		if _, err := ask[bool](p, "eye.count() ?? true"); err != nil {
			return err
		}
		for i := range wheels {
			delta := 400.0
			if i > wheels*3/4 {
				delta = -900
			}
			if err := p.wheel(x, y, delta); err != nil {
				return err
			}
		}
		f, err = p.counted()
		return err
	})
	if err != nil {
		return err
	}
	r.section(fmt.Sprintf("The list of %d conversations under the wheel (ms)", t.Conversations))
	r.frames("scrolling", f)
	return nil
}
