// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// What is said of a message that needs no line in advice.txt, and of one that
// needs one.
const (
	saysIt  = "says what to do"
	unknown = "says nothing of what to do"
)

// imperative matches the words with which messages say what to do.
var imperative = regexp.MustCompile(`(?i)(^|[.;:,(] |, or |\band |\bto )(please )?(accept|add|agree|allow|ask|attach|begin|check|choose|compare|confirm|connect|copy|create|delete|end|enter|erase|export|fetch|free|give|go|install|keep|leave|look|make|move|name|open|pass|put|quit|read|reload|redeem|rename|repeat|restore|run|save|say|scan|see|select|send|set|share|shorten|start|stop|tap|take|tell|try|type|unblock|unset|update|install|use|verify|wait|write)\b|securecryptd? [a-z-]+|--[a-z]`)

// advice is what advice.txt says: for each of its reasons the messages that it
// holds for.
type advice struct {
	reasons []string
	why     map[string]string // by text
}

// adviceFile lies beside this file.
const adviceFile = "internal/dev/messages/advice.txt"

// readAdvice reads advice.txt: a line "# reason", then a message a line.
func readAdvice(root string) (advice, error) {
	a := advice{why: map[string]string{}}
	content, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(adviceFile)))
	if err != nil {
		return a, err
	}
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSuffix(line, "\n")
		reason, ok := strings.CutPrefix(line, "# ")
		switch {
		case ok:
			a.reasons = append(a.reasons, reason)
		case line == "":
		case len(a.reasons) == 0 || a.why[line] != "":
			return a, fmt.Errorf("%s: the line %q has no reason, or stands there twice", adviceFile, line)
		default:
			a.why[line] = a.reasons[len(a.reasons)-1]
		}
	}
	return a, nil
}

// of says where a message's advice is.
func (a advice) of(m message) string {
	if why := a.why[m.text]; why != "" {
		return why
	}
	if imperative.MatchString(m.text) {
		return saysIt
	}
	return unknown
}
