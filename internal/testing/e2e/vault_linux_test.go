// SPDX-License-Identifier: AGPL-3.0-or-later

package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/chunk"
	"github.com/securecrypt/securecrypt/vault/index"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/storage/folder"
)

// vaultHome runs commands of a vault in a folder, each in a process of its own.
type vaultHome struct {
	t               *testing.T
	dir, home, path string
	recovery        string
}

func newVaultHome(t *testing.T) *vaultHome {
	dir := t.TempDir()
	h := &vaultHome{t: t, dir: dir, home: filepath.Join(dir, "home"), path: filepath.Join(dir, "vault")}
	out := h.run("--json", "vault", "init", h.path, "--no-passphrase")
	var made struct {
		Recovery string `json:"recovery_key"`
	}
	must(t, json.Unmarshal(out, &made))
	h.recovery = made.Recovery
	return h
}

// command returns a command of a vault. The test's program is securecrypt under
// that name.
func (h *vaultHome) command(args ...string) *exec.Cmd {
	path, err := os.Executable()
	must(h.t, err)
	return &exec.Cmd{Path: path, Args: append([]string{"securecrypt", "--home", h.home}, args...), Env: os.Environ()}
}

// run runs a command that has to succeed.
func (h *vaultHome) run(args ...string) []byte {
	h.t.Helper()
	var stderr bytes.Buffer
	cmd := h.command(args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		h.t.Fatalf("securecrypt %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return out
}

// memoryGroup makes a control group with a limit of memory, and returns how a
// command is run in it.
func memoryGroup(t *testing.T, limit int64) func(*exec.Cmd) *exec.Cmd {
	t.Helper()
	root, file := "/sys/fs/cgroup/memory", "memory.limit_in_bytes" // version 1
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		root, file = "/sys/fs/cgroup", "memory.max"
	}
	group, err := os.MkdirTemp(root, "securecrypt-test-")
	if err != nil {
		t.Skipf("no control group can be made here: %v", err)
	}
	t.Cleanup(func() { _ = os.Remove(group) }) // it is empty once its processes have ended
	if err := os.WriteFile(filepath.Join(group, file), []byte(strconv.FormatInt(limit, 10)), 0o600); err != nil {
		t.Skipf("no limit of memory can be set here: %v", err)
	}
	return func(cmd *exec.Cmd) *exec.Cmd {
		script := `echo $$ >"$1" && shift && name=$1 && shift && exec -a "$name" "$@"`
		args := append([]string{"bash", "-c", script, "bash", filepath.Join(group, "cgroup.procs"), cmd.Args[0], cmd.Path}, cmd.Args[1:]...)
		return &exec.Cmd{Path: "/bin/bash", Args: args, Env: cmd.Env}
	}
}

// fillIndex adds index pages to a vault that list so many chunks, in packs that are
// there by name and size alone.
func (h *vaultHome) fillIndex(packs, chunksPerPack int) {
	t := h.t
	secret, err := account.ParseRecoverySecret(h.recovery)
	must(t, err)
	store, err := folder.Open(h.path)
	must(t, err)
	device, err := keys.NewDevice()
	must(t, err)
	v, err := vault.Join(t.Context(), vault.Params{Storage: store, Device: device, Now: time.Now}, secret, "filler")
	must(t, err)
	session, err := v.Keys().NewSession()
	must(t, err)
	namers, z := chunk.NewNamers(v.Keys()), new(pack.Compressor)
	if z, err = pack.NewCompressor(pack.LevelFastest); err != nil {
		t.Fatal(err)
	}
	random := rand.NewChaCha8([32]byte{1})
	var roots []pack.Name
	builder := new(pack.Builder)
	seal := func() {
		if builder.Empty() {
			return
		}
		sealed, err := builder.Seal(session)
		must(t, err)
		must(t, store.Create(t.Context(), sealed.Name.Object(), sealed.Data))
		roots = append(roots, sealed.Name)
		builder = new(pack.Builder)
	}
	class := uint8(len(pack.Classes) - 1)
	for made := 0; made < packs; {
		page := index.Page{Sealed: session.Sealed}
		for size := index.HeadSize; made < packs && size < 900<<10; made++ {
			p := index.PackInfo{Class: class, Head: pack.Head{Epoch: session.Epoch, Sealed: session.Sealed}}
			_, _ = random.Read(p.Name[:]) // it never fails
			_, _ = random.Read(p.Head.Salt[:])
			f := pack.FrameInfo{Kind: keys.KindData, Domain: keys.DomainFiles, Codec: pack.CodecRaw}
			for range chunksPerPack {
				c := pack.Chunk{Length: 100}
				_, _ = random.Read(c.ID[:])
				f.Chunks = append(f.Chunks, c)
				f.Raw += c.Length
			}
			f.Stored = f.Raw
			p.Table = pack.Table{f}
			page.Packs = append(page.Packs, p)
			size += index.Size(&p)
			sparse(t, filepath.Join(h.path, p.Name.Object()), pack.Classes[class].Size())
		}
		b := page.Encode()
		id, err := namers.Name(keys.DomainFiles, keys.KindIndex, b)
		must(t, err)
		frame := z.Compress(pack.FrameInfo{Kind: keys.KindIndex, Domain: keys.DomainFiles, Chunks: []pack.Chunk{{ID: id.Short(), Length: uint32(len(b))}}}, b)
		if !builder.Fits(&frame) {
			seal()
		}
		builder.Add(frame)
	}
	seal()
	e := v.State().NextEntry(device.ID(), oplog.KindRepack, time.Now().Unix())
	object, err := oplog.Seal(v.Keys(), device.Signature, e, oplog.RepackBody{Index: roots})
	must(t, err)
	must(t, store.Create(t.Context(), oplog.ObjectName(e.Seq), object))
	must(t, store.Sync(t.Context()))
	must(t, store.Close())
}

func sparse(t *testing.T, path string, size int64) {
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, nil, 0o600))
	must(t, os.Truncate(path, size))
}

// limited runs a command of a vault that may take so much memory, and no more by the
// kernel's count. It fails the test if the kernel ended it.
func (h *vaultHome) limited(limit int64, args ...string) {
	h.t.Helper()
	cmd := memoryGroup(h.t, limit)(h.command(args...))
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("securecrypt %s within %d MB: %v\n%s", strings.Join(args, " "), limit/1e6, err, out)
	}
	h.t.Logf("securecrypt %s within %d MB: %v", args[1], limit/1e6, time.Since(began))
}

// TestMemoryOfALargeVault covers line 1 of the failures that vaults are built
// against: memory must not grow with the vault, but for 24 bytes a chunk. Ten files
// are backed up into a vault of ten million chunks, which is then pruned.
func TestMemoryOfALargeVault(t *testing.T) {
	packs, backupLimit, pruneLimit := 100_000, int64(350e6), int64(500e6)
	if testing.Short() {
		packs, backupLimit, pruneLimit = 10_000, 130e6, 150e6
	}
	h := newVaultHome(t)
	source := filepath.Join(h.dir, "source")
	for i := range 10 {
		must(t, os.MkdirAll(source, 0o700))
		must(t, os.WriteFile(filepath.Join(source, fmt.Sprint(i)), bytes.Repeat([]byte{byte(i), 1, 2}, 50_000), 0o600))
	}
	h.fillIndex(packs, 100)
	h.limited(backupLimit, "vault", "backup", source)
	h.limited(pruneLimit, "vault", "prune", "--wait", "0")
	h.run("vault", "check", "--deep")
}
