// SPDX-License-Identifier: Apache-2.0

//go:build !js

package mls

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/securecrypt/securecrypt/mls/internal/secrettree"
)

// masked is a secret that a search of the heap does not find.
type masked []byte

const mask = 0xa5

// hide masks a secret and wipes it.
func hide(secret []byte) masked {
	m := make(masked, len(secret))
	for i, b := range secret {
		m[i] = b ^ mask
	}
	clear(secret)
	return m
}

// in reports whether dump, which is masked too, holds the secret.
func (m masked) in(dump []byte) bool { return bytes.Contains(dump, m) }

// heapDump returns what is alive on the heap, masked.
func heapDump(t *testing.T) []byte {
	t.Helper()
	for range 3 {
		runtime.GC() // also what waits for a finalizer
	}
	debug.FreeOSMemory()
	name := filepath.Join(t.TempDir(), "heap")
	f, err := os.Create(name)
	ok(t, err)
	debug.WriteHeapDump(f.Fd())
	ok(t, f.Close())
	dump, err := os.ReadFile(name)
	ok(t, err)
	for i := range dump {
		dump[i] ^= mask
	}
	return dump
}

// TestHeapHoldsNoUsedKeys dumps the heap of a process with all members of a group:
// a key is there until everyone used it, and not afterwards (RFC 9420, Section 9.2).
func TestHeapHoldsNoUsedKeys(t *testing.T) {
	w := newTrio(t)
	w.everyone(t, w.alice, CommitOptions{Now: evilNow})
	secrets := map[string]masked{}
	st := w.bob.state
	root := w.bob.store.cache["e/"+itoa(st.context.Epoch)+"/n/3"] // of four leaves
	secrets["the encryption secret"] = hide(bytes.Clone(root))
	shadow := records{}
	for k, v := range w.bob.store.cache {
		shadow[k] = bytes.Clone(v)
	}
	key, err := st.secretTree(w.bob.cfg.Policy).Take(shadow, secrettree.Application, 0, 0)
	ok(t, err)
	secrets["the message's key"], secrets["the message's nonce"] = hide(key.Key), hide(key.Nonce)
	for _, v := range shadow {
		clear(v)
	}
	clear(shadow)
	for name, s := range map[string][]byte{"the init secret": st.secrets.Init, "the exporter secret": st.secrets.Exporter, "the membership key": st.secrets.Membership} {
		secrets[name] = hide(bytes.Clone(s))
	}
	message, _, err := w.alice.Protect([]byte("m"), ProtectOptions{})
	ok(t, err)
	if !secrets["the encryption secret"].in(heapDump(t)) {
		t.Fatal("the search does not find a secret that must be there")
	}
	for _, g := range []*Group{w.bob, w.carol} {
		_, _, err := g.Process(message, evilNow)
		ok(t, err)
	}
	dump := heapDump(t)
	for _, name := range []string{"the message's key", "the message's nonce"} {
		if secrets[name].in(dump) {
			t.Errorf("%s is on the heap after the last use", name)
		}
	}
	if !secrets["the exporter secret"].in(dump) {
		t.Fatal("the search does not find a secret of the present epoch")
	}
	for range w.bob.cfg.Policy.PastEpochs + 2 {
		w.everyone(t, w.alice, CommitOptions{Now: evilNow})
	}
	dump = heapDump(t)
	for name, s := range secrets {
		if s.in(dump) {
			t.Errorf("%s is on the heap after its epoch", name)
		}
	}
	runtime.KeepAlive(w)
}
