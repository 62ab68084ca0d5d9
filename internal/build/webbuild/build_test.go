// SPDX-License-Identifier: AGPL-3.0-or-later

package webbuild

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/andybalholm/brotli"
)

// sources are the smallest interface that has all kinds of parts. The page and
// the service worker are the real ones.
func sources(t *testing.T) files {
	t.Helper()
	all := files{
		"web/src/main.ts":                    []byte(`export const load = () => import('./locale/xx'); console.log(__WASM__, securecryptLine.to, load);`),
		"web/src/locale/xx.ts":               []byte(`export const xx = { hello: 'saluton' };`),
		"web/src/worker/worker.ts":           []byte(`console.log('worker', __WASM__);`),
		"web/src/style/index.css":            []byte(`body { color: teal }`),
		"web/src/core/line.ts":               []byte(`export const to = __WORKER__;`),
		"web/src/core/core.ts":               []byte(`export {};`),
		"web/icon.svg":                       []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`),
		"web/manifest.webmanifest":           []byte(`{}`),
		"web/tsconfig.json":                  []byte(`{}`),
		"internal/product/webapp/dist/.keep": nil,
	}
	for _, name := range []string{"web/index.html", "web/src/sw/sw.ts"} {
		content, err := os.ReadFile(filepath.Join("../../..", name))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = content
	}
	return all
}

// build bundles the sources in a folder of their own and returns what Build wrote.
func build(t *testing.T, all files) (files, Sizes, error) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, all)
	out := filepath.Join(dir, "internal/product/webapp/dist")
	sizes, err := Build(Options{
		Root: dir, Out: out, Cache: filepath.Join(dir, "cache"),
		Core: func() ([]byte, error) { return []byte("\x00asm, as it were"), nil },
	})
	return read(t, out), sizes, err
}

func write(t *testing.T, dir string, all files) {
	t.Helper()
	for name, content := range all {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, dir string) files {
	t.Helper()
	out := files{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out[name], err = os.ReadFile(filepath.Join(dir, name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var plain struct {
	sync.Once
	out   files
	sizes Sizes
	err   error
}

// standard is the bundle of the sources as they are, made once for all tests.
func standard(t *testing.T) files {
	t.Helper()
	plain.Do(func() { plain.out, plain.sizes, plain.err = build(t, sources(t)) })
	if plain.err != nil {
		t.Fatal(plain.err)
	}
	return plain.out
}

// mustBuild is build for sources that are within the budget.
func mustBuild(t *testing.T, all files) files {
	t.Helper()
	out, _, err := build(t, all)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// named returns the one file whose name fits.
func named(t *testing.T, out files, pattern string) string {
	t.Helper()
	var found []string
	for name := range out {
		if regexp.MustCompile("^" + pattern + "$").MatchString(name) {
			found = append(found, name)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d files fit %s, want 1: %q", len(found), pattern, slices.Sorted(maps.Keys(out)))
	}
	return found[0]
}

// kept returns what a service worker keeps: paths and hashes.
func kept(t *testing.T, out files) map[string]string {
	t.Helper()
	var sums map[string]string
	if err := json.Unmarshal(regexp.MustCompile(`\{"/[^}]*\}`).Find(out["sw.js"]), &sums); err != nil {
		t.Fatalf("the service worker has no files with hashes: %v", err)
	}
	return sums
}

func TestBuildNamesFilesByContent(t *testing.T) {
	before := standard(t)
	page := string(before["index.html"])
	for _, pattern := range []string{`assets/main-\w{8}\.js`, `assets/index-\w{8}\.css`} {
		if name := named(t, before, pattern); !strings.Contains(page, `"/`+name+`"`) {
			t.Errorf("the page does not name %s", name)
		}
	}
	core, worker := named(t, before, `assets/securecrypt-\w{10}\.wasm`), named(t, before, `assets/worker-\w{10}\.js`)
	if !bytes.Contains(before[worker], []byte("/"+core)) {
		t.Errorf("the worker does not name %s", core)
	}
	if first := named(t, before, `assets/line-\w{10}\.js`); !bytes.Contains(before[first], []byte("/"+worker)) || !strings.Contains(page, `"/`+first+`"`) {
		t.Errorf("the page does not name %s, or that does not name %s", first, worker)
	}

	changed := sources(t)
	changed["web/src/worker/worker.ts"] = []byte(`console.log('other worker', __WASM__);`)
	after := mustBuild(t, changed)
	for pattern, same := range map[string]bool{
		`assets/securecrypt-\w{10}\.wasm`: true, `assets/index-\w{8}\.css`: true, `assets/xx-\w{8}\.js`: true,
		`assets/main-\w{8}\.js`: true, `assets/worker-\w{10}\.js`: false, `assets/line-\w{10}\.js`: false,
	} {
		if a, b := named(t, before, pattern), named(t, after, pattern); (a == b) != same {
			t.Errorf("a change of the worker: %s became %s", a, b)
		}
	}
	if bytes.Equal(before["sw.js"], after["sw.js"]) {
		t.Error("the service worker does not change with what it keeps")
	}
}

func TestServiceWorkerKeepsEverything(t *testing.T) {
	out := standard(t)
	want := map[string]string{}
	for name, content := range out {
		switch {
		case name == "sw.js", name == ".keep", strings.HasSuffix(name, ".br"), strings.HasSuffix(name, ".gz"):
		default:
			sum := sha256.Sum256(content)
			want[address(name)] = base64.StdEncoding.EncodeToString(sum[:])[:sumLetters]
		}
	}
	if _, there := want["/"]; !there {
		t.Error("the page has no address")
	}
	if sums := kept(t, out); !maps.Equal(sums, want) {
		t.Errorf("the service worker keeps\n%q, want\n%q", sums, want)
	}
}

func TestSameSourcesMakeTheSameBytes(t *testing.T) {
	all := sources(t)
	all["internal/product/webapp/dist/assets/old-ABC.js"] = []byte("of an older bundle") // what was there is replaced
	one, other := standard(t), mustBuild(t, all)
	if a, b := slices.Sorted(maps.Keys(one)), slices.Sorted(maps.Keys(other)); !slices.Equal(a, b) {
		t.Fatalf("the files differ:\n%q\n%q", a, b)
	}
	for name := range one {
		if !bytes.Equal(one[name], other[name]) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestCompressedFormsHoldTheSame(t *testing.T) {
	out := standard(t)
	for name, content := range out {
		if name == ".keep" || strings.HasSuffix(name, ".br") || strings.HasSuffix(name, ".gz") {
			continue
		}
		br, gz := out[name+".br"], out[name+".gz"]
		if strings.HasSuffix(name, ".png") {
			if br != nil || gz != nil {
				t.Errorf("%s is compressed twice", name)
			}
			continue
		}
		if plain, err := io.ReadAll(brotli.NewReader(bytes.NewReader(br))); err != nil || !bytes.Equal(plain, content) {
			t.Errorf("%s.br holds something else (%v)", name, err)
		}
		r, err := gzip.NewReader(bytes.NewReader(gz))
		if err != nil {
			t.Errorf("%s.gz: %v", name, err)
			continue
		}
		if plain, err := io.ReadAll(r); err != nil || !bytes.Equal(plain, content) {
			t.Errorf("%s.gz holds something else (%v)", name, err)
		}
	}
}

// noise is a module of n bytes that compression does not make smaller than half.
func noise(n int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%016x", random.Uint64())
	}
	return fmt.Appendf(nil, "export const noise = %q; console.log(noise);", b.String())
}

func TestBudget(t *testing.T) {
	if testing.Short() {
		t.Skip("the best compression takes seconds, and many with the race detector")
	}
	all := sources(t)
	all["web/src/main.ts"] = append(all["web/src/main.ts"], noise(2*BudgetUI)...)
	out, sizes, err := build(t, all)
	if !errors.Is(err, ErrTooBig) || sizes.UI <= BudgetUI {
		t.Errorf("an interface of %d bytes: %v, want ErrTooBig", sizes.UI, err)
	}
	if _, there := out["index.html"]; !there {
		t.Error("a bundle over budget is not written, and nobody can look at it")
	}
	if err := (Sizes{Core: BudgetCore + 1}).check(); !errors.Is(err, ErrTooBig) {
		t.Errorf("a core over budget: %v, want ErrTooBig", err)
	}
	if err := (Sizes{UI: BudgetUI, Core: BudgetCore}).check(); err != nil {
		t.Errorf("as much as is allowed: %v", err)
	}
}

func TestCataloguesStandApart(t *testing.T) {
	if testing.Short() {
		t.Skip("the best compression takes seconds, and many with the race detector")
	}
	standard(t)
	all := sources(t)
	all["web/src/locale/xx.ts"] = noise(2 * BudgetUI)
	out, big, err := build(t, all)
	if err != nil {
		t.Fatalf("a catalogue that is loaded on demand counts as interface: %v", err)
	}
	if want := len(out[named(t, out, `assets/xx-\w{8}\.js\.br`)]); big.Locale != want || plain.sizes.Locale == want {
		t.Errorf("catalogues of %d and %d bytes, want the second to have %d", plain.sizes.Locale, big.Locale, want)
	}
	if !strings.Contains(big.String(), fmt.Sprintf("catalogue %.1f kB", float64(big.Locale)/1e3)) {
		t.Errorf("the line for people does not tell it: %s", big)
	}

	all["web/src/main.ts"] = []byte(`import { noise } from './locale/xx'; console.log(noise);`)
	if _, _, err := build(t, all); !errors.Is(err, ErrTooBig) {
		t.Errorf("a catalogue that is loaded at once: %v, want ErrTooBig", err)
	}
}

func TestLaterPartsStandApart(t *testing.T) {
	if testing.Short() {
		t.Skip("the best compression takes seconds, and many with the race detector")
	}
	for _, part := range []struct {
		name   string
		budget int
		size   func(Sizes) int
		most   Sizes
	}{
		{"settings", BudgetSettings, func(s Sizes) int { return s.Settings }, Sizes{Settings: BudgetSettings}},
		{"devices", BudgetDevices, func(s Sizes) int { return s.Devices }, Sizes{Devices: BudgetDevices}},
	} {
		all := sources(t)
		all["web/src/main.ts"] = append(all["web/src/main.ts"], "export const later = () => import('./view/"+part.name+"');"...)
		all["web/src/view/"+part.name+".ts"] = noise(2 * part.budget)
		out, sizes, err := build(t, all)
		script := `assets/` + part.name + `-\w{8}\.js`
		if want := len(out[named(t, out, script+`\.br`)]); !errors.Is(err, ErrTooBig) || part.size(sizes) != want || sizes.UI > BudgetUI {
			t.Errorf("%s of %d bytes, an interface of %d: %v; want %d bytes and ErrTooBig", part.name, part.size(sizes), sizes.UI, err, want)
		}
		if !strings.Contains(sizes.String(), fmt.Sprintf("%s %.1f kB", part.name, float64(part.size(sizes))/1e3)) {
			t.Errorf("the line for people does not tell the %s: %s", part.name, sizes)
		}
		if _, there := kept(t, out)["/"+named(t, out, script)]; !there {
			t.Errorf("the service worker does not keep the %s, and they are not there without a connection", part.name)
		}
		if err := part.most.check(); err != nil {
			t.Errorf("as much as is allowed: %v", err)
		}
	}
}

func TestMistakesNameTheirPlace(t *testing.T) {
	all := sources(t)
	all["web/src/main.ts"] = []byte("const ok = 1;\nimport './nowhere';\n")
	if _, _, err := build(t, all); err == nil || !strings.Contains(err.Error(), "web/src/main.ts:2:") {
		t.Errorf("got %v", err)
	}
	delete(all, "web/src/style/index.css")
	if _, _, err := build(t, all); err == nil {
		t.Error("a bundle without a style is taken for whole")
	}
}
