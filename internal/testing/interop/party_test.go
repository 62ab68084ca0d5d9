// SPDX-License-Identifier: AGPL-3.0-or-later

package interop

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
)

// implementation is a peer and what it said of itself.
type implementation struct {
	Peer
	hello Response
}

func (i *implementation) can(features ...string) bool {
	for _, f := range features {
		if !slices.Contains(i.hello.Features, f) {
			return false
		}
	}
	return true
}

// A world is a group whose members run different implementations. Everything
// that is sent reaches every member at once.
type world struct {
	t       *testing.T
	suite   uint16
	public  bool // handshakes travel as PublicMessage
	members []*party
	step    int
}

// A party is one device.
type party struct {
	w    *world
	id   string
	impl *implementation
}

func (w *world) party(impl *implementation, id string) *party {
	// A peer that serves several tests keeps their clients apart by name.
	p := &party{w, id, impl}
	w.t.Cleanup(func() { _, _ = impl.Do(Request{Op: OpDrop, Client: p.client()}) }) // to save memory
	return p
}

func (p *party) client() string { return p.w.t.Name() + "/" + p.id }

// try asks p's peer.
func (p *party) try(q Request) (Response, error) {
	q.Client, q.Suite, q.Identity = p.client(), p.w.suite, p.id
	return p.impl.Do(q)
}

func (p *party) do(q Request) Response {
	p.w.t.Helper()
	r, err := p.try(q)
	if err != nil {
		p.w.t.Fatalf("step %d: %s: %v", p.w.step, p.id, err)
	}
	return r
}

func (p *party) keyPackage() []byte { return p.do(Request{Op: OpKeyPackage}).KeyPackage }

func (p *party) leaf() uint32 { return p.do(Request{Op: OpState}).State.Own }

func (w *world) create(p *party) {
	w.t.Helper()
	p.do(Request{Op: OpCreate, Group: []byte(w.t.Name())})
	w.members = []*party{p}
}

// commit lets p commit what q says and welcomes the parties that join.
func (w *world) commit(p *party, q Request, joining ...*party) {
	w.t.Helper()
	w.step++
	q.Op, q.Public = OpCommit, w.public
	q.AAD, q.Padding = fmt.Appendf(nil, "commit %d", w.step), w.step
	for _, j := range joining {
		q.Add = append(q.Add, j.keyPackage())
	}
	r := p.do(q)
	if format := wireFormatOf(r.Message); (format == wirePublic) != w.public {
		w.t.Fatalf("step %d: %s sent wire format %d", w.step, p.id, format)
	}
	w.deliver(p, r.Message, KindCommit, q.AAD)
	p.do(Request{Op: OpApply})
	w.welcome(r, joining...)
}

// welcome lets parties join by what a commit returned.
func (w *world) welcome(r Response, joining ...*party) {
	w.t.Helper()
	if r.Tree != nil {
		if again := w.members[0].do(Request{Op: OpTree}).Tree; !bytes.Equal(again, r.Tree) {
			w.t.Fatalf("step %d: %s has another tree than the one beside the welcome", w.step, w.members[0].id)
		}
	}
	for _, j := range joining {
		j.do(Request{Op: OpJoin, Welcome: r.Welcome, Tree: r.Tree})
		w.members = append(w.members, j)
	}
	w.agree()
}

const wirePublic = 1

// wireFormatOf returns the wire format of an MLSMessage.
func wireFormatOf(m []byte) int {
	if len(m) < 4 {
		return 0
	}
	return int(m[2])<<8 | int(m[3])
}

// deliver lets all but the sender process a handshake message.
func (w *world) deliver(from *party, m []byte, kind string, aad []byte) {
	w.t.Helper()
	for _, to := range w.members {
		if to == from {
			continue
		}
		r := to.do(Request{Op: OpProcess, Message: m})
		if r.Kind != kind {
			w.t.Fatalf("step %d: %s processed a %q, not a %q", w.step, to.id, r.Kind, kind)
		}
		if to.impl.can(FeatureAAD) && !bytes.Equal(r.AAD, aad) {
			w.t.Fatalf("step %d: %s read AAD %q, not %q", w.step, to.id, r.AAD, aad)
		}
	}
}

