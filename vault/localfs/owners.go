// SPDX-License-Identifier: AGPL-3.0-or-later

package localfs

import (
	"os/user"
	"strconv"
	"sync"
)

// Owners translates numbers of users and groups to names and back, with what this
// system knows. It is safe for concurrent use.
type Owners struct {
	mu            sync.Mutex
	users, groups map[uint32]string // guarded by mu
	uids, gids    map[string]int64  // guarded by mu; -1 for a name that is unknown
}

// NewOwners returns an Owners.
func NewOwners() *Owners {
	return &Owners{users: map[uint32]string{}, groups: map[uint32]string{}, uids: map[string]int64{}, gids: map[string]int64{}}
}

// Names returns the names of a user and a group, "" for those without.
func (o *Owners) Names(uid, gid uint32) (userName, groupName string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	userName, ok := o.users[uid]
	if !ok {
		if u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10)); err == nil {
			userName = u.Username
		}
		o.users[uid] = userName
	}
	groupName, ok = o.groups[gid]
	if !ok {
		if g, err := user.LookupGroupId(strconv.FormatUint(uint64(gid), 10)); err == nil {
			groupName = g.Name
		}
		o.groups[gid] = groupName
	}
	return userName, groupName
}

// Numbers returns the numbers that this system has for names; where it does not
// know a name, or there is none, the number stays as it is given.
func (o *Owners) Numbers(uid, gid uint32, userName, groupName string) (uint32, uint32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	find := func(known map[string]int64, name string, number uint32, lookup func() (string, error)) uint32 {
		if name == "" {
			return number
		}
		n, ok := known[name]
		if !ok {
			n = -1
			if text, err := lookup(); err == nil {
				if parsed, err := strconv.ParseUint(text, 10, 32); err == nil {
					n = int64(parsed)
				}
			}
			known[name] = n
		}
		if n < 0 {
			return number
		}
		return uint32(n)
	}
	uid = find(o.uids, userName, uid, func() (string, error) {
		u, err := user.Lookup(userName)
		if err != nil {
			return "", err
		}
		return u.Uid, nil
	})
	gid = find(o.gids, groupName, gid, func() (string, error) {
		g, err := user.LookupGroup(groupName)
		if err != nil {
			return "", err
		}
		return g.Gid, nil
	})
	return uid, gid
}
