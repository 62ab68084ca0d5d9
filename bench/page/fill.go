// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"context"
	"fmt"

	"github.com/securecrypt/securecrypt/client"
)

// The profiles: two small ones that talk with each other, and a crowded one.
const (
	small   = "small"
	other   = "other"
	crowded = "crowded"
)

const (
	fewConversations = 20
	fewPeople        = 5
	manyPeople       = 100
)

// people makes the profiles, and puts them into their browsers.
func (t *town) people(ctx context.Context, o options) error {
	bob, end, err := t.openBob(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = end() }() // what matters was settled
	devices, clients := map[string]*device{}, map[string]*client.Client{}
	for _, name := range []string{small, other, crowded} {
		if devices[name], clients[name], err = t.settle(ctx, name); err != nil {
			return err
		}
		defer clients[name].Close()
		if t.Bob.With[name], err = meet(ctx, bob, clients[name]); err != nil {
			return err
		}
	}
	if _, err := meet(ctx, clients[small], clients[other]); err != nil {
		return err
	}
	if err := t.crowd(ctx, clients[small], fewConversations-2, fewPeople); err != nil {
		return err
	}
	if err := t.crowd(ctx, clients[crowded], o.conversations-1, manyPeople); err != nil {
		return err
	}
	text := func(i int) string {
		return fmt.Sprintf("Message %d, of a length as people write them to each other", i)
	}
	if err := say(ctx, bob, t.Bob.With[crowded], o.messages, text); err != nil {
		return err
	}
	for name, d := range devices {
		if err := clients[name].Sync(ctx); err != nil {
			return err
		}
		clients[name].Close()
		if err := t.give(name, d); err != nil {
			return err
		}
	}
	return nil
}

// give puts a profile into a browser.
func (t *town) give(name string, d *device) error {
	return t.visited(name, func(_ *browser, p *page) error {
		if err := t.plantIn(p, t.Profiles[name], d.store); err != nil {
			return err
		}
		return d.remove()
	})
}
