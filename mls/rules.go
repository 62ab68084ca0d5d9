// SPDX-License-Identifier: Apache-2.0

package mls

import "github.com/securecrypt/securecrypt/mls/internal/rule"

// BrokenRule returns the identifier of the rule that err says is broken, such as
// "7.3-signature": the section of RFC 9420 and a word, where "ext" is
// draft-ietf-mls-extensions and "size" a limit of this package. It is "" for other errors.
func BrokenRule(err error) string { return rule.ID(err) }
