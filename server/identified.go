// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"sync"

	"github.com/gobwas/ws"

	"github.com/securecrypt/securecrypt/protocol"
)

// identifiedSet knows the identified connections of this node.
type identifiedSet struct {
	mu       sync.Mutex
	byDevice map[DeviceRef]map[*session]struct{}
}

func newIdentifiedSet() *identifiedSet {
	return &identifiedSet{byDevice: map[DeviceRef]map[*session]struct{}{}}
}

func (i *identifiedSet) add(ref DeviceRef, ss *session) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.byDevice[ref] == nil {
		i.byDevice[ref] = map[*session]struct{}{}
	}
	i.byDevice[ref][ss] = struct{}{}
}

func (i *identifiedSet) remove(ref DeviceRef, ss *session) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.byDevice[ref], ss)
	if len(i.byDevice[ref]) == 0 {
		delete(i.byDevice, ref)
	}
}

// end ends the connections of a device, or, if ref names none, of all devices of
// the account. The one given is left out.
func (i *identifiedSet) end(ref DeviceRef, except *session) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for known, sessions := range i.byDevice {
		if known.Name != ref.Name || ref.Device != (protocol.DeviceID{}) && known != ref {
			continue
		}
		for ss := range sessions {
			if ss != except {
				go ss.dismiss()
			}
		}
	}
}

// endIdentified does so on all nodes.
func (s *Server) endIdentified(ref DeviceRef, except *session) {
	s.identified.end(ref, except)
	s.publish(Wake{Ended: ref, Node: s.node})
}

// tell tells the connections of an account that asked for it that its chain got
// longer. One that has no room learns it at its next sign-in.
func (i *identifiedSet) tell(name string) {
	frame, err := protocol.Append(nil, protocol.KindEvent, 0, uint16(protocol.EventAccountChanged), &protocol.Empty{})
	if err != nil {
		return // a body without fields always encodes
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for known, sessions := range i.byDevice {
		if known.Name != name {
			continue
		}
		for ss := range sessions {
			if ss.followsChain.Load() {
				ss.out.Offer([][]byte{frame}, int64(len(frame)))
			}
		}
	}
}

// tellOfChain does so on all nodes.
func (s *Server) tellOfChain(name string) {
	s.identified.tell(name)
	s.publish(Wake{Account: name, Node: s.node})
}

// dismiss closes the connection once what is queued has been sent.
func (ss *session) dismiss() {
	ss.out.Drain()
	ss.shut(ws.StatusGoingAway)
}