func (w *world) propose(p *party, q Request) {
	w.t.Helper()
	w.step++
	q.Op, q.Public = OpPropose, w.public
	q.AAD, q.Padding = fmt.Appendf(nil, "proposal %d", w.step), w.step
	w.deliver(p, p.do(q).Message, KindProposal, q.AAD)
}

// leave takes parties that were removed out of the world, and checks that they know.
func (w *world) leave(gone ...*party) {
	w.t.Helper()
	for _, p := range gone {
		if p.do(Request{Op: OpState}).State.Active {
			w.t.Fatalf("step %d: %s does not know that it was removed", w.step, p.id)
		}
	}
}

// remove commits the removal of a party.
func (w *world) remove(by, p *party) {
	w.t.Helper()
	leaf := p.leaf()
	w.step++
	r := by.do(Request{Op: OpCommit, Remove: []uint32{leaf}, Path: true, Public: w.public})
	w.deliver(by, r.Message, KindCommit, nil)
	by.do(Request{Op: OpApply})
	w.without(p)
}

func (w *world) without(p *party) {
	w.t.Helper()
	w.members = slices.DeleteFunc(w.members, func(m *party) bool { return m == p })
	w.leave(p)
	w.agree()
	w.talk()
}

// external lets p join by a group info that the member via made.
func (w *world) external(p, via *party, resync bool) {
	w.t.Helper()
	w.step++
	info := via.do(Request{Op: OpGroupInfo}).GroupInfo
	q := Request{Op: OpExternal, GroupInfo: info, Resync: resync, AAD: fmt.Appendf(nil, "external %d", w.step)}
	r := p.do(q)
	w.members = slices.DeleteFunc(w.members, func(m *party) bool { return m == p })
	w.deliver(p, r.Message, KindCommit, q.AAD)
	w.members = append(w.members, p)
	w.agree()
	w.talk()
}

// agree checks that all members hold the same state.
func (w *world) agree() {
	w.t.Helper()
	var first *State
	leaves := map[uint32]bool{}
	for _, p := range w.members {
		s := p.do(Request{Op: OpState}).State
		if !s.Active || len(s.Authenticator) == 0 || len(s.Exported) != ExportLength || len(s.TreeHash) == 0 {
			w.t.Fatalf("step %d: %s is in no proper state: %+v", w.step, p.id, s)
		}
		if !slices.Contains(s.Members, Member{s.Own, p.id}) || leaves[s.Own] {
			w.t.Fatalf("step %d: %s takes itself for leaf %d of %v", w.step, p.id, s.Own, s.Members)
		}
		leaves[s.Own] = true
		s.Own = 0
		if first == nil {
			first = s
		} else if !reflect.DeepEqual(s, first) {
			w.t.Fatalf("step %d: %s and %s disagree:\n%+v\n%+v", w.step, p.id, w.members[0].id, s, first)
		}
	}
	if len(first.Members) != len(w.members) {
		w.t.Fatalf("step %d: %d members, not %d", w.step, len(first.Members), len(w.members))
	}
}

// talk sends messages from every member to all others, and out of order.
func (w *world) talk() {
	w.t.Helper()
	w.step++
	for _, from := range w.members {
		data, aad := fmt.Appendf(nil, "%s in step %d", from.id, w.step), fmt.Appendf(nil, "aad %d", w.step)
		sent := from.do(Request{Op: OpProtect, Data: data, AAD: aad, Padding: w.step, Count: 2})
		m := sent.Messages
		m[0], m[1] = m[1], m[0]
		for _, to := range w.members {
			if to == from {
				continue
			}
			r := to.do(Request{Op: OpUnprotect, Messages: m})
			if r.Kind != KindApplication || !bytes.Equal(r.Data, data) {
				w.t.Fatalf("step %d: %s read %s %q, not %q", w.step, to.id, r.Kind, r.Data, data)
			}
			if to.impl.can(FeatureAAD) && !bytes.Equal(r.AAD, aad) {
				w.t.Fatalf("step %d: %s read AAD %q, not %q", w.step, to.id, r.AAD, aad)
			}
		}
	}
}

// refuses checks that p's library, rather than the way to it, fails.
func (w *world) refuses(p *party, q Request) {
	w.t.Helper()
	if _, err := p.try(q); !errors.Is(err, ErrPeer) {
		w.t.Fatalf("step %d: %s: got %v, want a refusal", w.step, p.id, err)
	}
}
