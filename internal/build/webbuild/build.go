// SPDX-License-Identifier: AGPL-3.0-or-later

package webbuild

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/securecrypt/securecrypt/internal/build/webbuild/apigen"
)

// Options say where things are.
type Options struct {
	// Root is the folder of the module.
	Root string
	// Out is the folder that gets the bundle. What it held is removed.
	Out string
	// Cache keeps what was compressed, by content.
	Cache string
	// Core builds the client core for the browser; nil bundles without it.
	Core func() ([]byte, error)
}

// files are what will be served: paths without a leading slash, and contents.
type files map[string][]byte

// Build makes the bundle and returns the sizes of its parts. If the bundle is
// over budget it is written all the same, and the error says what is too big.
func Build(o Options) (Sizes, error) {
	if err := Types(o.Root); err != nil {
		return Sizes{}, err
	}
	out := files{}
	page, err := o.bundle(out)
	if err != nil {
		return Sizes{}, err
	}
	if err := page.write(o, out); err != nil {
		return Sizes{}, err
	}
	if err := o.serviceWorker(out); err != nil {
		return Sizes{}, err
	}
	sizes, err := o.save(out, page.Locales)
	if err != nil {
		return Sizes{}, err
	}
	return sizes, sizes.check()
}

// Types writes the TypeScript side of the core's calls and events, which is not
// in the repository.
func Types(root string) error {
	var b bytes.Buffer
	if err := apigen.Write(&b); err != nil {
		return err
	}
	path := filepath.Join(root, "web", "src", "core", "api.gen.ts")
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, b.Bytes()) {
		return nil
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

// save replaces what Out held, except for files whose names begin with a dot,
// which keep the folder in the repository.
func (o Options) save(out files, locales []string) (Sizes, error) {
	old, err := os.ReadDir(o.Out)
	if err != nil && !os.IsNotExist(err) {
		return Sizes{}, err
	}
	for _, e := range old {
		if !strings.HasPrefix(e.Name(), ".") {
			if err := os.RemoveAll(filepath.Join(o.Out, e.Name())); err != nil {
				return Sizes{}, err
			}
		}
	}
	packed, err := compressAll(o.Cache, out)
	if err != nil {
		return Sizes{}, err
	}
	maps.Copy(out, packed)
	for name, content := range out {
		path := filepath.Join(o.Out, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return Sizes{}, err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return Sizes{}, err
		}
	}
	return measure(out, locales), nil
}

// sumLetters is how much of a file's hash the service worker holds, in letters
// of base64: 132 bits.
const sumLetters = 22

// serviceWorker comes last: it holds the paths of all others with their hashes,
// and its version is a hash of those.
func (o Options) serviceWorker(out files) error {
	version, sums := sha256.New(), make(map[string]string, len(out))
	for _, name := range slices.Sorted(maps.Keys(out)) {
		sum := sha256.Sum256(out[name])
		version.Write(fmt.Appendf(nil, "%s %x\n", name, sum))
		sums[address(name)] = base64.StdEncoding.EncodeToString(sum[:])[:sumLetters]
	}
	return o.script(out, "sw.js", "src/sw/sw.ts", map[string]string{
		"__FILES__": quote(sums),
		"__BUILD__": quote(hex.EncodeToString(version.Sum(nil)[:8])),
	})
}

// address is the path at which a file is served.
func address(name string) string {
	if name == "index.html" {
		return "/"
	}
	return "/" + name
}

// hashed returns a name that changes with the content.
func hashed(name string, content []byte) string {
	sum := sha256.Sum256(content)
	ext := filepath.Ext(name)
	return fmt.Sprintf("assets/%s-%s%s", strings.TrimSuffix(name, ext), strings.ToUpper(hex.EncodeToString(sum[:5])), ext)
}
