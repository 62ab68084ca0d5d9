// SPDX-License-Identifier: AGPL-3.0-or-later

package interop

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/mls"
)

func TestOurselves(t *testing.T) {
	against(t, ours(t), mls.DefaultCipherSuite)
}

func TestTSMLS(t *testing.T) {
	cmd, err := TSMLS(t.Context())
	against(t, start(t, cmd, err), mls.SuiteX25519AES128, mls.SuiteXWingAES256TSMLS)
}

// The crates take minutes to build: `make interop` does, and asks for them.
func TestRust(t *testing.T) {
	for _, kind := range RustKinds {
		t.Run(kind, func(t *testing.T) {
			cmd, err := Rust(t.Context(), kind)
			suites := []mls.CipherSuite{mls.SuiteX25519AES128}
			if strings.HasPrefix(kind, "openmls") {
				suites = append(suites, mls.SuiteXWingAES256OpenMLS)
			}
			against(t, start(t, cmd, err), suites...)
		})
	}
}

func TestMissingPeersAreNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := TSMLS(t.Context()); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "node") {
		t.Errorf("without Node: %v", err)
	}
	t.Chdir(t.TempDir())
	if _, err := Rust(t.Context(), RustKinds[0]); err == nil {
		t.Error("a peer is found outside of the module")
	}
}

func ours(t *testing.T) *implementation {
	t.Helper()
	return greet(t, NewEndpoint("ours"))
}

func greet(t *testing.T, p Peer) *implementation {
	t.Helper()
	hello, err := p.Do(Request{Op: OpHello})
	if err != nil {
		t.Fatal(err)
	}
	return &implementation{p, hello}
}

// need skips the test if a peer is not installed, unless INTEROP=required: then
// it fails.
func need(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, ErrMissing) && os.Getenv("INTEROP") != "required" {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
}

// start runs a peer, which must be installed.
func start(t *testing.T, cmd *exec.Cmd, err error) *implementation {
	t.Helper()
	if testing.Short() {
		t.Skip("a group with foreign members takes seconds, and many with the race detector")
	}
	need(t, err)
	p, hello, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Close() // it may have been ended with the test's context
	})
	t.Log(hello.Name, hello.Suites, hello.Features)
	return &implementation{p, hello}
}

// against runs every scenario with our library and another in both parts.
func against(t *testing.T, theirs *implementation, suites ...mls.CipherSuite) {
	us := ours(t)
	for _, suite := range suites {
		for _, s := range scenarios {
			for _, side := range []struct {
				name string
				a, b *implementation
			}{{"ours first", us, theirs}, {"theirs first", theirs, us}} {
				t.Run(fmt.Sprintf("%#04x/%s/%s", uint16(suite), s.name, side.name), func(t *testing.T) {
					for _, i := range []*implementation{us, theirs} {
						if !slices.Contains(i.hello.Suites, uint16(suite)) {
							t.Fatalf("%s does not offer the suite", i.hello.Name)
						}
					}
					s.play(&world{t: t, suite: uint16(suite)}, side.a, side.b)
				})
			}
		}
	}
}

// scenarios are told by implementations a and b, each in either part.
var scenarios = []struct {
	name string
	play func(w *world, a, b *implementation)
}{
	{"life", life},
	{"public", func(w *world, a, b *implementation) { w.public = true; life(w, a, b) }},
	{"proposals", proposals},
	{"external", external},
	{"damage", damage},
}

// life lets both sides invite, update and remove.
func life(w *world, a, b *implementation) {
	a1, b1, a2, b2 := w.party(a, "a1"), w.party(b, "b1"), w.party(a, "a2"), w.party(b, "b2")
	w.create(a1)
	w.commit(a1, Request{Path: true}, b1)
	w.talk()
	w.commit(b1, Request{Path: true, TreeInfo: true}, a2)
	w.talk()
	w.commit(a2, Request{TreeInfo: true}, b2) // without a path where it can be left out
	w.talk()
	for _, p := range []*party{b2, a1, b1, a2} {
		w.commit(p, Request{Path: true})
		w.talk()
	}
	a3, b3, a4 := w.party(a, "a3"), w.party(b, "b3"), w.party(a, "a4")
	w.commit(b2, Request{}, a3, b3, a4) // several at once
	w.talk()
	w.remove(a1, b1)
	w.remove(b3, a2)
	w.remove(b2, a1)
	w.remove(a3, b3)
	w.commit(a4, Request{Path: true}, w.party(b, "b4"), w.party(a, "a5")) // into the gaps
	w.talk()
}

