// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build !unix

package enginetest

import "os/exec"

func group(*exec.Cmd) {}

func end(cmd *exec.Cmd) { _ = cmd.Process.Kill() } // it may have ended
