// SPDX-License-Identifier: AGPL-3.0-or-later

package vaulttest_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/internal/testing/cddlcheck"
	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/internal/vaulttest"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/folder"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
)

// goldenVaults are the golden vaults: the first has one epoch, the second several
// devices and epochs.
var goldenVaults = []string{"1", "2"}

func goldenDir(number string) string { return filepath.Join("..", "..", "testdata", "golden", number) }

// goldenKey returns the recovery key of a golden vault.
func goldenKey(t *testing.T, number string) account.RecoverySecret {
	b, err := os.ReadFile(filepath.Join(goldenDir(number), "recovery-key.txt"))
	vaulttest.Must(t, err)
	secret, err := account.ParseRecoverySecret(string(b))
	vaulttest.Must(t, err)
	return secret
}

// goldenVault opens a golden vault with its recovery key, from a copy in memory.
func goldenVault(t *testing.T, number string) (*vault.Vault, *storagetest.Memory) {
	m := storagetest.NewMemory()
	root := filepath.Join(goldenDir(number), "vault")
	vaulttest.Must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return m.Create(t.Context(), filepath.ToSlash(name), b)
	}))
	v, err := vault.OpenRecovery(t.Context(), vault.Params{Storage: m, Now: vaulttest.Now}, goldenKey(t, number))
	vaulttest.Must(t, err)
	return v, m
}

// TestGoldenVault holds vaults that were made when the format was settled against
// what was in them.
func TestGoldenVault(t *testing.T) {
	for _, number := range goldenVaults {
		t.Run(number, func(t *testing.T) { testGoldenVault(t, number) })
	}
}

func testGoldenVault(t *testing.T, number string) {
	v, _ := goldenVault(t, number)
	b, err := os.ReadFile(filepath.Join(goldenDir(number), "snapshots.txt"))
	vaulttest.Must(t, err)
	var got []string
	for _, seq := range vaulttest.Live(v) {
		got = append(got, fmt.Sprintf("snapshot %d", seq))
		got = append(got, vaulttest.MustDigest(t, v, seq)...)
	}
	vaulttest.SameTrees(t, strings.Split(strings.TrimSuffix(string(b), "\n"), "\n"), got)
	r, err := v.Check(t.Context(), vault.CheckOptions{Deep: true})
	if err != nil || len(r.Problems) > 0 {
		t.Errorf("check: %v, %+v", err, r.Problems)
	}
}

// TestGoldenVaultIsRepaired damages a segment of each pack of the golden vaults.
func TestGoldenVaultIsRepaired(t *testing.T) {
	for _, number := range goldenVaults {
		t.Run(number, func(t *testing.T) { testGoldenRepair(t, number) })
	}
}

func testGoldenRepair(t *testing.T, number string) {
	_, m := goldenVault(t, number)
	whole := m.Clone()
	random := rand.New(rand.NewPCG(1, 1))
	for _, name := range m.Names("packs/") {
		m.Edit(name, func(b []byte) []byte {
			flip(b, random.IntN(len(b)>>16), random)
			return b
		})
	}
	v, err := vault.OpenRecovery(t.Context(), vault.Params{Storage: m, Now: vaulttest.Now}, goldenKey(t, number))
	vaulttest.Must(t, err)
	r, err := v.Check(t.Context(), vault.CheckOptions{Repair: true})
	if err != nil || r.Bad() || len(r.Problems) == 0 {
		t.Fatalf("check: %v, %+v", err, r.Problems)
	}
	for _, name := range m.Names("packs/") {
		a, err := storage.ReadAll(t.Context(), m, name, storage.MaxObject)
		vaulttest.Must(t, err)
		b, err := storage.ReadAll(t.Context(), whole, name, storage.MaxObject)
		vaulttest.Must(t, err)
		if !slices.Equal(a, b) {
			t.Errorf("%s was repaired into something else", name)
		}
	}
}

// TestGoldenVaultHasEveryKindOfEntry keeps the golden vaults worth their name.
func TestGoldenVaultHasEveryKindOfEntry(t *testing.T) {
	v, m := goldenVault(t, "1")
	seen := kindsOf(t, v, m)
	for kind := oplog.KindDevice; kind <= oplog.KindRepack; kind++ {
		if !seen[kind] {
			t.Errorf("no entry of kind %d", kind)
		}
	}
	v, m = goldenVault(t, "2")
	seen = kindsOf(t, v, m)
	if !seen[oplog.KindEpoch] || !seen[oplog.KindRun] || v.State().Lost == 0 || v.Keys().Epoch() != 4 || len(epochs(t, m)) < 4 {
		t.Errorf("kinds %v, epoch %d, %v packs by epoch", seen, v.Keys().Epoch(), epochs(t, m))
	}
	kinds := map[string]bool{}
	for _, d := range v.State().Devices {
		kinds[fmt.Sprintf("write-only: %v, revoked: %v", d.WriteOnly(), d.Revoked != 0)] = true
	}
	if len(kinds) != 3 {
		t.Errorf("the devices are %v", kinds)
	}
}

