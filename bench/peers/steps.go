// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/securecrypt/securecrypt/internal/testing/interop"
)

// Operations, in the order of the tables.
const (
	opCreate        = "create"
	opAddEveryone   = "add everyone at once"
	opAddOne        = "add one"
	opJoin          = "join"
	opUpdate        = "update commit"
	opProcess       = "process it"
	opRemove        = "remove one"
	opProcessRemove = "process that"
	opProtect32     = "protect 32 B"
	opUnprotect32   = "unprotect 32 B"
	opProtect1K     = "protect 1 KiB"
	opUnprotect1K   = "unprotect 1 KiB"

	sizeKeyPackage = "size of a key package"
	sizeCommit     = "size of an update commit"
	sizeWelcome    = "size of a welcome for one"
	sizeMessage32  = "size of a message of 32 B"
	sizeMessage1K  = "size of a message of 1 KiB"
	sizeState      = "memory of a member's state"
)

var (
	operations = []string{
		opCreate, opAddEveryone, opAddOne, opJoin, opUpdate, opProcess, opRemove, opProcessRemove,
		opProtect32, opUnprotect32, opProtect1K, opUnprotect1K,
	}
	sizes = []string{sizeKeyPackage, sizeCommit, sizeWelcome, sizeMessage32, sizeMessage1K, sizeState}
)

// A step of a round. All implementations take it before the next.
type step struct {
	name string
	run  func(*group) error
}

var steps = []step{
	{"create", (*group).stepCreate},
	{"update", (*group).stepUpdate},
	{"process", func(g *group) error { return g.process(opProcess) }},
	{"add", (*group).stepAdd},
	{"process add", func(g *group) error { return g.process("") }},
	{"join", (*group).stepJoin},
	{"remove", (*group).stepRemove},
	{"process remove", func(g *group) error { return g.process(opProcessRemove) }},
	{"fill", (*group).stepFill},
	{"protect 32", func(g *group) error { return g.stepProtect(32, opProtect32, sizeMessage32) }},
	{"unprotect 32", func(g *group) error { return g.stepUnprotect(32, opUnprotect32) }},
	{"protect 1K", func(g *group) error { return g.stepProtect(1024, opProtect1K, sizeMessage1K) }},
	{"unprotect 1K", func(g *group) error { return g.stepUnprotect(1024, opUnprotect1K) }},
}

// stepCreate repeats how a flat group was made.
func (g *group) stepCreate() error {
	if g.populated || g.memory {
		return nil
	}
	kp, err := g.do(interop.Request{Op: interop.OpKeyPackage, Client: guest})
	if err != nil {
		return err
	}
	if _, err := g.addEveryone(founder, kp.KeyPackage); err != nil {
		return err
	}
	return g.drop(founder, guest)
}

func (g *group) drop(clients ...string) error {
	for _, c := range clients {
		if _, err := g.do(interop.Request{Op: interop.OpDrop, Client: c}); err != nil {
			return err
		}
	}
	return nil
}

func (g *group) stepUpdate() error {
	r, err := g.committed(opUpdate, interop.Request{Client: alice, Path: true})
	g.commit = r.Message
	g.noteSize(sizeCommit, len(r.Message))
	return err
}

func (g *group) stepAdd() error {
	kp, err := g.do(interop.Request{Op: interop.OpKeyPackage, Client: guest})
	if err != nil {
		return err
	}
	r, err := g.committed(opAddOne, interop.Request{Client: alice, Add: [][]byte{kp.KeyPackage}, Path: true, NoTree: true})
	g.commit, g.welcome = r.Message, r.Welcome
	g.noteSize(sizeWelcome, len(r.Welcome))
	return err
}

func (g *group) stepJoin() error {
	r, err := g.join(guest, g.welcome)
	if err != nil {
		return err
	}
	if g.memory {
		g.noteSize(sizeState, int(r.Bytes))
	}
	g.note(opJoin, r)
	return nil
}

// stepRemove removes the guest, who sits to the right of all others.
func (g *group) stepRemove() error {
	r, err := g.committed(opRemove, interop.Request{Client: alice, Remove: []uint32{uint32(g.size)}, Path: true})
	g.commit = r.Message
	return errors.Join(err, g.drop(guest))
}

// check makes sure that alice and bob hold the group that they should hold.
func (g *group) check() error {
	var first *interop.State
	for _, client := range []string{alice, bob} {
		r, err := g.do(interop.Request{Op: interop.OpState, Client: client})
		if err != nil {
			return err
		}
		s := r.State
		if len(s.Members) != g.size {
			return fmt.Errorf("%d members, not %d", len(s.Members), g.size)
		}
		s.Own = 0
		if first != nil && !reflect.DeepEqual(s, first) {
			return errors.New("members disagree")
		}
		first = s
	}
	return nil
}

// stepFill fills the nodes that the removal blanked: bob is beside it.
func (g *group) stepFill() error {
	if !g.populated {
		return nil
	}
	return g.update(bob, alice)
}

func (g *group) stepProtect(bytes int, name, size string) error {
	r, err := g.do(interop.Request{Op: interop.OpProtect, Client: alice, Data: make([]byte, bytes), Count: g.messages})
	if err != nil {
		return err
	}
	g.protected = r.Messages
	g.noteEach(name, r)
	g.noteSize(size, len(r.Messages[len(r.Messages)-1]))
	return nil
}

func (g *group) stepUnprotect(bytes int, name string) error {
	r, err := g.do(interop.Request{Op: interop.OpUnprotect, Client: bob, Messages: g.protected})
	if err != nil {
		return err
	}
	if r.Kind != interop.KindApplication || len(r.Data) != bytes {
		return fmt.Errorf("unprotected a %s of %d bytes", r.Kind, len(r.Data))
	}
	g.noteEach(name, r)
	return nil
}
