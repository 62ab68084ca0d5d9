// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"fmt"
	"slices"

	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// ComponentID names a part of the application that uses a group beside others
// (draft-ietf-mls-extensions). From 0x8000 on, identifiers are for private use.
type ComponentID uint16

// Components is the logic of an application's components. All members must come to the
// same results, and a call has no effect: what it is about may never be committed. Who
// has components lists ProposalAppDataUpdate and ProposalAppEphemeral among its
// Capabilities.
type Components interface {
	// Update returns what a component keeps in the group context after updates, in
	// their order; old is nil if it kept nothing.
	Update(id ComponentID, old []byte, updates [][]byte) ([]byte, error)
	// Ephemeral returns an error unless data may go with a commit.
	Ephemeral(id ComponentID, data []byte) error
	// PSK returns a pre-shared key of a component.
	PSK(id ComponentID, psk []byte) ([]byte, error)
}

// ComponentData is what a component keeps in an app_data_dictionary.
type ComponentData struct {
	Component ComponentID
	Data      []byte
}

// AppDataDictionary encodes the app_data_dictionary extension of a group context, leaf,
// key package or group info. No component may occur twice.
func AppDataDictionary(list ...ComponentData) Extension {
	out := make([]wire.ComponentData, 0, len(list))
	for _, c := range list {
		out = append(out, wire.ComponentData{ID: uint16(c.Component), Data: c.Data})
	}
	slices.SortFunc(out, func(a, b wire.ComponentData) int { return int(a.ID) - int(b.ID) })
	return Extension{ExtensionAppDataDictionary, wire.MarshalAppData(out)}
}

// ParseAppDataDictionary decodes the data of an app_data_dictionary extension.
func ParseAppDataDictionary(data []byte) ([]ComponentData, error) {
	list, err := wire.ParseAppData(data)
	if err != nil {
		return nil, malformed("app_data_dictionary", err)
	}
	out := make([]ComponentData, 0, len(list))
	for _, c := range list {
		out = append(out, ComponentData{ComponentID(c.ID), slices.Clone(c.Data)})
	}
	return out, nil
}

// AppDataUpdate changes what a component keeps in the group context: Data is handed to
// Components.Update, or else the entry is removed.
type AppDataUpdate struct {
	Component ComponentID
	Data      []byte
	Remove    bool
}

func (u AppDataUpdate) proposal() *wire.Proposal {
	return &wire.Proposal{Type: wire.AppDataUpdate, Component: uint16(u.Component), Data: slices.Clone(u.Data), Discard: u.Remove}
}

// AppEphemeral is data of a component that goes with a commit and leaves nothing behind.
type AppEphemeral ComponentData

func (e AppEphemeral) proposal() *wire.Proposal {
	return &wire.Proposal{Type: wire.AppEphemeral, Component: uint16(e.Component), Data: slices.Clone(e.Data)}
}

// ProposeAppData proposes to change what a component keeps in the group context.
func (g *Group) ProposeAppData(u AppDataUpdate, o ProposalOptions) ([]byte, Delta, error) {
	return g.propose(newQueued(u.proposal(), wire.Sender{}), o)
}

// ProposeAppEphemeral proposes data of a component to go with the next commit.
func (g *Group) ProposeAppEphemeral(e AppEphemeral, o ProposalOptions) ([]byte, Delta, error) {
	return g.propose(newQueued(e.proposal(), wire.Sender{}), o)
}

// checkAppData verifies the form of an app_data_dictionary.
func checkAppData(e wire.Extensions) error {
	if data, ok := e.Find(wire.ExtAppDataDictionary); ok {
		if _, err := wire.ParseAppData(data); err != nil {
			return rule.Broken("ext-app-data-dictionary", "app_data_dictionary is malformed or not sorted")
		}
	}
	return nil
}

