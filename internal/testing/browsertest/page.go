// SPDX-License-Identifier: AGPL-3.0-or-later

package browsertest

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// patience bounds everything that a page is asked.
const patience = time.Minute

// maxProblems bounds the complaints that are kept. A page that complains of more is
// in a loop, and its test fails without waiting any longer.
const maxProblems = 100

// A Profile is a browser without memory, apart from all others.
type Profile struct {
	id cdp.BrowserContextID
}

// A Page is one tab of a profile.
type Page struct {
	tb      testing.TB
	ctx     context.Context
	profile *Profile
	heard   chan struct{} // has room for one
	looping chan struct{} // closed after maxProblems complaints

	mu       sync.Mutex
	heardOf  int // complaints so far
	problems []string
	expected []*regexp.Regexp
}

// Open opens a page in a new profile. Both go with the test, which fails if
// the page complained of anything.
func Open(tb testing.TB) *Page {
	tb.Helper()
	p := &Page{tb: tb, profile: new(Profile), heard: make(chan struct{}, 1), looping: make(chan struct{})}
	p.begin(chromedp.NewContext(browser(tb), chromedp.WithNewBrowserContext()))
	p.profile.id = chromedp.FromContext(p.ctx).BrowserContextID
	return p
}

// Another opens one more page of the same profile.
func (p *Page) Another() *Page {
	p.tb.Helper()
	next := &Page{tb: p.tb, profile: p.profile, heard: make(chan struct{}, 1), looping: make(chan struct{})}
	next.begin(chromedp.NewContext(p.ctx, chromedp.WithExistingBrowserContext(p.profile.id)))
	return next
}

// begin watches the page from its first moment.
func (p *Page) begin(ctx context.Context, end func()) {
	p.tb.Helper()
	p.ctx = ctx
	p.tb.Cleanup(func() {
		end()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, problem := range p.problems {
			p.tb.Errorf("the page complained: %s", problem)
		}
	})
	if err := chromedp.Listen(ctx, p.hear); err != nil {
		p.tb.Fatalf("browsertest: opening a page: %v", err)
	}
}

// hear notes what the page complains of, and listens to its workers, too.
func (p *Page) hear(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil && x.Description != "" {
			text += " " + x.Description
		}
		p.complain(text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			p.complain("console: " + said(e.Args))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			p.complain(fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *target.EventAttachedToTarget:
		if strings.Contains(e.TargetInfo.Type, "worker") {
			go p.follow(e.TargetInfo.TargetID)
		}
	}
}

// follow listens to a worker until it ends.
func (p *Page) follow(id target.ID) {
	ctx, _ := chromedp.NewContext(p.ctx, chromedp.WithTargetID(id), chromedp.WithDetachOnCancel(), chromedp.WithListener(p.hear))
	_ = chromedp.Do(ctx) // it may have ended already
}

func said(args []*runtime.RemoteObject) string {
	var all []string
	for _, a := range args {
		switch {
		case a.Description != "":
			all = append(all, a.Description)
		default:
			all = append(all, strings.Trim(string(a.Value), `"`))
		}
	}
	return strings.Join(all, " ")
}

func (p *Page) complain(problem string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.expected {
		if e.MatchString(problem) {
			return
		}
	}
	p.heardOf++
	if p.heardOf > maxProblems {
		return
	}
	if p.heardOf == maxProblems {
		close(p.looping)
	}
	p.problems = append(p.problems, problem)
	select {
	case p.heard <- struct{}{}:
	default:
	}
}

// Complaint waits until the page complains of what a regular expression
// matches, and forgets all that it complained of until then.
func (p *Page) Complaint(pattern string) {
	p.tb.Helper()
	wanted := regexp.MustCompile(pattern)
	late := time.After(patience)
	var all []string
	for {
		all = append(all, p.Problems()...)
		if slices.ContainsFunc(all, wanted.MatchString) {
			return
		}
		select {
		case <-p.heard:
		case <-late:
			p.tb.Fatalf("browsertest: the page complained of %q, not of %s", all, pattern)
		}
	}
}

// Expect lets the page complain, from now on, of what a regular expression
// matches.
func (p *Page) Expect(pattern string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected = append(p.expected, regexp.MustCompile(pattern))
}

// Problems returns what the page complained of so far, and forgets it.
func (p *Page) Problems() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.problems
	p.problems = nil
	return all
}

// Blame has what the page is asked from now on fail tb, such as a subtest that
// uses it. It returns what undoes that, which has to happen before tb ends.
func (p *Page) Blame(tb testing.TB) (undo func()) {
	before := p.tb
	p.tb = tb
	return func() { p.tb = before }
}

// Context returns the page's context, for package chromedp.
func (p *Page) Context() context.Context { return p.ctx }

// Do runs actions, which must succeed.
func (p *Page) Do(steps ...chromedp.Action[chromedp.Void]) {
	p.tb.Helper()
	Run(p, chromedp.Steps(steps...))
}

// Go goes to an address and waits until it is loaded.
func (p *Page) Go(url string) {
	p.tb.Helper()
	p.Do(chromedp.Navigate(url))
}

// Run runs an action of package chromedp, which must succeed.
func Run[T any](p *Page, a chromedp.Action[T]) T {
	p.tb.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		p.tb.Fatalf("browsertest: %v (the page complained: %q)", err, p.Problems())
	}
	return v
}

// Eval evaluates an expression in the page, awaits it if it is a promise, and
// returns its value.
func Eval[T any](p *Page, expression string) T {
	p.tb.Helper()
	return Run(p, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Call runs a command of the DevTools protocol, which must succeed.
func Call[P, R any](p *Page, command cdp.Command[P, R], params P) R {
	p.tb.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Call(ctx, command, params)
	if err != nil {
		p.tb.Fatalf("browsertest: %s: %v", command.Method, err)
	}
	return v
}

// Screenshot returns the visible part of the page as PNG.
func (p *Page) Screenshot() []byte {
	p.tb.Helper()
	return Run(p, chromedp.CaptureScreenshot())
}
