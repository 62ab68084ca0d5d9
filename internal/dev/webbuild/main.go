// SPDX-License-Identifier: AGPL-3.0-or-later

// Command webbuild is `make web`: it makes the browser's application that the
// programs embed.
package main

import (
	"fmt"
	"os"

	"github.com/securecrypt/securecrypt/internal/build/webbuild"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	root, err := os.Getwd() // make runs it at the top of the module
	if err != nil {
		return err
	}
	if err := webbuild.Install(root); err != nil {
		return err
	}
	sizes, err := webbuild.Build(webbuild.Options{
		Root: root, Out: "internal/product/webapp/dist", Cache: ".tools/webbuild", Core: webbuild.Core(root),
	})
	if sizes != (webbuild.Sizes{}) {
		fmt.Println(sizes)
	}
	return err
}
