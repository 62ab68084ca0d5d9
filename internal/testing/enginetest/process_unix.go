// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build unix

package enginetest

import (
	"os/exec"
	"syscall"
)

// group lets a program and those that it starts be ended together.
func group(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func end(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // it may have ended
