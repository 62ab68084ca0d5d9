// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import "github.com/securecrypt/securecrypt/protocol"

// channelSignal shows something to those who have a channel open. It touches
// neither the store nor the order of entries; who is slow misses it.
func (ss *session) channelSignal(b *protocol.ChannelSignal) (protocol.Body, error) {
	o := ss.openings[b.Channel]
	if o == nil {
		return nil, refuse(protocol.CodeForbidden)
	}
	if wait, ok := ss.signals.Take(ss.s.limits.Signal, 1, ss.s.now()); !ok {
		return nil, &protocol.Error{Code: protocol.CodeRateLimited, RetryAfter: wait}
	}
	if b.Epoch != o.epoch || o.over() {
		return nil, refuse(protocol.CodeStaleEpoch)
	}
	signal := &protocol.Signal{Channel: b.Channel, Epoch: b.Epoch, Ciphertext: b.Ciphertext}
	o.topic.show(signal, o)
	ss.s.publish(Wake{Channel: b.Channel, Signal: signal, Node: ss.s.node})
	return &protocol.Empty{}, nil
}

// over reports whether the opening's epoch has ended.
func (o *opening) over() bool {
	o.topic.mu.Lock()
	defer o.topic.mu.Unlock()
	return o.state == openingEnded || o.state == openingClosed
}

// show hands a signal of another node to those who have the channel open
// here.
func (h *channelHub) show(signal *protocol.Signal) {
	h.mu.Lock()
	t := h.topics[signal.Channel]
	h.mu.Unlock()
	if t != nil {
		t.show(signal, nil)
	}
}

// show hands a signal to all openings that have seen everything before it, but
// for the sender's.
func (t *topic) show(signal *protocol.Signal, sender *opening) {
	frame, err := protocol.Append(nil, protocol.KindEvent, 0, uint16(protocol.EventSignal), signal)
	if err != nil {
		t.hub.s.log.Error("a signal could not be encoded")
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for o := range t.openings {
		if o != sender && o.state == openingLive && o.epoch == signal.Epoch {
			o.out.Offer([][]byte{frame}, int64(len(frame)))
		}
	}
}
