// SPDX-License-Identifier: AGPL-3.0-or-later

package browsertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	permission "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// look is how often a page is looked at while a test waits for it.
const look = 25 * time.Millisecond

// A Thing is something in a page as a screen reader finds it: by its role and
// a part of its name.
type Thing struct {
	Role, Name string
}

// String says what is looked for.
func (th Thing) String() string { return fmt.Sprintf("%s %q", th.Role, th.Name) }

// nodes returns what is there of a thing, the exact names first.
func (p *Page) nodes(ctx context.Context, th Thing) (exact, other []*accessibility.Node, err error) {
	doc, err := chromedp.Call(ctx, dom.GetDocument, dom.GetDocumentParams{})
	if err != nil {
		return nil, nil, err
	}
	all, err := chromedp.Call(ctx, accessibility.QueryAXTree, accessibility.QueryAXTreeParams{NodeID: doc.Root.NodeID, Role: th.Role})
	if err != nil {
		return nil, nil, err
	}
	for _, n := range all.Nodes {
		name := text(n.Name)
		switch {
		case n.Ignored:
		case name == th.Name:
			exact = append(exact, n)
		case strings.Contains(name, th.Name):
			other = append(other, n)
		}
	}
	return exact, other, nil
}

func text(v *accessibility.Value) (s string) {
	if v != nil {
		_ = json.Unmarshal(v.Value, &s) // what is no string has no text
	}
	return s
}

// Sees reports whether a thing is there now.
func (p *Page) Sees(role, name string) bool {
	exact, other, err := p.nodes(p.ctx, Thing{role, name})
	return err == nil && len(exact)+len(other) > 0
}

// Await waits until a thing is there.
func (p *Page) Await(role, name string) {
	p.tb.Helper()
	p.until(Thing{role, name}.String(), func(context.Context) bool { return p.Sees(role, name) })
}

// Gone waits until a thing is no longer there.
func (p *Page) Gone(role, name string) {
	p.tb.Helper()
	p.until(Thing{role, name}.String()+" to go", func(context.Context) bool { return !p.Sees(role, name) })
}

// Until waits until an expression is true in the page; a promise is awaited.
func (p *Page) Until(expression string) {
	p.tb.Helper()
	p.until(expression, func(ctx context.Context) bool {
		v, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("(async () => !!(await ("+expression+")))()", chromedp.EvalAwaitPromise))
		return err == nil && v
	})
}

func (p *Page) until(what string, fn func(context.Context) bool) {
	p.tb.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	for !fn(ctx) {
		select {
		case <-p.looping:
			p.tb.Fatalf("browsertest: the page complains without end: %q", p.Problems())
		case <-ctx.Done():
			p.tb.Fatalf("browsertest: waited in vain for %s at %s (the page complained: %q); it shows:\n%s", what, p.where(), p.Problems(), p.shown())
		case <-time.After(look):
		}
	}
}

// lastLook limits the questions to a page for the message of a failed test. The
// page may be too busy to answer.
const lastLook = 5 * time.Second

func (p *Page) where() string {
	ctx, cancel := context.WithTimeout(p.ctx, lastLook)
	defer cancel()
	at, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("location.pathname"))
	return at
}

// shown returns the text of the page, for people who read a failed test.
func (p *Page) shown() string {
	ctx, cancel := context.WithTimeout(p.ctx, lastLook)
	defer cancel()
	s, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText.slice(0, 2000)"))
	return s
}

// reach waits for a thing that can be acted upon and calls fn with it; fn is
// called again if the page changed meanwhile.
func (p *Page) reach(th Thing, fn func(context.Context, cdp.BackendNodeID) error) {
	p.tb.Helper()
	var last error
	p.until(th.String(), func(ctx context.Context) bool {
		exact, other, err := p.nodes(ctx, th)
		found := append(exact, other...)
		if err != nil || len(found) == 0 {
			return false
		}
		last = fn(ctx, found[0].BackendDOMNodeID)
		return last == nil
	})
}

// Click clicks at the middle of a thing with the mouse.
func (p *Page) Click(role, name string) {
	p.tb.Helper()
	p.reach(Thing{role, name}, func(ctx context.Context, id cdp.BackendNodeID) error {
		x, y, err := rest(ctx, id)
		if err != nil {
			return err
		}
		return chromedp.Do(ctx, chromedp.MouseClickXY(x, y))
	})
}

// Point moves the mouse over a thing.
func (p *Page) Point(role, name string) {
	p.tb.Helper()
	p.reach(Thing{role, name}, func(ctx context.Context, id cdp.BackendNodeID) error {
		x, y, err := center(ctx, id)
		if err != nil {
			return err
		}
		_, err = chromedp.Call(ctx, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: chromedp.MouseMoved, X: x, Y: y})
		return err
	})
}

