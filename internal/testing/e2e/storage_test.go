// SPDX-License-Identifier: AGPL-3.0-or-later

package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/securecrypt/securecrypt/vault/storage/s3/s3test"
	"github.com/securecrypt/securecrypt/vault/storage/sftp/sftptest"
)

// has tells scripts what this machine can do for vaults: run a server, [sshd] and
// [s3], mount, [fuse], and have [restic] and [borg] mount.
func has(name string) (bool, error) {
	switch name {
	case "fuse":
		return canMount(), nil
	case "restic", "borg":
		return canMount() && hasPrograms(name, "fusermount3"), nil
	case "sshd":
		return sftptest.Available() == nil, nil
	case "s3":
		return s3test.Available() == nil, nil
	}
	return false, fmt.Errorf("there is no condition %q", name)
}

// hasPrograms reports whether programs are installed.
func hasPrograms(names ...string) bool {
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			return false
		}
	}
	return true
}

// canMount reports whether an empty file system can be mounted.
var canMount = sync.OnceValue(func() bool {
	dir, err := os.MkdirTemp("", "fuse-")
	if err != nil {
		return false
	}
	defer func() { _ = os.Remove(dir) }()
	server, err := fs.Mount(dir, &fs.Inode{}, &fs.Options{MountOptions: fuse.MountOptions{DirectMount: true}})
	return err == nil && server.Unmount() == nil
})

// startSSHD starts an SFTP server: sshd [line of its configuration]…. It sets
// $SFTP to the address of its root, and $HOME to a folder with the keys for it.
func startSSHD(ts *testscript.TestScript, _ bool, args []string) {
	dir, err := os.MkdirTemp(ts.MkAbs("."), "sshd-")
	ts.Check(err)
	s, err := sftptest.Start(dir, args...)
	ts.Check(err)
	ts.Defer(s.Stop)
	home := filepath.Join(dir, "home")
	ts.Check(os.MkdirAll(filepath.Join(home, ".ssh"), 0o700))
	for from, to := range map[string]string{"known_hosts": "known_hosts", "identity": "id_ed25519"} {
		ts.Check(os.Rename(s.File(from), filepath.Join(home, ".ssh", to)))
	}
	ts.Setenv("HOME", home)
	ts.Setenv("SSH_AUTH_SOCK", "")
	ts.Setenv("SFTP", s.URL(""))
}

// startS3 starts an S3 server, with "s3 unconditional" one that ignores
// If-None-Match. It sets $S3 to the address of its bucket, and the credentials.
func startS3(ts *testscript.TestScript, _ bool, args []string) {
	dir, err := os.MkdirTemp(ts.MkAbs("."), "s3-")
	ts.Check(err)
	start := s3test.Start
	if len(args) > 0 && args[0] == "unconditional" {
		start = s3test.StartUnconditional
	}
	s, err := start(context.Background(), dir)
	ts.Check(err)
	ts.Defer(s.Stop)
	ts.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	ts.Setenv("AWS_SECRET_ACCESS_KEY", s3test.SecretKey)
	ts.Setenv("AWS_REGION", "us-east-1")
	ts.Setenv("S3", strings.TrimSuffix(s.URL(""), "/"))
}
