// SPDX-License-Identifier: AGPL-3.0-or-later

package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
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
	namers := chunk.NewNamers(v.Keys())
	z, err := pack.NewCompressor(pack.LevelFastest)
	must(t, err)
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
	if testing.Short() {
		t.Skip("the race detector, which short runs use, takes several times the memory")
	}
	h := newVaultHome(t)
	source := filepath.Join(h.dir, "source")
	for i := range 10 {
		must(t, os.MkdirAll(source, 0o700))
		must(t, os.WriteFile(filepath.Join(source, fmt.Sprint(i)), bytes.Repeat([]byte{byte(i), 1, 2}, 50_000), 0o600))
	}
	h.fillIndex(100_000, 100)
	h.limited(350e6, "vault", "backup", source)
	h.limited(500e6, "vault", "prune", "--wait", "0")
	h.run("vault", "check", "--deep")
}

// files returns the files below a folder with their content.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, relErr := filepath.Rel(dir, path)
		out[name] = string(b)
		return errors.Join(err, relErr)
	}))
	return out
}

// restored returns the files of a snapshot, restored into a new folder.
func (h *vaultHome) restored(snapshot, source string) map[string]string {
	h.t.Helper()
	to := filepath.Join(h.t.TempDir(), "to")
	h.run("vault", "restore", snapshot, source, "--to", to)
	return files(h.t, to)
}

func randomBytes(seed uint64, size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)}).Read(b) // it never fails
	return b
}

// TestSuspendedProcessMeetsPrune covers lines 2 and 3: a process that backs up is
// stopped by SIGSTOP when some of its packs are there, another device deletes
// everything that no snapshot needs, with no waiting time, and SIGCONT has the
// process go on. Its snapshot restores in full. Then a process is stopped for good:
// nobody waits for it.
func TestSuspendedProcessMeetsPrune(t *testing.T) {
	h := newVaultHome(t)
	source := filepath.Join(h.dir, "source")
	must(t, os.MkdirAll(source, 0o700))
	fill := func(run int) {
		for i := range 3 { // a pack and a part of one
			must(t, os.WriteFile(filepath.Join(source, fmt.Sprint(i)), randomBytes(uint64(10*run+i), 7<<20), 0o600))
		}
	}
	other := *h
	other.home = filepath.Join(h.dir, "other")
	t.Setenv("SECURECRYPT_RECOVERY_KEY", h.recovery)
	other.run("vault", "join", h.path, "--no-passphrase")
	packs := func() int {
		names, err := filepath.Glob(filepath.Join(h.path, "packs", "*"))
		must(t, err)
		return len(names)
	}
	stopAt := func(count int) *exec.Cmd {
		cmd := h.command("vault", "--limit-upload", "8M", "backup", source)
		wanted := packs() + count
		must(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended by then, unless the test failed
		for deadline := time.Now().Add(time.Minute); packs() < wanted; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d packs are there after a minute, want %d", packs(), wanted)
			}
		}
		must(t, cmd.Process.Signal(syscall.SIGSTOP))
		return cmd
	}
	for run := range 2 {
		fill(run)
		cmd := stopAt(1)
		before := packs()
		other.run("vault", "prune", "--wait", "0")
		if packs() >= before {
			t.Errorf("prune left %d of %d packs: the test is no test", packs(), before)
		}
		must(t, cmd.Process.Signal(syscall.SIGCONT))
		must(t, cmd.Wait())
		if got := other.restored("latest", source); !maps.Equal(got, files(t, source)) {
			t.Errorf("run %d: %d files are restored, or with other bytes", run, len(got))
		}
		other.run("vault", "check", "--deep")
		other.run("vault", "forget", "--keep-last", "1")
	}
	fill(2)
	cmd := stopAt(1)
	other.run("vault", "backup", source)
	other.run("vault", "forget", "--keep-last", "1")
	other.run("vault", "prune", "--wait", "0")
	other.run("vault", "check", "--deep")
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
}

