// SPDX-License-Identifier: AGPL-3.0-or-later

package vaulttest_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/securecrypt/securecrypt/vault/chunk"
	"github.com/securecrypt/securecrypt/vault/internal/vaulttest"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
)

// watched is a storage whose owner notes the sizes of packs, run by run.
type watched struct {
	*storagetest.Memory
	mu   sync.Mutex
	runs [][]int64 // guarded by mu; the sizes of the packs of each run
}

func (s *watched) Create(ctx context.Context, name string, data []byte) error {
	s.mu.Lock()
	if strings.HasPrefix(name, "packs/") {
		last := len(s.runs) - 1
		s.runs[last] = append(s.runs[last], int64(len(data)))
	}
	s.mu.Unlock()
	return s.Memory.Create(ctx, name, data)
}

func (s *watched) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs = append(s.runs, nil)
}

// volume returns the bytes of the packs of a run.
func (s *watched) volume(run int) (sum int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, size := range s.runs[run] {
		sum += size
	}
	return sum
}

// auc is how likely a score is greater for one that is held than for one that is
// not: 1 tells them apart, 0.5 tells nothing.
func auc(held, others []float64) float64 {
	sum := 0.0
	for _, a := range held {
		for _, b := range others {
			switch {
			case a > b:
				sum++
			case a == b:
				sum += 0.5
			}
		}
	}
	return sum / float64(len(held)*len(others))
}

// knownFile is a file that the attacker knows, with what it looks like when each
// chunk is an object of its own.
type knownFile struct {
	seed   uint64
	size   int
	held   bool
	run    int
	chunks []int64 // sizes of the objects
	stored int64
}

func (f *knownFile) content() []byte { return vaulttest.Random(f.seed, f.size) }

const (
	knownFiles   = 1000
	lengthRuns   = 20
	noisePerRun  = 4
	smallestFile = 64 << 10
	largestFile  = 512 << 10
)

// knownWorld draws the files: of each two of about the same size, one is held.
func knownWorld(t *testing.T, ring *keys.Keyring) []*knownFile {
	random := rand.New(rand.NewPCG(4, 2))
	sizes := make([]int, knownFiles)
	for i := range sizes {
		sizes[i] = int(float64(smallestFile) * math.Pow(float64(largestFile)/smallestFile, random.Float64()))
	}
	slices.Sort(sizes)
	cutter, err := chunk.NewCutter(ring, keys.DomainFiles) // the attacker knows the key
	vaulttest.Must(t, err)
	z, err := pack.NewCompressor(pack.LevelDefault)
	vaulttest.Must(t, err)
	files := make([]*knownFile, knownFiles)
	for i, size := range sizes {
		f := &knownFile{seed: uint64(1000 + i), size: size, run: i / 2 % lengthRuns}
		if i%2 == 0 {
			f.held = random.IntN(2) == 0
		} else {
			f.held = !files[i-1].held
		}
		f.chunks = objectSizes(t, cutter, z, f.content())
		for _, n := range f.chunks {
			f.stored += n
		}
		files[i] = f
	}
	return files
}

// objectSizes returns the sizes of objects when each chunk is sealed by itself,
// without padding.
func objectSizes(t *testing.T, cutter *chunk.Cutter, z *pack.Compressor, content []byte) (out []int64) {
	vaulttest.Must(t, cutter.Cut(bytes.NewReader(content), func(b []byte) error {
		frame := z.Compress(pack.FrameInfo{Kind: keys.KindData, Domain: keys.DomainFiles, Chunks: []pack.Chunk{{Length: uint32(len(b))}}}, b)
		out = append(out, int64(len(frame.Data))+16)
		return nil
	}))
	return out
}

// share returns which part of a file's objects is among those that were seen.
func share(f *knownFile, seen map[int64]bool) float64 {
	found := 0
	for _, n := range f.chunks {
		if seen[n] {
			found++
		}
	}
	return float64(found) / float64(len(f.chunks))
}

// TestChunkLengthAttack has an attacker who sees the names, sizes, order and times
// of all objects, knows the chunker's key and 1,000 files, and wants to know which
// 500 of them were backed up. Where each chunk is an object, he names more than 95
// percent; in a vault he learns no more than the volume of a run tells.
func TestChunkLengthAttack(t *testing.T) {
	w := newWorld(t)
	s := &watched{Memory: w.store}
	v := w.person.Open(t, s)
	files := knownWorld(t, v.Keys())
	cutter, err := chunk.NewCutter(v.Keys(), keys.DomainFiles)
	vaulttest.Must(t, err)
	z, err := pack.NewCompressor(pack.LevelDefault)
	vaulttest.Must(t, err)
	unpadded := map[int64]bool{}
	note := func(name string, content []byte) {
		w.write(name, content)
		for _, n := range objectSizes(t, cutter, z, content) {
			unpadded[n] = true
		}
	}
	for run := range lengthRuns {
		for i := range noisePerRun {
			seed := uint64(20000 + run*noisePerRun + i)
			note(fmt.Sprintf("run %d/noise %d", run, i), vaulttest.Random(seed, smallestFile+int(seed*7919)%largestFile))
		}
		for i, f := range files {
			if f.held && f.run == run {
				note(fmt.Sprintf("run %d/file %d", run, i), f.content())
			}
		}
		s.begin()
		vaulttest.Backup(t, v, w.dir)
	}
	attackUnpadded(t, files, unpadded)
	attackPacks(t, files, s)
}

