// SPDX-License-Identifier: AGPL-3.0-or-later

package browsertest

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// A Device is a browser process of its own, whose profile lies in a folder, so
// that it outlives the process and can be copied.
type Device struct {
	tb    testing.TB
	dir   string
	clock string // file with the skew of the clock; "": the clock is right
	ctx   context.Context
	end   func() // nil while the browser does not run
}

// NewDevice starts a device with an empty profile. It ends with the test.
func NewDevice(tb testing.TB) *Device {
	tb.Helper()
	d := &Device{tb: tb, dir: filepath.Join(tb.TempDir(), "profile")}
	d.Start()
	tb.Cleanup(d.Stop)
	return d
}

// NewSkewedDevice is NewDevice with a wall clock that SetClock can put wrong, for
// the browser and all its processes. It needs Linux and a C compiler, and skips
// the test without.
func NewSkewedDevice(tb testing.TB, skew time.Duration) *Device {
	tb.Helper()
	d := &Device{tb: tb, dir: filepath.Join(tb.TempDir(), "profile"), clock: filepath.Join(tb.TempDir(), "clock")}
	d.SetClock(skew)
	d.Start()
	tb.Cleanup(d.Stop)
	return d
}

// Copy returns a device with a copy of the profile, which must not be running. It
// is not started.
func (d *Device) Copy() *Device {
	d.tb.Helper()
	c := &Device{tb: d.tb, dir: filepath.Join(d.tb.TempDir(), "profile"), clock: d.clock}
	c.Restore(d)
	d.tb.Cleanup(c.Stop)
	return c
}

// Restore puts a copy of another device's profile in place of this one's. Neither
// may be running.
func (d *Device) Restore(from *Device) {
	d.tb.Helper()
	if d.end != nil || from.end != nil {
		d.tb.Fatal("browsertest: the profile of a browser that runs is not copied")
	}
	if err := os.RemoveAll(d.dir); err != nil {
		d.tb.Fatalf("browsertest: %v", err)
	}
	// Chromium leaves links that name its process; os.CopyFS copies links as they are.
	for _, link := range []string{"SingletonLock", "SingletonCookie", "SingletonSocket"} {
		if err := os.Remove(filepath.Join(from.dir, link)); err != nil && !errors.Is(err, os.ErrNotExist) {
			d.tb.Fatalf("browsertest: %v", err)
		}
	}
	if err := os.CopyFS(d.dir, os.DirFS(from.dir)); err != nil {
		d.tb.Fatalf("browsertest: copying a profile: %v", err)
	}
}

// Start starts the browser.
func (d *Device) Start() {
	d.tb.Helper()
	options := []chromedp.ExecAllocatorOption{chromedp.UserDataDir(d.dir)}
	if d.clock != "" {
		library, err := clockLibrary()
		if errors.Is(err, errNoClock) {
			d.tb.Skip(err)
		}
		if err != nil {
			d.tb.Fatal(err)
		}
		options = append(options, chromedp.Env("LD_PRELOAD="+library, "BROWSERTEST_CLOCK="+d.clock))
	}
	var err error
	d.ctx, d.end, err = launch(options...)
	if errors.Is(err, errNone) {
		d.tb.Skip(err)
	}
	if err != nil {
		d.tb.Fatal(err)
	}
}

// Stop closes the browser and waits until it has ended.
func (d *Device) Stop() {
	if d.end != nil {
		d.end()
		d.end = nil
	}
}

// SetClock puts the device's clock wrong by a time that may be negative, in whole
// seconds; 0 is right. It may do so while the browser runs.
func (d *Device) SetClock(skew time.Duration) {
	d.tb.Helper()
	if d.clock == "" {
		d.tb.Fatal("browsertest: this device's clock is always right")
	}
	file, err := os.OpenFile(d.clock, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		d.tb.Fatalf("browsertest: the clock: %v", err)
	}
	seconds := binary.NativeEndian.AppendUint64(nil, uint64(skew/time.Second))
	_, err = file.WriteAt(seconds, 0) // in place: it is mapped
	if err := errors.Join(err, file.Close()); err != nil {
		d.tb.Fatalf("browsertest: the clock: %v", err)
	}
}

// Open opens a page in the device's profile.
func (d *Device) Open() *Page {
	d.tb.Helper()
	p := &Page{tb: d.tb, profile: new(Profile), heard: make(chan struct{}, 1), looping: make(chan struct{})}
	p.begin(chromedp.NewContext(d.ctx))
	return p
}

// clockSource is the library that moves a program's clock.
//
//go:embed clock/clock.c
var clockSource []byte

var errNoClock = errors.New("a browser's clock can be put wrong on Linux alone, with a C compiler")

// clockLibrary builds the library, once in this process, and returns its path.
var clockLibrary = sync.OnceValues(func() (string, error) {
	compiler, err := exec.LookPath("cc")
	if runtime.GOOS != "linux" || err != nil {
		return "", errNoClock
	}
	dir, err := os.MkdirTemp("", "browsertest")
	if err != nil {
		return "", fmt.Errorf("browsertest: %w", err)
	}
	atEnd(func() { _ = os.RemoveAll(dir) })
	source, library := filepath.Join(dir, "clock.c"), filepath.Join(dir, "clock.so")
	if err := os.WriteFile(source, clockSource, 0o600); err != nil {
		return "", fmt.Errorf("browsertest: %w", err)
	}
	if out, err := exec.Command(compiler, "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl").CombinedOutput(); err != nil {
		return "", fmt.Errorf("browsertest: building the library of clocks: %w\n%s", err, out)
	}
	return library, nil
})
