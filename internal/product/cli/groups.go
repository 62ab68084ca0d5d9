// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/product/cli/jsonlines"
	"github.com/securecrypt/securecrypt/internal/product/console"
)

type groupCmd struct {
	Create  groupCreateCmd  `cmd:"" help:"Create a group."`
	Add     groupAddCmd     `cmd:"" help:"Add people to a group."`
	Remove  groupRemoveCmd  `cmd:"" help:"Remove people from a group."`
	Leave   groupLeaveCmd   `cmd:"" help:"Leave a group."`
	Rename  groupRenameCmd  `cmd:"" help:"Change the title of a group."`
	Role    groupRoleCmd    `cmd:"" help:"Make a member an administrator or owner, or neither."`
	Members groupMembersCmd `cmd:"" help:"List the members of a group."`
	List    groupListCmd    `cmd:"" help:"List the groups."`
}

type groupCreateCmd struct {
	Title   string   `arg:"" help:"Title of the group."`
	Members []string `arg:"" optional:"" name:"address" help:"Who else is in it."`
}

// Run creates a group.
func (cmd *groupCreateCmd) Run(a *app) error {
	people, err := parseAddresses(cmd.Members)
	if err != nil {
		return err
	}
	return a.with(func(s *session) error {
		var id chat.ConversationID
		err := s.addEach(people, func(people []account.Address) (err error) {
			id, err = s.CreateGroup(a.Ctx, cmd.Title, people)
			return err
		})
		if id == "" {
			return err
		}
		var failed refusals
		failed.add("", err)
		failed.add("", s.settle(id))
		failed.add("", s.printConversation(id))
		return failed.err()
	})
}

// addEach calls add with people. If they cannot be added together, it is called
// again with those that nothing speaks against; then the error is a refusals.
func (s *session) addEach(people []account.Address, add func([]account.Address) error) error {
	s.adding = people
	err := add(people)
	if err == nil || len(people) < 2 {
		return err
	}
	var failed refusals
	var some []account.Address
	for _, a := range people {
		contact, cerr := s.People().Contact(a)
		_, rerr := s.People().Resolve(s.Ctx, a)
		switch {
		case cerr == nil && contact.Blocked:
			failed.add(a.String(), console.WithCode(fmt.Errorf("not added, as you blocked them: securecrypt block --undo %s first", a), console.ExitRefused))
		case rerr != nil && !errors.Is(rerr, backend.ErrOffline):
			failed.add("not added", rerr)
		default:
			some = append(some, a)
		}
	}
	if len(failed.all) == 0 || len(some) == 0 {
		return cmp.Or(failed.err(), err)
	}
	s.adding = some
	if err := add(some); err != nil {
		return err
	}
	return failed.err()
}

// printConversation prints the identifier, or all of it as JSON.
func (s *session) printConversation(id chat.ConversationID) error {
	if !s.JSON {
		_, _ = fmt.Fprintln(s.Stdout, id)
		return nil
	}
	c, err := s.Conversation(id)
	if err == nil {
		s.PrintJSON(jsonlines.ConversationOf(c))
	}
	return err
}

// group runs fn on a group and waits until it is done.
func (a *app) group(title string, fn func(*session, chat.ConversationID) error) error {
	return a.conversation(title, func(s *session, id chat.ConversationID) error {
		c, err := s.Conversation(id)
		if err == nil && !c.Group {
			err = console.WithCode(fmt.Errorf("%q is a person, not a group: use the identifier of the group; securecrypt group list prints it", title), console.ExitUsage)
		}
		if err != nil {
			return err
		}
		err = fn(s, id)
		if errors.Is(err, chat.ErrNotAllowed) && s.fetch(catchUpFor) == nil {
			err = fn(s, id) // a role that was given meanwhile counts
		}
		return err
	})
}

// catchUpFor is how long a command that this device's state does not allow waits
// for what the server has.
const catchUpFor = 10 * time.Second

// conversation runs fn on a conversation and waits until it is done.
func (a *app) conversation(target string, fn func(*session, chat.ConversationID) error) error {
	return a.with(func(s *session) error {
		id, err := s.find(target, false)
		if err != nil {
			return err
		}
		err = fn(s, id)
		if err != nil && !errors.As(err, new(*refusals)) {
			return err
		}
		var failed refusals
		failed.add("", err)
		failed.add("", s.settle(id))
		if a.JSON && len(failed.all) == 0 {
			return s.printConversation(id)
		}
		return failed.err()
	})
}

type groupAddCmd struct {
	Group   string   `arg:"" help:"Title or identifier of the group."`
	Members []string `arg:"" name:"address" help:"Who is to be added."`
}

