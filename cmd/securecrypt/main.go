// SPDX-License-Identifier: AGPL-3.0-or-later

// Command securecrypt talks to people from the command line. See
// securecrypt --help.
package main

import (
	"os"

	"github.com/securecrypt/securecrypt/internal/product/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