func attackUnpadded(t *testing.T, files []*knownFile, unpadded map[int64]bool) {
	named, wrong := 0, 0
	for _, f := range files {
		if share(f, unpadded) < 1 {
			continue
		}
		if f.held {
			named++
		} else {
			wrong++
		}
	}
	t.Logf("one object a chunk: %d of %d held files are named, %d of the others wrongly", named, knownFiles/2, wrong)
	if named*100 <= knownFiles/2*95 || wrong*100 > knownFiles/2*5 {
		t.Errorf("the attack names %d of %d files, %d wrongly: the test is no test", named, knownFiles/2, wrong)
	}
}

// attackPacks attacks a vault by the lengths of objects, and by the volume of runs.
func attackPacks(t *testing.T, files []*knownFile, s *watched) {
	sizes, classes := map[int64]bool{}, map[int64]bool{}
	for _, run := range s.runs {
		for _, size := range run {
			sizes[size] = true
		}
	}
	for _, c := range pack.Classes {
		classes[c.Size()] = true
	}
	for size := range sizes {
		if !classes[size] {
			t.Errorf("a pack has %d bytes, which is no class", size)
		}
	}
	scores := map[string]func(*knownFile) float64{
		"lengths": func(f *knownFile) float64 { return share(f, sizes) },
		"volume": func(f *knownFile) float64 { // of the run that it would be in
			return float64(s.volume(f.run)) / float64(f.stored)
		},
		"remainder": func(f *knownFile) float64 { // how well it fills its run's last pack
			packs := s.runs[f.run]
			return -math.Mod(float64(f.stored), float64(packs[len(packs)-1]))
		},
	}
	for name, score := range scores {
		var held, others []float64
		for _, f := range files {
			if f.held {
				held = append(held, score(f))
			} else {
				others = append(others, score(f))
			}
		}
		got := auc(held, others)
		t.Logf("packs, by %s: AUC %.3f", name, got)
		if math.Abs(got-0.5) > 0.08 { // three standard deviations of guessing are 0.055
			t.Errorf("by %s, the attacker tells held files from others with AUC %.3f", name, got)
		}
	}
	// Anonymity sets: what the volume of a run does not exclude from it.
	for run := range s.runs {
		set := 0
		for _, f := range files {
			if f.stored <= s.volume(run) {
				set++
			}
		}
		if set < knownFiles {
			t.Errorf("run %d could hold %d of %d files", run, set, knownFiles)
		}
	}
}

const candidates = 200

// inject has a device back up one candidate after the other, each in a run of its
// own, and returns the volumes of the runs with held and with other candidates.
func inject(t *testing.T, s *watched, backup func(dir string), content func(int) []byte) (held, others []float64) {
	dir := t.TempDir()
	for i := range candidates {
		vaulttest.Must(t, os.RemoveAll(filepath.Join(dir, "inbox")))
		vaulttest.Write(t, filepath.Join(dir, "inbox", fmt.Sprint(i)), content(i))
		s.begin()
		backup(dir)
		volume := float64(s.volume(len(s.runs) - 1))
		if i%2 == 0 {
			held = append(held, volume)
		} else {
			others = append(others, volume)
		}
	}
	return held, others
}

// TestInjection has somebody send 200 files, of which the vault holds every second,
// and watch how much the next run uploads. Where a stranger's files are in the same
// domain as the others, that tells which are held; in the domain of their own that
// a write-only device has, it does not.
func TestInjection(t *testing.T) {
	w := newWorld(t)
	content := func(i int) []byte { return vaulttest.Random(uint64(40000+i), 300<<10) }
	for i := 0; i < candidates; i += 2 {
		w.write(fmt.Sprintf("mine/%d", i), content(i))
	}
	w.backup()
	s := &watched{Memory: w.store.Clone()}
	full := w.person.Open(t, s)
	held, others := inject(t, s, func(dir string) { vaulttest.Backup(t, full, dir) }, content)
	if got := auc(others, held); got < 0.95 {
		t.Errorf("in one domain, the attack has AUC %.3f: the test is no test", got)
	}
	s = &watched{Memory: w.store}
	p, v := w.person.JoinWriter(t, storage.Storage(s), "inbox")
	held, others = inject(t, s, func(dir string) { vaulttest.Backup(t, v, dir) }, content)
	p.Keep(t, v)
	got := auc(others, held)
	t.Logf("in a domain of its own: AUC %.3f", got)
	if math.Abs(got-0.5) > 0.05 {
		t.Errorf("the volume of runs tells held files from others with AUC %.3f", got)
	}
}
