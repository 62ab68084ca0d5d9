// SPDX-License-Identifier: AGPL-3.0-or-later

// Securecryptd is the SecureCrypt server: a relay that cannot read what it
// relays. Run securecryptd --help.
package main

import (
	"os"

	"github.com/securecrypt/securecrypt/server/daemon"
)

func main() { os.Exit(daemon.Main(os.Args[1:], os.Stdout, os.Stderr)) }
