// SPDX-License-Identifier: AGPL-3.0-or-later

// Command messages lists the errors and notices that people may read: of the
// page, the command line, the terminal and the server program. Each says what
// to do next, or stands in advice.txt, which says why it need not or where the
// advice comes from. Its test fails for a message that does neither.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	root := flag.String("root", ".", "folder of the project")
	flag.Parse()
	if err := run(*root); err != nil {
		fmt.Fprintln(os.Stderr, "messages:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	all, err := collect(root)
	if err != nil {
		return err
	}
	known, err := readAdvice(root)
	if err != nil {
		return err
	}
	count := map[string]int{}
	for _, m := range all {
		why := known.of(m)
		count[why]++
		fmt.Printf("%s\t%s\t%s\n", m.where, m.text, why)
	}
	fmt.Printf("\n%d errors and notices\n", len(all))
	for _, why := range append([]string{saysIt}, append(known.reasons, unknown)...) {
		fmt.Printf("%5d %s\n", count[why], why)
	}
	return nil
}
