// SPDX-License-Identifier: AGPL-3.0-or-later

package e2e_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// TestThousandMembers forms a group of 1,000 accounts. A few of them come on
// line, talk, add and remove; all of these agree.
func TestThousandMembers(t *testing.T) {
	if testing.Short() {
		t.Skip("a group of 1,000 takes a minute; run without -short")
	}
	const size, online = 1000, 4
	s := servertest.Start(t, servertest.Options{})
	transport := newTransport(t)
	began := time.Now()
	var people []*person
	var addresses []account.Address
	for i := range size {
		p := newPerson(t, s.Host, number("m", i), transport)
		if i >= online {
			p.Close() // it stays away
		}
		people = append(people, p)
		addresses = append(addresses, p.Address())
	}
	t.Logf("%d accounts in %v", size, time.Since(began))
	began = time.Now()
	owner := people[0]
	id, err := owner.CreateGroup(soon(t), "Everybody", addresses[1:])
	must(t, err)
	must(t, owner.WaitUntilSent(soon(t), id))
	t.Logf("group of %d in %v", size, time.Since(began))
	members, err := owner.Groups().Members(id)
	must(t, err)
	if len(members) != size {
		t.Fatalf("%d members, want %d", len(members), size)
	}
	for _, p := range people[1:online] {
		began = time.Now()
		p.accept()
		t.Logf("joined in %v", time.Since(began))
	}
	began = time.Now()
	owner.say(id, "from the owner")
	eventually(t, func() error { return agrees(people[1], id, size, []string{"from the owner"}) })
	people[1].say(id, "from a member")
	must(t, owner.Groups().Remove(soon(t), id, addresses[size-1:]))
	must(t, owner.WaitUntilSent(soon(t), id))
	eventually(t, func() error { return agrees(people[2], id, size-1, []string{"from the owner", "from a member"}) })
	people[2].say(id, "after the removal")
	want := []string{"from the owner", "from a member", "after the removal"}
	for _, p := range people[:online] {
		eventually(t, func() error { return agrees(p, id, size-1, want) })
	}
	t.Logf("talked in %v", time.Since(began))
	for _, p := range people[:online] {
		p.Close()
	}
}

func agrees(p *person, id chat.ConversationID, size int, want []string) error {
	members, err := p.Groups().Members(id)
	if err != nil {
		return err
	}
	if got := p.texts(id); !slices.Equal(got, want) || len(members) != size {
		return fmt.Errorf("%s: %d members and %q, want %d and %q", p.Address(), len(members), got, size, want)
	}
	return nil
}
