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
// {repo}, {source} and {target}; several commands are run one after the other and count
// together. A command that begins with "cd" runs in {target}.
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
		if path, err := exec.LookPath(filepath.Join(peerFolder(), name)); err == nil {
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
			commands: map[row][][]string{rowFirst: one("-a", "{source}", "{repo}/copy"), rowRestore: one("-a", "{repo}/copy", "{target}/copy")},
		},
		{
			name: "securecrypt", program: ours, env: []string{"SECURECRYPT_HOME={repo}.home"},
			prepare: one("vault", "init", "{repo}/vault", "--no-passphrase"),
			commands: map[row][][]string{
				rowFirst: one("vault", "backup", "{source}"), rowUnchanged: one("vault", "backup", "{source}"), rowChanged: one("vault", "backup", "{source}"),
				rowRestore: one("vault", "restore", "latest", "--to", "{target}/all"), rowCheck: one("vault", "check", "--deep"),
				rowPrune: {{"vault", "forget", "--keep-last", "1"}, {"vault", "prune", "--wait", "0"}},
			},
		},
		{
			name: "restic", program: found("restic"),
			env:     []string{"RESTIC_PASSWORD=x", "RESTIC_REPOSITORY={repo}/vault", "RESTIC_CACHE_DIR={repo}.home"},
			prepare: one("init"),
			commands: map[row][][]string{
				rowFirst: one("backup", "{source}"), rowUnchanged: one("backup", "{source}"), rowChanged: one("backup", "{source}"),
				rowRestore: one("restore", "latest", "--target", "{target}"), rowCheck: one("check", "--read-data"),
				rowPrune: one("forget", "--keep-last", "1", "--prune"),
			},
		},
		{
			name: "rustic", program: found("rustic/bin/rustic"),
			env:     []string{"RUSTIC_PASSWORD=x", "RUSTIC_REPOSITORY={repo}/vault", "RUSTIC_CACHE_DIR={repo}.home"},
			prepare: one("init"),
			commands: map[row][][]string{
				rowFirst: one("backup", "{source}"), rowUnchanged: one("backup", "{source}"), rowChanged: one("backup", "{source}"),
				rowRestore: one("restore", "latest", "{target}"), rowCheck: one("check", "--read-data"),
				rowPrune: one("forget", "--keep-last", "1", "--prune", "--instant-delete"),
			},
		},
		borg("borg 1", found("borg1/bin/borg"), []string{"init", "-e", "repokey-blake2", "{repo}/vault"}, "{repo}/vault::", []string{"{repo}/vault"}),
		borg("borg 2", found("borg2/bin/borg"), []string{"-r", "{repo}/vault", "repo-create", "-e", "repokey-blake3-aes-ocb"}, "", nil),
	}
}

// borg returns borg with the way in which its version names archives: prefix begins
// them, and repo is given to commands about all of them.
func borg(name, program string, prepare []string, prefix string, repo []string) tool {
	with := func(args ...string) [][]string {
		if prefix == "" {
			args = append([]string{"-r", "{repo}/vault"}, args...)
		}
		return [][]string{args}
	}
	create := func(n string) [][]string { return with("create", "-C", "zstd,3", prefix+n, "{source}") }
	extract := with("extract", prefix+"c")
	extract[0] = append([]string{"cd"}, extract[0]...)
	return tool{
		name: name, program: program, env: []string{"BORG_PASSPHRASE=x", "BORG_BASE_DIR={repo}.home", "BORG_EXIT_CODES=modern"}, prepare: [][]string{prepare},
		commands: map[row][][]string{
			rowFirst: create("a"), rowUnchanged: create("b"), rowChanged: create("c"), rowRestore: extract,
			rowCheck: with(append([]string{"check", "--verify-data"}, repo...)...),
			rowPrune: append(with(append([]string{"prune", "--keep-last", "1"}, repo...)...), with(append([]string{"compact"}, repo...)...)...),
		},
	}
}