// components applies the proposals that concern components, after all others
// (draft-ietf-mls-extensions).
func (p *provisional) components(st *state, cfg *Config) error {
	if err := p.keepsAppData(st); err != nil {
		return err
	}
	if err := checkAppData(p.extensions); err != nil {
		return err
	}
	changes := make(map[uint16]*appDataChange)
	var order []uint16
	for _, q := range p.proposals {
		id := q.proposal.Component
		switch q.proposal.Type {
		case wire.AppEphemeral:
			if err := cfg.Components.Ephemeral(ComponentID(id), slices.Clone(q.proposal.Data)); err != nil {
				return refusedByComponent(err)
			}
		case wire.AppDataUpdate:
			if changes[id] == nil {
				changes[id] = new(appDataChange)
				order = append(order, id)
			}
			if err := changes[id].add(q.proposal); err != nil {
				return err
			}
		}
	}
	if len(order) == 0 {
		return nil
	}
	data, _ := p.extensions.Find(wire.ExtAppDataDictionary)
	var dictionary []wire.ComponentData
	if data != nil {
		dictionary, _ = wire.ParseAppData(data) // checked above
	}
	slices.Sort(order)
	for _, id := range order {
		var err error
		if dictionary, err = changes[id].apply(dictionary, id, cfg); err != nil {
			return err
		}
	}
	p.setAppData(wire.MarshalAppData(dictionary))
	return nil
}

func refusedByComponent(err error) error {
	return fmt.Errorf("%w: %w", rule.Broken("ext-app-component", "proposal is refused by its component"), err)
}

// keepsAppData verifies that no GroupContextExtensions proposal changes the dictionary
// where AppDataUpdate is required.
func (p *provisional) keepsAppData(st *state) error {
	if !p.extended {
		return nil
	}
	required, err := parseRequirements(st.context.Extensions)
	if err != nil || !slices.Contains(required.Proposals, wire.AppDataUpdate) {
		return err
	}
	before, had := st.context.Extensions.Find(wire.ExtAppDataDictionary)
	after, has := p.extensions.Find(wire.ExtAppDataDictionary)
	if had != has || string(before) != string(after) {
		return rule.Broken("ext-app-data-extensions", "GroupContextExtensions changes the app_data_dictionary")
	}
	return nil
}

// setAppData replaces the dictionary, or adds it as the last extension.
func (p *provisional) setAppData(data []byte) {
	e := slices.Clone(p.extensions)
	i := slices.IndexFunc(e, func(x wire.Extension) bool { return x.Type == wire.ExtAppDataDictionary })
	if i < 0 {
		e = append(e, wire.Extension{Type: wire.ExtAppDataDictionary})
		i, p.extended = len(e)-1, true
	}
	e[i].Data = data
	p.extensions = e
}

// appDataChange collects what a commit does to the data of one component.
type appDataChange struct {
	updates [][]byte
	remove  bool
}

func (c *appDataChange) add(p *wire.Proposal) error {
	if c.remove || p.Discard && len(c.updates) > 0 {
		return rule.Broken("ext-app-data-operations", "commit with a removal beside other AppDataUpdates of a component")
	}
	if p.Discard {
		c.remove = true
	} else {
		c.updates = append(c.updates, slices.Clone(p.Data))
	}
	return nil
}

func (c *appDataChange) apply(list []wire.ComponentData, id uint16, cfg *Config) ([]wire.ComponentData, error) {
	i, found := slices.BinarySearchFunc(list, id, func(d wire.ComponentData, id uint16) int { return int(d.ID) - int(id) })
	if c.remove {
		if !found {
			return nil, rule.Broken("ext-app-data-remove", "AppDataUpdate removes what is not there")
		}
		return slices.Delete(list, i, i+1), nil
	}
	var old []byte
	if found {
		old = slices.Clone(list[i].Data)
	}
	data, err := cfg.Components.Update(ComponentID(id), old, c.updates)
	if err != nil {
		return nil, refusedByComponent(err)
	}
	if found {
		list[i].Data = slices.Clone(data)
		return list, nil
	}
	return slices.Insert(list, i, wire.ComponentData{ID: id, Data: slices.Clone(data)}), nil
}
