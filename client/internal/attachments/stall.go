// SPDX-License-Identifier: AGPL-3.0-or-later

package attachments

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/securecrypt/securecrypt/client/backend"
)

// How long a transfer may stand still, and how long fetching a stash may take
// in all.
const (
	StallTime = time.Minute
	stashTime = 10 * time.Minute
)

// A stallWatch ends the context of a transfer whose source is not read any
// more: the other side keeps the connection and does nothing.
type stallWatch struct {
	io.ReadSeeker
	ctx   context.Context
	timer *time.Timer
}

// errStalled: the other side of a transfer does nothing.
var errStalled = fmt.Errorf("%w: a transfer stood still", backend.ErrOffline)

// unstalled watches the reading of src, or of a body given to of. The returned
// context and reader end when nothing was read for StallTime.
func unstalled(ctx context.Context, src io.ReadSeeker) (context.Context, *stallWatch, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &stallWatch{ReadSeeker: src, ctx: ctx}
	w.timer = time.AfterFunc(StallTime, func() { cancel(errStalled) })
	return ctx, w, func() {
		w.timer.Stop()
		cancel(nil)
	}
}

// of returns a download's body, the reading of which is watched.
func (w *stallWatch) of(body io.Reader) io.Reader { return watchedBody{w, body} }

type watchedBody struct {
	watch *stallWatch
	body  io.Reader
}

// Read implements io.Reader.
func (b watchedBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if b.watch.ctx.Err() != nil {
		return n, context.Cause(b.watch.ctx)
	}
	if n > 0 {
		b.watch.timer.Reset(StallTime)
	}
	return n, err
}

// Read implements io.Reader.
func (w *stallWatch) Read(p []byte) (int, error) {
	if w.ctx.Err() != nil {
		return 0, context.Cause(w.ctx)
	}
	w.timer.Reset(StallTime)
	return w.ReadSeeker.Read(p)
}
