// SPDX-License-Identifier: AGPL-3.0-or-later

// Command ours answers the requests of package interop for the library of this
// module, natively or, built for js/wasm, under Node.
package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/securecrypt/securecrypt/internal/testing/interop"
)

func main() {
	name := "ours"
	if runtime.GOOS == "js" {
		name = "ours (wasm)"
	}
	if err := interop.Serve(interop.NewEndpoint(name), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "ours:", err)
		os.Exit(1)
	}
}
