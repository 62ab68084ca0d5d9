// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"os"
	"os/exec"
	"path/filepath"
)

// A row is what is measured.
type row string

const (
	rowFirst     row = "first"
	rowUnchanged row = "unchanged"
	rowChanged   row = "changed"
	rowRestore   row = "restore"
	rowCheck     row = "check"
	rowPrune     row = "prune"
)

var rows = []row{rowFirst, rowUnchanged, rowChanged, rowRestore, rowCheck, rowPrune}

// A tool is a program and the commands by which it does each row. Arguments may hold
// REPO, SOURCE and TARGET; several commands are run one after the other and count
// together. A command that begins with "cd" runs in TARGET.
type tool struct {
	name     string
	program  string // its path; "" if it is not here
	env      []string
	prepare  [][]string
	commands map[row][][]string
}

// peerFolder is where peers are looked for, besides PATH.
func peerFolder() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(cache, "securecrypt", "backup-peers")
}

// found returns the path of a program, "" if it is not here.
func found(names ...string) string {
	for _, name := range names {
		if path := filepath.Join(peerFolder(), name); exec.Command(path, "--version").Run() == nil {
			return path
		}
	}
	path, err := exec.LookPath(filepath.Base(names[0]))
	if err != nil {
		return ""
	}
	return path
}

// tools returns what is compared: a plain copy, the vault and its peers, each with
// zstd at its usual level and encryption.
func tools(ours string) []tool {
	one := func(args ...string) [][]string { return [][]string{args} }
	return []tool{
		{
			name: "cp -a", program: "/bin/cp",
			commands: map[row][][]string{rowFirst: one("-a", "SOURCE", "REPO/copy"), rowRestore: one("-a", "REPO/copy", "TARGET/copy")},
		},
		{
			name: "securecrypt", program: ours, env: []string{"SECURECRYPT_HOME=REPO.home"},
			prepare: one("vault", "init", "REPO/vault", "--no-passphrase"),
			commands: map[row][][]string{
				rowFirst: one("vault", "backup", "SOURCE"), rowUnchanged: one("vault", "backup", "SOURCE"), rowChanged: one("vault", "backup", "SOURCE"),
				rowRestore: one("vault", "restore", "latest", "--to", "TARGET/all"), rowCheck: one("vault", "check", "--deep"),
				rowPrune: {{"vault", "forget", "--keep-last", "1"}, {"vault", "prune", "--wait", "0"}},
			},
		},
		{
			name: "restic", program: found("restic"),
			env:     []string{"RESTIC_PASSWORD=x", "RESTIC_REPOSITORY=REPO/vault", "RESTIC_CACHE_DIR=REPO.home"},
			prepare: one("init"),
			commands: map[row][][]string{
				rowFirst: one("backup", "SOURCE"), rowUnchanged: one("backup", "SOURCE"), rowChanged: one("backup", "SOURCE"),
				rowRestore: one("restore", "latest", "--target", "TARGET"), rowCheck: one("check", "--read-data"),
				rowPrune: one("forget", "--keep-last", "1", "--prune"),
			},
		},
		{
			name: "rustic", program: found("rustic/bin/rustic"),
			env:     []string{"RUSTIC_PASSWORD=x", "RUSTIC_REPOSITORY=REPO/vault", "RUSTIC_CACHE_DIR=REPO.home"},
			prepare: one("init"),
			commands: map[row][][]string{
				rowFirst: one("backup", "SOURCE"), rowUnchanged: one("backup", "SOURCE"), rowChanged: one("backup", "SOURCE"),
				rowRestore: one("restore", "latest", "TARGET"), rowCheck: one("check", "--read-data"),
				rowPrune: one("forget", "--keep-last", "1", "--prune", "--instant-delete"),
			},
		},
		borg("borg 1", found("borg1/bin/borg"), []string{"init", "-e", "repokey-blake2", "REPO/vault"}, "REPO/vault::", []string{"REPO/vault"}),
		borg("borg 2", found("borg2/bin/borg"), []string{"-r", "REPO/vault", "repo-create", "-e", "repokey-blake3-aes-ocb"}, "", nil),
	}
}

// borg returns borg with the way in which its version names archives: prefix begins
// them, and repo is given to commands about all of them.
func borg(name, program string, prepare []string, prefix string, repo []string) tool {
	with := func(args ...string) [][]string {
		if prefix == "" {
			args = append([]string{"-r", "REPO/vault"}, args...)
		}
		return [][]string{args}
	}
	create := func(n string) [][]string { return with("create", "-C", "zstd,3", prefix+n, "SOURCE") }
	extract := with("extract", prefix+"c")
	extract[0] = append([]string{"cd"}, extract[0]...)
	return tool{
		name: name, program: program, env: []string{"BORG_PASSPHRASE=x", "BORG_BASE_DIR=REPO.home", "BORG_EXIT_CODES=modern"}, prepare: [][]string{prepare},
		commands: map[row][][]string{
			rowFirst: create("a"), rowUnchanged: create("b"), rowChanged: create("c"), rowRestore: extract,
			rowCheck: with(append([]string{"check", "--verify-data"}, repo...)...),
			rowPrune: append(with(append([]string{"prune", "--keep-last", "1"}, repo...)...), with(append([]string{"compact"}, repo...)...)...),
		},
	}
}
