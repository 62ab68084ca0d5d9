// SPDX-License-Identifier: AGPL-3.0-or-later

package pace

import (
	"net/http"
	"time"
)

// minPace is how many bytes must move in each window: about two kilobytes a
// second. A slower transfer is cut, and gives its place to another; an upload
// goes on from where it stood.
const minPace = 32 << 10

// A Body sees to it that the body of a request keeps coming: minPace bytes in
// each window of time.
type Body struct {
	now    func() time.Time
	window time.Duration
	set    func(time.Time) error // sets the deadline

	until time.Time
	bytes int
}

// NewBody returns the pace of a body. set sets the deadline for reading.
func NewBody(now func() time.Time, window time.Duration, set func(time.Time) error) Body {
	return Body{now: now, window: window, set: set}
}

// Expect sets the deadline of what comes next: the end of the window.
func (p *Body) Expect() {
	if p.until.IsZero() || p.bytes >= minPace {
		p.until, p.bytes = p.now().Add(p.window), 0
	}
	_ = p.set(p.until) // not supported in some tests
}

// End takes the deadline back: what the connection is silent about afterwards
// is no fault of the body's.
func (p *Body) End() { _ = p.set(time.Time{}) }

// Moved counts bytes that came.
func (p *Body) Moved(n int) { p.bytes += n }

// Brief returns a handler whose requests end unless their body comes within
// read, and each 32 KiB of the answer can be sent within write.
func Brief(h http.Handler, now func() time.Time, read, write time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		if r.ContentLength != 0 { // net/http takes a deadline without a body for the client's end
			_ = rc.SetReadDeadline(now().Add(read)) // not supported in some tests
		}
		out := &pacedWriter{ResponseWriter: w, rc: rc, now: now, window: write}
		out.more()
		h.ServeHTTP(out, r)
	})
}

// pacedWriter writes for as long as somebody reads.
type pacedWriter struct {
	http.ResponseWriter
	rc     *http.ResponseController
	now    func() time.Time
	window time.Duration
}

// more gives what is written next its time.
func (w *pacedWriter) more() {
	_ = w.rc.SetWriteDeadline(w.now().Add(w.window)) // not supported in some tests
}

// WriteHeader implements [http.ResponseWriter].
func (w *pacedWriter) WriteHeader(status int) {
	w.more()
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *pacedWriter) Write(b []byte) (n int, err error) {
	for first := true; first || len(b) > 0; first = false {
		w.more()
		part := b[:min(len(b), minPace)]
		wrote, err := w.ResponseWriter.Write(part)
		n += wrote
		if err != nil {
			return n, err
		}
		b = b[len(part):]
	}
	return n, nil
}

// Unwrap lets an [http.ResponseController] find the connection.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