// proposals travel by themselves and are committed by the other side.
func proposals(w *world, a, b *implementation) {
	a1, b1, a2, b2 := w.party(a, "a1"), w.party(b, "b1"), w.party(a, "a2"), w.party(b, "b2")
	w.create(a1)
	w.commit(a1, Request{Path: true}, b1, a2, b2)
	for _, w.public = range []bool{false, true} {
		for _, pair := range [][2]*party{{a1, b1}, {b1, a2}, {a2, a1}} {
			by, committer := pair[0], pair[1]
			if by.impl.can(FeatureUpdate) {
				w.propose(by, Request{Kind: KindUpdate})
				w.commit(committer, Request{Pending: true, Path: true})
				w.talk()
			}
			guest := w.party(committer.impl, fmt.Sprintf("guest %d", w.step))
			w.propose(by, Request{Kind: KindAdd, Add: [][]byte{guest.keyPackage()}})
			w.welcomeByReference(committer, guest)
			w.talk()
			w.propose(by, Request{Kind: KindRemove, Index: guest.leaf()})
			w.removeByReference(committer, guest)
		}
	}
	if b.can(FeatureUpdate) && a.can(FeatureUpdate) { // several in one commit
		w.propose(a1, Request{Kind: KindUpdate})
		w.propose(b2, Request{Kind: KindUpdate})
		w.propose(a1, Request{Kind: KindRemove, Index: a2.leaf()})
		w.removeByReference(b1, a2)
	}
}

// welcomeByReference commits a pending add of guest.
func (w *world) welcomeByReference(p *party, guest *party) {
	w.t.Helper()
	w.step++
	r := p.do(Request{Op: OpCommit, Pending: true, Path: true, Public: w.public})
	w.deliver(p, r.Message, KindCommit, nil)
	p.do(Request{Op: OpApply})
	w.welcome(r, guest)
}

// removeByReference commits a pending removal.
func (w *world) removeByReference(p, gone *party) {
	w.t.Helper()
	w.step++
	r := p.do(Request{Op: OpCommit, Pending: true, Path: true, Public: w.public})
	w.deliver(p, r.Message, KindCommit, nil)
	p.do(Request{Op: OpApply})
	w.without(gone)
}

// external joins, by each side with a group info of the other, and back after a
// lost state.
func external(w *world, a, b *implementation) {
	a1, b1, a2, b2 := w.party(a, "a1"), w.party(b, "b1"), w.party(a, "a2"), w.party(b, "b2")
	w.create(a1)
	w.external(b1, a1, false)
	w.external(a2, b1, false)
	w.external(b2, a2, false)
	w.commit(b2, Request{Path: true})
	w.talk()
	if a.can(FeatureResync) && b.can(FeatureResync) {
		w.external(a2, b1, true)
		w.external(b1, a1, true)
	}
	w.remove(b2, a2)
}

// damage is refused by both, and changes nothing.
func damage(w *world, a, b *implementation) {
	a1, b1, a2 := w.party(a, "a1"), w.party(b, "b1"), w.party(a, "a2")
	w.create(a1)
	w.commit(a1, Request{Path: true}, b1, a2)
	spoilt := func(m []byte) []byte {
		m = slices.Clone(m)
		m[len(m)-1] ^= 1
		return m
	}
	for _, pair := range [][2]*party{{a1, b1}, {b1, a1}} {
		from, to := pair[0], pair[1]
		m := from.do(Request{Op: OpProtect, Data: []byte("data")}).Messages[0]
		w.refuses(to, Request{Op: OpUnprotect, Messages: [][]byte{spoilt(m)}})
		r := from.do(Request{Op: OpCommit, Path: true, Public: true})
		w.refuses(to, Request{Op: OpProcess, Message: spoilt(r.Message)})
		w.deliver(from, r.Message, KindCommit, nil)
		from.do(Request{Op: OpApply})
		w.agree()
		w.talk()
	}
}
