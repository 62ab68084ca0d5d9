// SPDX-License-Identifier: AGPL-3.0-or-later

package rules

import (
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/mls"
)

// MaxIdle is how many commits without a purpose a member may make between two
// that have one.
const MaxIdle = 4

// ChangesGroup reports whether a commit changes the membership or the group
// state.
func ChangesGroup(old, next State, s *mls.StagedCommit) bool {
	return len(s.Added()) > 0 || len(s.Removed()) > 0 || !next.Equal(old)
}

// MayEject reports whether a member without a role made so many commits without
// a purpose that anybody may remove them: each ends an epoch, and keeps others
// from sending what they made for it.
func (r Rules) MayEject(address string) bool {
	return r.State.Group && r.State.Role(address) == chat.RoleMember && r.Idle[address] > MaxIdle
}
