// SPDX-License-Identifier: AGPL-3.0-or-later

package e2e_test

import (
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/securecrypt/securecrypt/internal/testing/e2e/fault"
)

// clockSuffix makes of the folder of a profile or a server the name of the file
// that says by how much its clock is wrong, as time.ParseDuration reads it.
const clockSuffix = ".clock"

// skewedClock returns the clock of a program that is started with a folder in a
// flag. The shipped programs have no such clock: it belongs to the commands of
// TestMain.
func skewedClock(flag string) func() time.Time {
	dir := ""
	for i, arg := range os.Args[1:] {
		if arg == flag && i+2 < len(os.Args) {
			dir = os.Args[i+2]
			break
		}
	}
	if dir == "" {
		return time.Now
	}
	return func() time.Time {
		text, err := os.ReadFile(strings.TrimSuffix(dir, "/") + clockSuffix)
		if err != nil {
			return time.Now()
		}
		skew, err := time.ParseDuration(string(text))
		if err != nil {
			panic(err) // a clock that is right would prove nothing
		}
		return fault.SetWall(time.Now(), skew)
	}
}

// setClock puts the clock of a profile or a server wrong: clock FOLDER SKEW. The
// program that uses the folder notices at its next reading.
func setClock(ts *testscript.TestScript, _ bool, args []string) {
	_, err := time.ParseDuration(args[1])
	ts.Check(err)
	file := ts.MkAbs(args[0] + clockSuffix)
	ts.Check(os.WriteFile(file+".new", []byte(args[1]), 0o600))
	ts.Check(os.Rename(file+".new", file)) // it is read meanwhile
}
