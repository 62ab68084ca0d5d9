// SPDX-License-Identifier: Apache-2.0

package mls

import "github.com/securecrypt/securecrypt/mls/internal/rule"

// BrokenRule returns the identifier of the rule that err says is broken, such as
// "7.3-lifetime": the section of RFC 9420 and a word. It is "" for other errors.
func BrokenRule(err error) string { return rule.ID(err) }
