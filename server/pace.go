// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"net/http"
	"time"
)

// minPace is how many bytes must move in each window: about two kilobytes a
// second. A slower transfer is cut, and gives its place to another; an upload
// goes on from where it stood.
const minPace = 32 << 10

// A pace sees to it that a body keeps coming.
type pace struct {
	now    func() time.Time
	window time.Duration
	set    func(time.Time) error // sets the deadline

	until time.Time
	bytes int
}

// expect sets the deadline of what comes next: the end of the window.
func (p *pace) expect() {
	if p.until.IsZero() || p.bytes >= minPace {
		p.until, p.bytes = p.now().Add(p.window), 0
	}
	_ = p.set(p.until) // not supported in some tests
}

// end takes the deadline back: what the connection is silent about afterwards
// is no fault of the body's.
func (p *pace) end() { _ = p.set(time.Time{}) }

// moved counts bytes that came.
func (p *pace) moved(n int) { p.bytes += n }

// limitRequestTime limits how long a request may take: its body must arrive soon,
// and the client must keep reading the answer.
func (s *Server) limitRequestTime(h http.Handler) http.Handler {
	return Brief(h, s.now, s.limits.HeaderTimeout, s.limits.WriteTimeout)
}

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