// Run adds people.
func (cmd *groupAddCmd) Run(a *app) error {
	people, err := parseAddresses(cmd.Members)
	if err != nil {
		return err
	}
	return a.group(cmd.Group, func(s *session, id chat.ConversationID) error {
		return s.addEach(people, func(people []account.Address) error { return s.Groups().Add(a.Ctx, id, people) })
	})
}

type groupRemoveCmd struct {
	Group   string   `arg:"" help:"Title or identifier of the group."`
	Members []string `arg:"" name:"address" help:"Who is to be removed."`
}

// Run removes people.
func (cmd *groupRemoveCmd) Run(a *app) error {
	people, err := parseAddresses(cmd.Members)
	if err != nil {
		return err
	}
	return a.group(cmd.Group, func(s *session, id chat.ConversationID) error { return s.Groups().Remove(a.Ctx, id, people) })
}

type groupLeaveCmd struct {
	Group string `arg:"" help:"Title or identifier of the group."`
}

// Run leaves a group.
func (cmd *groupLeaveCmd) Run(a *app) error {
	return a.group(cmd.Group, func(s *session, id chat.ConversationID) error { return s.Leave(a.Ctx, id) })
}

type groupRenameCmd struct {
	Group string `arg:"" help:"Title or identifier of the group."`
	Title string `arg:"" help:"The new title."`
}

// Run renames a group.
func (cmd *groupRenameCmd) Run(a *app) error {
	return a.group(cmd.Group, func(s *session, id chat.ConversationID) error { return s.Groups().Rename(a.Ctx, id, cmd.Title) })
}

type groupRoleCmd struct {
	Group  string `arg:"" help:"Title or identifier of the group."`
	Member string `arg:"" name:"address" help:"The member."`
	Role   string `arg:"" enum:"member,admin,owner" help:"member, admin or owner."`
}

// Run changes a role.
func (cmd *groupRoleCmd) Run(a *app) error {
	who, err := parseAddress(cmd.Member)
	if err != nil {
		return err
	}
	role := map[string]chat.Role{"member": chat.RoleMember, "admin": chat.RoleAdmin, "owner": chat.RoleOwner}[cmd.Role]
	return a.group(cmd.Group, func(s *session, id chat.ConversationID) error { return s.Groups().SetRole(a.Ctx, id, who, role) })
}

type groupMembersCmd struct {
	Group string `arg:"" help:"Title or identifier of the group."`
}

// Run lists the members.
func (cmd *groupMembersCmd) Run(a *app) error {
	return a.with(func(s *session) error {
		id, err := s.find(cmd.Group, false)
		if err != nil {
			return err
		}
		members, err := s.Groups().Members(id)
		if err != nil {
			return err
		}
		n, err := s.names()
		for _, m := range members {
			a.printMember(n, m, s.Address())
		}
		return err
	})
}

func (a *app) printMember(n names, m chat.Member, self account.Address) {
	if a.JSON {
		a.PrintJSON(jsonlines.MemberOf(m, self))
		return
	}
	line := n.person(m.Address)
	if m.Address == self {
		line = m.Address.String() + " (you)"
	}
	if m.Role != chat.RoleMember {
		line += "  " + m.Role.String()
	}
	if !m.Confirmed {
		line += "  not confirmed by their server yet"
	}
	_, _ = fmt.Fprintln(a.Stdout, line)
}

type groupListCmd struct{}

// Run lists the groups.
func (*groupListCmd) Run(a *app) error {
	return a.with(func(s *session) error {
		all, err := s.Conversations()
		if err != nil {
			return err
		}
		var groups []chat.Conversation
		for _, c := range all {
			if c.Group {
				groups = append(groups, c)
			}
		}
		return a.printConversations(s, groups, "No groups yet. Create one: securecrypt group create TITLE ADDRESS…")
	})
}

type timerCmd struct {
	Conversation string `arg:"" help:"Address, group title or conversation identifier."`
	After        string `arg:"" help:"Time after which new messages disappear, such as 24h; off for never."`
}

// Run sets the timer of a conversation.
func (cmd *timerCmd) Run(a *app) error {
	after, err := timerOf(cmd.After)
	if err != nil {
		return err
	}
	return a.conversation(cmd.Conversation, func(s *session, id chat.ConversationID) error { return s.Groups().SetTimer(a.Ctx, id, after) })
}

// timerOf reads a time after which messages disappear.
func timerOf(text string) (time.Duration, error) {
	if text == "off" {
		return 0, nil
	}
	after, err := time.ParseDuration(text)
	if err != nil || after < time.Second || after > chat.MaxExpiry {
		return 0, console.WithCode(errors.New("the time is something like 30m or 24h, at most 8760h, or off"), console.ExitUsage)
	}
	return after, nil
}
