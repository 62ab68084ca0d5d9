// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/internal/cbor"
	"github.com/securecrypt/securecrypt/keytrans/internal/rule"
	"github.com/securecrypt/securecrypt/keytrans/prefixmap"
)

// Changes are what a store lacks of a replay. They are stored in one transaction.
type Changes struct {
	// Items are new in the map, or have new values.
	Items []prefixmap.Item
	// Resets are requests that became pending, or no longer are.
	Resets []Reset
	// Policy is the policy in force, of which the store keeps the Params.
	Policy *keytrans.Policy
	// State is for Resume.
	State []byte
}

// A Reset is what is known of an account's reset.
type Reset struct {
	Label   keytrans.Label
	Pending bool
	// Time is that of the root that covers the request, in Unix seconds.
	Time int64
}

// Flush calls store with what was replayed up to the last root and is not stored. Leaves after
// that root stay with the replay, and are to be replayed again after a Resume.
func (r *Replay) Flush(store func(Changes) error) error {
	if r.err != nil {
		return errSpan
	}
	c := Changes{Items: r.changes.Items(), Policy: r.rooted.policy, State: r.rooted.marshal()}
	for l, current := range r.resets {
		c.Resets = append(c.Resets, Reset{l, current.pending, current.time})
	}
	if err := store(c); err != nil {
		return fmt.Errorf("audit: storing: %w", err)
	}
	r.changes, r.resets = prefixmap.Memory{}, make(map[keytrans.Label]reset)
	return nil
}

// Resume returns a replay that goes on where Flush stored it, after State and with the policy of
// its Params. It reads all items of the store.
func Resume(encoding []byte, policy *keytrans.Policy, store Store, skew time.Duration) (*Replay, error) {
	s, root, config, err := parseState(encoding)
	if err != nil {
		return nil, err
	}
	if s.items, err = prefixmap.Open(store); err != nil {
		return nil, err
	}
	if s.items.Root() != root {
		return nil, rule.Broken("audit-store", "the store has another map than was stored")
	}
	if policy.Config().Hash() != config {
		return nil, rule.Broken("audit-store-policy", "the policy is not the one that was stored")
	}
	s.policy = policy
	r := New(policy, store, skew)
	r.begin(s)
	return r, nil
}

func (s *state) marshal() []byte {
	w := cbor.NewWriter(2048)
	w.Array(6)
	w.Uint(1)
	w.Bytes(s.frontier.Marshal())
	root, config := s.items.Root(), s.policy.Config().Hash()
	w.Bytes(root[:])
	w.Uint(uint64(s.time))
	w.Bytes(config[:])
	ended := uint64(0)
	if s.ended {
		ended = 1
	}
	w.Uint(ended)
	return w.Result()
}

func parseState(b []byte) (s state, root, config keytrans.Hash, err error) {
	r := cbor.NewReader(b)
	r.Array(6)
	if r.Uint(1) != 1 {
		r.Fail()
	}
	frontier := r.Bytes(4096)
	r.Fixed(root[:])
	s.time = int64(r.Uint(keytrans.MaxTime))
	r.Fixed(config[:])
	s.ended = r.Uint(1) == 1
	if err := r.Done(); err != nil {
		return s, root, config, err
	}
	s.frontier, err = keytrans.ParseFrontier(frontier)
	return s, root, config, err
}
