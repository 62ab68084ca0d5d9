// SPDX-License-Identifier: AGPL-3.0-or-later

package rules

import "github.com/securecrypt/securecrypt/client/chat"

// MayAdminister reports whether a role lets its member add people, remove those of
// lower roles, and name a group.
func MayAdminister(role chat.Role) bool { return role >= chat.RoleAdmin }

// MayGiveRoles reports whether a role lets its member give roles and take them.
func MayGiveRoles(role chat.Role) bool { return role == chat.RoleOwner }

// MaySetTimer reports whether a member of a role may set the timer: in a
// conversation of two both may.
func MaySetTimer(group bool, role chat.Role) bool { return !group || MayAdminister(role) }

// MayRemove reports whether a member may remove another one.
func (r Rules) MayRemove(by, whom string) bool {
	return r.State.Role(by) > r.State.Role(whom) || r.MayEject(whom)
}
