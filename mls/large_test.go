// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/mls"
)

// crowd makes a group of n members of which only the returned ones follow it.
func crowd(t testing.TB, suite mls.CipherSuite, n, follow int) []*client {
	t.Helper()
	first := newClient(t, suite, "first")
	first.create()
	followers := []*client{first}
	const batch = 250
	for made := 1; made < n; {
		var add, joining []*client
		for range min(batch, n-made) {
			c := newClient(t, suite, fmt.Sprintf("m%d", made))
			if made < follow {
				joining = append(joining, c)
			} else {
				add = append(add, c)
			}
			made++
		}
		o := mls.CommitOptions{}
		for _, c := range add {
			o.Add = append(o.Add, c.kp)
		}
		commit(t, o, first, followers[1:], joining...)
		followers = append(followers, joining...)
	}
	return followers
}

func TestThousandMembers(t *testing.T) {
	if testing.Short() {
		t.Skip("a thousand members take a few seconds")
	}
	for _, suite := range []mls.CipherSuite{mls.SuiteX25519AES128, mls.DefaultCipherSuite} {
		start := time.Now()
		c := crowd(t, suite, 1000, 3)
		t.Logf("%#04x: group of 1000: %v", uint16(suite), time.Since(start))
		step := func(what string, f func()) {
			start := time.Now()
			f()
			t.Logf("%#04x: %s: %v", uint16(suite), what, time.Since(start))
		}
		var s *mls.StagedCommit
		step("commit on a flat tree", func() { s = c[1].stage(mls.CommitOptions{}) })
		step("process it", func() { c[0].applyCommit(c[0].process(s.Message()).(*mls.StagedCommit)) })
		c[2].applyCommit(c[2].process(s.Message()).(*mls.StagedCommit))
		step("apply it", func() { c[1].applyCommit(s) })
		late := newClient(t, suite, "late")
		step("add one", func() { s = c[1].stage(mls.CommitOptions{Add: []*mls.KeyPackage{late.kp}}) })
		for _, o := range []*client{c[0], c[2]} {
			o.applyCommit(o.process(s.Message()).(*mls.StagedCommit))
		}
		c[1].applyCommit(s)
		step("join", func() { late.join(must[[]byte](t)(s.Welcome(late.kp)), s.RatchetTree()) })
		step("load", func() { late.reload() })
		var j *mls.StagedJoin
		info := c[0].info()
		step("rejoin from outside", func() { j = late.stageExternal(info, late.rejoins) })
		for _, o := range c {
			step("process it", func() { o.applyCommit(o.process(j.Message()).(*mls.StagedCommit)) })
		}
		late.applyJoin(j)
		all := append(c, late)
		agree(t, all...)
		talk(t, all...)
		var remove []mls.LeafIndex
		stays := make(map[mls.LeafIndex]bool)
		for _, m := range all {
			stays[m.OwnLeaf()] = true
		}
		for i := range all[0].Members() {
			if i%3 == 0 && !stays[i] {
				remove = append(remove, i)
			}
		}
		step("remove a third", func() { commit(t, mls.CommitOptions{Remove: remove}, all[0], all[1:]) })
		agree(t, all...)
		talk(t, all...)
	}
}