func kindsOf(t *testing.T, v *vault.Vault, m storage.Storage) map[oplog.Kind]bool {
	t.Helper()
	seen := map[oplog.Kind]bool{}
	for seq := range v.State().Next {
		b, err := storage.ReadAll(t.Context(), m, oplog.ObjectName(seq), oplog.LargeObject)
		vaulttest.Must(t, err)
		o, err := oplog.Open(v.Keys(), seq, b)
		vaulttest.Must(t, err)
		seen[o.Entry.Kind] = true
	}
	return seen
}

// schema writes the CDDL of the format's document to a file.
func schema(t *testing.T) string {
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "formats", "vault.md"))
	vaulttest.Must(t, err)
	_, rest, ok := strings.Cut(string(b), "```cddl\n")
	cddl, _, ok2 := strings.Cut(rest, "```")
	if !ok || !ok2 {
		t.Fatal("the document has no schema")
	}
	path := filepath.Join(t.TempDir(), "vault.cddl")
	vaulttest.Must(t, os.WriteFile(path, []byte(cddl), 0o600))
	return path
}

// TestSamplesFollowTheSchema holds the entries and pages of the golden vaults
// against the document's CDDL.
func TestSamplesFollowTheSchema(t *testing.T) {
	var samples []cddlcheck.Sample
	for _, number := range goldenVaults {
		v, m := goldenVault(t, number)
		samples = append(samples, vaulttest.Samples(t, v, m)...)
	}
	w := newWorld(t) // with an entry of kind 8, which devices of new vaults do not write
	vaulttest.Must(t, os.WriteFile(filepath.Join(w.dir, "file"), []byte("x"), 0o600))
	last := vaulttest.Backup(t, w.addSilentDevice().Open(t, w.store), w.dir)
	samples = append(samples, vaulttest.Samples(t, w.person.Open(t, w.store), w.store)...)
	if last.Seq != 3 { // device, device, key
		t.Errorf("the snapshot is entry %d", last.Seq)
	}
	problems, err := cddlcheck.Check(t.Context(), schema(t), samples)
	if err != nil && strings.Contains(err.Error(), "not installed") {
		t.Skip(err)
	}
	vaulttest.Must(t, err)
	rules := map[string]int{}
	for i, p := range problems {
		rules[samples[i].Rule]++
		if p != "" {
			t.Errorf("%s %x: %s", samples[i].Rule, samples[i].Data[:min(80, len(samples[i].Data))], p)
		}
	}
	for _, rule := range []string{"config", "signed-entry", "entry", "page", "list"} {
		if rules[rule] == 0 {
			t.Errorf("there was no sample of %s", rule)
		}
	}
}

// pythonVar names a Python interpreter with the packages of
// vault/testdata/reader/requirements.txt.
const pythonVar = "VAULT_PYTHON"

// TestPythonReaderRestoresTheGoldenVault has a program that was written from the
// document alone restore the vaults.
func TestPythonReaderRestoresTheGoldenVault(t *testing.T) {
	for _, number := range goldenVaults {
		t.Run(number, func(t *testing.T) { testPythonReader(t, number) })
	}
}

func testPythonReader(t *testing.T, number string) {
	python := os.Getenv(pythonVar)
	if python == "" {
		python = filepath.Join("..", "..", "..", ".tools", "vault-reader", "bin", "python")
		if _, err := os.Stat(python); err != nil {
			t.Skipf("Python with the packages of vault/testdata/reader/requirements.txt is not installed: vault/testdata/reader/install does that")
		}
	}
	key, err := os.ReadFile(filepath.Join(goldenDir(number), "recovery-key.txt"))
	vaulttest.Must(t, err)
	target := t.TempDir()
	reader := filepath.Join("..", "..", "testdata", "reader", "read_vault.py")
	out, err := exec.CommandContext(t.Context(), python, reader, filepath.Join(goldenDir(number), "vault"), strings.TrimSpace(string(key)), "latest", target).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	store, err := folder.Open(filepath.Join(goldenDir(number), "vault"))
	vaulttest.Must(t, err)
	v, err := vault.OpenRecovery(t.Context(), vault.Params{Storage: store, Now: vaulttest.Now}, goldenKey(t, number))
	vaulttest.Must(t, err)
	live := vaulttest.Live(v)
	ours := t.TempDir()
	_, err = vaulttest.RestoreTo(v, live[len(live)-1], "", ours, func(path string, err error) { t.Logf("%s: %v", path, err) })
	vaulttest.Must(t, err)
	want, got := vaulttest.Listing(t, filepath.Join(ours, "tmp", "golden")), vaulttest.Listing(t, filepath.Join(target, "tmp", "golden"))
	vaulttest.SameTrees(t, withoutOwners(want), withoutOwners(got))
}

// withoutOwners leaves out what the Python reader does not restore: owners,
// extended attributes and devices. Directories get their times before their files
// there.
func withoutOwners(lines []string) (out []string) {
	for _, line := range lines {
		if strings.Contains(line, " chardev ") {
			continue
		}
		name, rest, _ := strings.Cut(line, "\" ")
		fields := strings.Fields(rest)
		fields = slices.DeleteFunc(fields, func(f string) bool { return strings.Contains(f, ":") || strings.HasPrefix(f, "user.") })
		out = append(out, name+" "+strings.Join(fields, " "))
	}
	return out
}
