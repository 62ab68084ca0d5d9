// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"fmt"
	"io"
	"time"
)

// How long a transfer may stand still, and how long fetching a stash may take
// in all.
const (
	stallTime = time.Minute
	stashTime = 10 * time.Minute
)

// A stallWatch ends the context of a transfer whose source is not read any
// more: the other side keeps the connection and does nothing.
type stallWatch struct {
	io.ReadSeeker
	ctx   context.Context
	timer *time.Timer
}

// unstalled watches the reading of src. The returned context and reader end
// when nothing was read for stallTime.
func unstalled(ctx context.Context, src io.ReadSeeker) (context.Context, *stallWatch, func()) {
	return unstalledFor(ctx, src, stallTime)
}

func unstalledFor(ctx context.Context, src io.ReadSeeker, d time.Duration) (context.Context, *stallWatch, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &stallWatch{ReadSeeker: src, ctx: ctx}
	w.timer = time.AfterFunc(d, func() { cancel(fmt.Errorf("%w: a transfer stood still", ErrOffline)) })
	return ctx, w, func() {
		w.timer.Stop()
		cancel(nil)
	}
}

// Read implements io.Reader.
func (w *stallWatch) Read(p []byte) (int, error) {
	if w.ctx.Err() != nil {
		return 0, context.Cause(w.ctx)
	}
	w.timer.Reset(stallTime)
	return w.ReadSeeker.Read(p)
}
