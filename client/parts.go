// SPDX-License-Identifier: AGPL-3.0-or-later

package client

// An Account manages the profile's own account: registration, profile name,
// recovery key, settings and push notifications.
type Account struct{ c *Client }

// People are the others: what this account knows and thinks of them.
type People struct{ c *Client }

// Groups are what the members of a conversation agree on: who is in it, with which
// role, its title and its timer.
type Groups struct{ c *Client }

// Messages are what was said: reading and searching it, and what is done to one
// message. Client.Send says something new.
type Messages struct{ c *Client }

// A List is the list of conversations as interfaces show it: its parts, and what
// this account chose about each conversation.
type List struct{ c *Client }

// Account returns what is about the account.
func (c *Client) Account() Account { return Account{c} }

// People returns what is about other people.
func (c *Client) People() People { return People{c} }

// Groups returns what is about members, roles, titles and timers.
func (c *Client) Groups() Groups { return Groups{c} }

// Messages returns what is about the messages of conversations.
func (c *Client) Messages() Messages { return Messages{c} }

// Files returns what is about files.
func (c *Client) Files() Files { return Files{c} }

// List returns what is about the list of conversations.
func (c *Client) List() List { return List{c} }
