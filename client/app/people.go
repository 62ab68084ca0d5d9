// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/codec/order"
)

func parseAddress(s string) (account.Address, error) {
	a, err := account.ParseAddress(strings.TrimSpace(s))
	if err != nil {
		return a, &Problem{CodeAddress, fmt.Sprintf("%q is not an address such as name@host", s)}
	}
	return a, nil
}

func parseAddresses(all []string) ([]account.Address, error) {
	out := make([]account.Address, len(all))
	for i, s := range all {
		var err error
		if out[i], err = parseAddress(s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// with calls fn with the open profile and somebody's address.
func (a *App) with(who string, fn func(*profile, account.Address) error) (None, error) {
	p, err := a.client()
	if err != nil {
		return None{}, err
	}
	peer, err := parseAddress(who)
	if err != nil {
		return None{}, err
	}
	return None{}, fn(p, peer)
}

func (a *App) contacts(context.Context, None) (Contacts, error) {
	p, err := a.client()
	if err != nil {
		return Contacts{}, err
	}
	all, err := p.People().Contacts()
	if err != nil {
		return Contacts{}, err
	}
	v := view{profile: p}
	out := make([]Contact, len(all))
	for i, c := range all {
		out[i] = v.contact(c)
	}
	order.By(out, func(x, y Contact) int {
		return cmp.Or(cmp.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name)), cmp.Compare(x.Address, y.Address))
	})
	return Contacts{out}, nil
}

func (a *App) contact(_ context.Context, q AddressRef) (out Contact, err error) {
	_, err = a.with(q.Address, func(p *profile, who account.Address) error {
		c, err := p.People().Contact(who)
		v := view{profile: p}
		out = v.contact(c)
		return err
	})
	return out, err
}

func (a *App) setContactName(_ context.Context, q Naming) (None, error) {
	return a.with(q.Address, func(p *profile, who account.Address) error { return p.People().SetName(who, q.Name) })
}

func (a *App) block(ctx context.Context, q AddressRef) (None, error) {
	return a.with(q.Address, func(p *profile, who account.Address) error { return p.People().Block(ctx, who) })
}

func (a *App) unblock(_ context.Context, q AddressRef) (None, error) {
	return a.with(q.Address, func(p *profile, who account.Address) error { return p.People().Unblock(who) })
}

func (a *App) safety(ctx context.Context, q AddressRef) (out Safety, err error) {
	_, err = a.with(q.Address, func(p *profile, who account.Address) error {
		s, verified, err := p.People().Safety(ctx, who)
		if err == nil {
			out = Safety{strings.Fields(s.Digits()), s.Code(), verified}
		}
		return err
	})
	return out, err
}

// compare marks somebody as verified if the code from their screen is the right
// one, or if there is none: then a person compared the numbers.
func (a *App) compare(ctx context.Context, q Compare) (out Compared, err error) {
	_, err = a.with(q.Address, func(p *profile, who account.Address) error {
		if q.Code != "" {
			s, _, err := p.People().Safety(ctx, who)
			if err != nil {
				return err
			}
			switch err := s.MatchCode(q.Code); {
			case errors.Is(err, account.ErrSafetyMismatch):
				return nil
			case err != nil:
				return &Problem{CodeNoSafetyCode, err.Error()}
			}
		}
		out.Match = true
		return p.People().MarkVerified(who)
	})
	return out, err
}

func (a *App) members(_ context.Context, q ConversationRef) (Members, error) {
	p, err := a.client()
	if err != nil {
		return Members{}, err
	}
	all, err := p.Groups().Members(chat.ConversationID(q.Conversation))
	if err != nil {
		return Members{}, err
	}
	v := view{profile: p}
	out := Members{Members: make([]Member, len(all))}
	for i, m := range all {
		out.Members[i] = Member{Address: address(m.Address), Name: v.name(m.Address), Role: m.Role.String(), Confirmed: m.Confirmed}
		if c, err := p.People().Contact(m.Address); err == nil {
			out.Members[i].Verified = c.Verified
		}
		if m.Address == p.Address() {
			out.Members[i].Self = true
			out.Role = m.Role.String()
		}
	}
	return out, nil
}

func (a *App) addMembers(ctx context.Context, q PeopleOf) (None, error) {
	return a.people(q, func(p *profile, id chat.ConversationID, who []account.Address) error {
		return p.Groups().Add(ctx, id, who)
	})
}

func (a *App) removeMembers(ctx context.Context, q PeopleOf) (None, error) {
	return a.people(q, func(p *profile, id chat.ConversationID, who []account.Address) error {
		return p.Groups().Remove(ctx, id, who)
	})
}

func (a *App) people(q PeopleOf, fn func(*profile, chat.ConversationID, []account.Address) error) (None, error) {
	p, err := a.client()
	if err != nil {
		return None{}, err
	}
	who, err := parseAddresses(q.People)
	if err != nil {
		return None{}, err
	}
	return None{}, fn(p, chat.ConversationID(q.Conversation), who)
}

var roles = map[string]chat.Role{
	chat.RoleMember.String(): chat.RoleMember,
	chat.RoleAdmin.String():  chat.RoleAdmin,
	chat.RoleOwner.String():  chat.RoleOwner,
}

func (a *App) setRole(ctx context.Context, q SetRole) (None, error) {
	role, ok := roles[q.Role]
	if !ok {
		return None{}, fmt.Errorf("%w: there is no role %q", errInput, q.Role)
	}
	return a.with(q.Address, func(p *profile, who account.Address) error {
		return p.Groups().SetRole(ctx, chat.ConversationID(q.Conversation), who, role)
	})
}