// TestRandomKillsOfVaultCommands kills commands that change a vault, a hundred times
// at random moments: every snapshot that was acknowledged restores to the last byte.
func TestRandomKillsOfVaultCommands(t *testing.T) {
	kills := 100
	if testing.Short() {
		kills = 12
	}
	h := newVaultHome(t)
	source, second := filepath.Join(h.dir, "source"), filepath.Join(h.dir, "second")
	h.run("vault", "init", second, "--no-passphrase")
	t.Setenv("SECURECRYPT_VAULT", h.path)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	acknowledged := map[string]map[string]string{} // files by the snapshot's number
	change := func() {
		for range 1 + r.IntN(4) {
			name := filepath.Join(source, fmt.Sprint(r.IntN(3)), fmt.Sprint(r.IntN(10)))
			must(t, os.MkdirAll(filepath.Dir(name), 0o700))
			must(t, os.WriteFile(name, randomBytes(r.Uint64(), r.IntN(600<<10)), 0o600))
		}
	}
	change()
	h.run("vault", "backup", source)
	acknowledged[strconv.FormatUint(h.newest(), 10)] = files(t, source)
	commands := [][]string{
		{"vault", "backup", source}, {"vault", "backup", source}, {"vault", "prune", "--wait", "0"}, {"vault", "forget", "--keep-last", "3"},
		{"vault", "key", "rotate", "--everything", "--wait", "0"}, {"vault", "check", "--repair"}, {"vault", "copy", second},
	}
	killed := 0
	for i := 0; killed < kills; i++ {
		args := commands[r.IntN(len(commands))]
		if args[1] == "backup" {
			change()
		}
		var out bytes.Buffer
		cmd := h.command(append([]string{"--json"}, args...)...)
		cmd.Stdout = &out
		must(t, cmd.Start())
		timer := time.AfterFunc(time.Duration(r.IntN(700))*time.Millisecond, func() { _ = cmd.Process.Kill() }) // it may have ended
		if err := cmd.Wait(); err != nil {
			killed++
		}
		timer.Stop()
		for line := range strings.Lines(out.String()) {
			var event struct {
				Type     string
				Snapshot uint64
				Keep     bool
			}
			if json.Unmarshal([]byte(line), &event) != nil {
				continue // cut off
			}
			number := fmt.Sprint(event.Snapshot)
			switch {
			case args[1] == "backup" && event.Type == "backup":
				acknowledged[number] = files(t, source)
			case args[1] == "forget" && event.Type == "snapshot" && !event.Keep:
				delete(acknowledged, number) // it may be forgotten
			}
		}
		if i%10 == 9 || killed == kills {
			h.verify(acknowledged, source)
		}
	}
	if len(acknowledged) == 0 {
		t.Error("no snapshot is left: the test is no test")
	}
}

// newest returns the number of the newest snapshot.
func (h *vaultHome) newest() uint64 {
	h.t.Helper()
	var last struct{ Snapshot uint64 }
	for line := range bytes.Lines(h.run("--json", "vault", "snapshots")) {
		must(h.t, json.Unmarshal(line, &last))
	}
	return last.Snapshot
}

// verify restores snapshots, and checks the vault.
func (h *vaultHome) verify(want map[string]map[string]string, source string) {
	h.t.Helper()
	h.run("vault", "check", "--deep")
	for number, content := range want {
		if got := h.restored(number, source); !maps.Equal(got, content) {
			h.t.Fatalf("snapshot %s: %d files of %d are restored, or with other bytes", number, len(got), len(content))
		}
	}
}

// TestMemoryOfALargeFolder covers line 16: a folder of a million entries is backed up
// and checked within 250 MB by the kernel's count, and an entry that is added to it
// sends a few pages.
func TestMemoryOfALargeFolder(t *testing.T) {
	entries, limit := 1_000_000, int64(250e6)
	if testing.Short() {
		entries, limit = 50_000, 110e6
	}
	h := newVaultHome(t)
	source := filepath.Join(h.dir, "source")
	must(t, os.MkdirAll(source, 0o700))
	for i := range entries {
		must(t, os.WriteFile(filepath.Join(source, fmt.Sprintf("entry %d", i)), nil, 0o600))
	}
	h.limited(limit, "vault", "backup", source)
	must(t, os.WriteFile(filepath.Join(source, "one more"), []byte("x"), 0o600))
	var second struct {
		Stored uint64
		Files  uint64
	}
	for line := range bytes.Lines(h.run("--json", "vault", "backup", source)) {
		must(t, json.Unmarshal(line, &second))
	}
	if second.Stored > 512<<10 || second.Files != uint64(entries)+1 {
		t.Errorf("a file was added, and the run stores %d bytes of %d files", second.Stored, second.Files)
	}
	h.limited(limit, "vault", "check")
}