// rest is center of a thing that does not move at the moment.
func rest(ctx context.Context, id cdp.BackendNodeID) (x, y float64, err error) {
	x, y, err = center(ctx, id)
	if err != nil {
		return x, y, err
	}
	frames := "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](frames, chromedp.EvalAwaitPromise)); err != nil {
		return x, y, err
	}
	again, below, err := center(ctx, id)
	if err == nil && (again != x || below != y) {
		err = errors.New("it moves")
	}
	return x, y, err
}

func center(ctx context.Context, id cdp.BackendNodeID) (x, y float64, err error) {
	if _, err := chromedp.Call(ctx, dom.ScrollIntoViewIfNeeded, dom.ScrollIntoViewIfNeededParams{BackendNodeID: id}); err != nil {
		return 0, 0, err
	}
	box, err := chromedp.Call(ctx, dom.GetContentQuads, dom.GetContentQuadsParams{BackendNodeID: id})
	if err != nil {
		return 0, 0, err
	}
	if len(box.Quads) == 0 || len(box.Quads[0]) != 8 {
		return 0, 0, errors.New("it is not visible")
	}
	for i := 0; i < 8; i += 2 {
		x += box.Quads[0][i] / 4
		y += box.Quads[0][i+1] / 4
	}
	return x, y, nil
}

// Swipe drags a finger from the middle of what a CSS selector finds, so many
// pixels to the right, or to the left if they are negative.
func (p *Page) Swipe(selector string, pixels float64) {
	p.tb.Helper()
	at := Eval[struct{ X, Y, Width, Height float64 }](p, fmt.Sprintf("document.querySelector(%q).getBoundingClientRect().toJSON()", selector))
	x, y := at.X+at.Width/2, at.Y+at.Height/2
	touch := func(kind input.DispatchTouchEventType, x float64) {
		points := []*input.TouchPoint{}
		if kind != input.DispatchTouchEventTypeTouchEnd {
			points = append(points, &input.TouchPoint{X: x, Y: y})
		}
		Call(p, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: kind, TouchPoints: points})
	}
	const steps = 8
	touch(input.DispatchTouchEventTypeTouchStart, x)
	for i := range steps {
		touch(input.DispatchTouchEventTypeTouchMove, x+pixels*float64(i+1)/steps)
	}
	touch(input.DispatchTouchEventTypeTouchEnd, x+pixels)
}

// Write puts the focus on a text field and types, after what is there.
func (p *Page) Write(name, words string) {
	p.tb.Helper()
	p.WriteIn("textbox", name, words)
}

// WriteIn is Write for fields of other roles, such as searchbox.
func (p *Page) WriteIn(role, name, words string) {
	p.tb.Helper()
	p.reach(Thing{role, name}, func(ctx context.Context, id cdp.BackendNodeID) error {
		_, err := chromedp.Call(ctx, dom.Focus, dom.FocusParams{BackendNodeID: id})
		return err
	})
	p.Insert(words)
}

// Insert types where the focus is.
func (p *Page) Insert(words string) {
	p.tb.Helper()
	Call(p, input.InsertText, input.InsertTextParams{Text: words})
}

// Press presses keys one after the other, as package kb of chromedp spells
// them.
func (p *Page) Press(keys string, modifiers ...chromedp.Modifier) {
	p.tb.Helper()
	p.Do(chromedp.KeyEvent(keys, chromedp.KeyModifiers(modifiers...)))
}

// Choose gives files to a file input that a CSS selector finds.
func (p *Page) Choose(selector string, paths ...string) {
	p.tb.Helper()
	doc := Call(p, dom.GetDocument, dom.GetDocumentParams{})
	found := Call(p, dom.QuerySelector, dom.QuerySelectorParams{NodeID: doc.Root.NodeID, Selector: selector})
	Call(p, dom.SetFileInputFiles, dom.SetFileInputFilesParams{Files: paths, NodeID: found.NodeID})
}

// Size sets the size of the window in CSS pixels, and whether people touch it.
func (p *Page) Size(width, height int, touch bool) {
	p.tb.Helper()
	Call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: int64(width), Height: int64(height), DeviceScaleFactor: 1, Mobile: touch,
	})
}

// Theme makes the page believe that the device is light or dark.
func (p *Page) Theme(name string) {
	p.tb.Helper()
	Call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	})
}

// Permit grants the page's profile a permission, or denies it, for all pages.
func (p *Page) Permit(what string, granted bool) {
	p.tb.Helper()
	setting := permission.PermissionSettingDenied
	if granted {
		setting = permission.PermissionSettingGranted
	}
	Call(p, permission.SetPermission, permission.SetPermissionParams{
		Permission: &permission.PermissionDescriptor{Name: what}, Setting: setting, BrowserContextID: p.profile.id,
	})
}
