// SPDX-License-Identifier: AGPL-3.0-or-later

package browsertest

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// names are what Chromium and its kin are called.
var names = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// flags keep the browser from the network and from what headless tests do not
// need.
var flags = []chromedp.ExecAllocatorOption{
	chromedp.Flag("disable-gpu", true),
	chromedp.Flag("disable-quic", true),
	chromedp.Flag("disable-component-update", true),
	chromedp.Flag("mute-audio", true),
	chromedp.Flag("hide-scrollbars", true),
	chromedp.Flag("use-fake-device-for-media-stream", true),
}

// process is the browser of this test process.
var process struct {
	sync.Mutex
	open    bool   // Main runs
	devices string // folder of what the camera shows
	ctx     context.Context
	cancel  func()
	err     error
	ends    []func() // what else is to be done at the end
}

// Main runs the tests of a package that uses browsers: call it from TestMain.
func Main(m *testing.M) {
	process.open = true
	code := m.Run()
	process.Lock()
	for _, end := range process.ends {
		end()
	}
	if process.cancel != nil {
		process.cancel()
	}
	process.Unlock()
	os.Exit(code)
}

// atEnd has fn called when all tests have run.
func atEnd(fn func()) {
	process.Lock()
	defer process.Unlock()
	process.ends = append(process.ends, fn)
}

var errNone = errors.New("there is no Chromium on this machine; .ci/chromium installs it")

// browser returns the context of the browser, which it starts if need be.
func browser(tb testing.TB) context.Context {
	tb.Helper()
	process.Lock()
	defer process.Unlock()
	if !process.open {
		tb.Fatal("browsertest: the package needs a TestMain that calls browsertest.Main")
	}
	if process.ctx == nil && process.err == nil {
		process.ctx, process.cancel, process.err = start()
	}
	if errors.Is(process.err, errNone) {
		tb.Skip(process.err)
	}
	if process.err != nil {
		tb.Fatal(process.err)
	}
	return process.ctx
}

// start starts the browser of tests, with a camera that shows what Film says.
func start() (context.Context, func(), error) {
	dir, err := os.MkdirTemp("", "browsertest")
	if err != nil {
		return nil, nil, fmt.Errorf("browsertest: %w", err)
	}
	process.devices = dir
	if err := os.WriteFile(film(), frame(image.White), 0o600); err != nil {
		return nil, nil, fmt.Errorf("browsertest: the camera: %w", err)
	}
	ctx, end, err := launch(chromedp.Flag("use-file-for-fake-video-capture", film()))
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return ctx, func() { end(); _ = os.RemoveAll(dir) }, nil
}

// Launch starts a browser of its own, for programs that are no tests: one with
// the profile in a folder. end closes it and waits until it has ended.
func Launch(dir string) (ctx context.Context, end func(), err error) {
	return launch(chromedp.UserDataDir(dir))
}

func launch(more ...chromedp.ExecAllocatorOption) (ctx context.Context, end func(), err error) {
	path := find()
	if path == "" {
		return nil, nil, errNone
	}
	options := append(append(chromedp.DefaultExecAllocatorOptions[:], flags...), chromedp.ExecPath(path))
	allocator, release := chromedp.NewExecAllocator(context.Background(), append(options, more...)...)
	ctx, _ = chromedp.NewContext(allocator) // Cancel ends it
	end = func() {
		_ = chromedp.Cancel(ctx) // release ends what does not close by itself
		release()
	}
	if err := chromedp.Do(ctx); err != nil {
		end()
		return nil, nil, fmt.Errorf("browsertest: starting %s: %w", path, err)
	}
	return ctx, end, nil
}

// Installed reports whether there is a Chromium on this machine.
func Installed() bool { return find() != "" }

func find() string {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}
