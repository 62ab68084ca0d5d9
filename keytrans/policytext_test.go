// SPDX-License-Identifier: Apache-2.0

package keytrans_test

import (
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/keytrans"
)

// TestThresholds writes the threshold of a group of two in many ways.
func TestThresholds(t *testing.T) {
	for threshold, accepted := range map[string]bool{
		"any": true, "all": true, "1": true, "2": true,
		"0": false, "3": false, "-1": false, "01": false, "+1": false, "1.0": false, "x": false, "Any": false, "99999999999999999999": false,
	} {
		err := newPolicy(strings.Replace(sound, "any w1", threshold+" w1", 1))
		if (err == nil) != accepted || err != nil && keytrans.BrokenRule(err) != "K8-threshold" {
			t.Errorf("threshold %q: %v", threshold, err)
		}
	}
}

// TestPolicyTexts has texts that c2sp.org/tlog-policy allows and forbids.
func TestPolicyTexts(t *testing.T) {
	for name, text := range map[string]string{
		"tabs and spaces":      strings.ReplaceAll(sound, " ", " \t "),
		"space around lines":   "  " + strings.ReplaceAll(sound, "\n", " \n\t"),
		"comments":             "# one\n\n   # two\n" + sound,
		"no newline at end":    strings.TrimSuffix(sound, "\n"),
		"names beyond ASCII":   strings.ReplaceAll(sound, "witnesses", "témoins"),
		"a group named none2":  strings.ReplaceAll(sound, "witnesses", "none2"),
		"the log's line later": strings.SplitN(sound, "\n", 2)[1] + strings.SplitN(sound, "\n", 2)[0] + "\n",
	} {
		if err := newPolicy(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"an inline comment":     strings.Replace(sound, "quorum both", "quorum both # now", 1),
		"an unknown line":       sound + "mirror x y\n",
		"a capital keyword":     strings.Replace(sound, "quorum both", "Quorum both", 1),
		"a group named none":    strings.ReplaceAll(sound, "group witnesses", "group none"),
		"a group without names": sound + "group g any\n",
		"no lines":              "",
	} {
		if newPolicy(text) == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
