// SPDX-License-Identifier: AGPL-3.0-or-later

package webbuild

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// Entries of the page, relative to web/.
const (
	script = "src/main.ts"
	line   = "src/core/line.ts"
	style  = "src/style/index.css"
	worker = "src/worker/worker.ts"
	// Scripts in this folder that stay chunks of their own are catalogues that
	// are loaded when somebody wants them.
	locales = "src/locale/"
)

// common are the options that all bundles share.
func (o Options) common() api.BuildOptions {
	web := filepath.Join(o.Root, "web")
	return api.BuildOptions{
		AbsWorkingDir:     web,
		Outdir:            filepath.Join(web, "out"), // nothing is written: Write is off
		Bundle:            true,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		Target:            api.ES2022,
		Charset:           api.CharsetUTF8,
		LegalComments:     api.LegalCommentsNone,
		Tsconfig:          filepath.Join(web, "tsconfig.json"),
		Plugins:           []api.Plugin{icons(web), readsMarkdown(), wasmExec()},
		Define:            map[string]string{},
		LogLevel:          api.LogLevelSilent,
	}
}

// bundle adds the scripts, styles and the core to out.
func (o Options) bundle(out files) (page, error) {
	define := map[string]string{"__WASM__": quote(""), "__WORKER__": quote("")}
	if o.Core != nil {
		core, err := o.Core()
		if err != nil {
			return page{}, err
		}
		name := hashed("securecrypt.wasm", core)
		out[name] = core
		define["__WASM__"] = quote("/" + name)
	}
	if _, err := os.Stat(filepath.Join(o.Root, "web", worker)); err == nil {
		name, err := o.hashedScript(out, worker, define)
		if err != nil {
			return page{}, err
		}
		define["__WORKER__"] = quote("/" + name)
	}
	first, err := o.hashedScript(out, line, define)
	if err != nil {
		return page{}, err
	}
	opts := o.common()
	opts.EntryPoints = []string{script, style}
	opts.EntryNames, opts.ChunkNames = "assets/[name]-[hash]", "assets/[name]-[hash]"
	opts.Format, opts.Splitting, opts.Metafile = api.FormatESModule, true, true
	opts.Define = define
	result := api.Build(opts)
	if err := failed(result); err != nil {
		return page{}, err
	}
	add(out, opts.Outdir, result)
	p, err := readMeta(result.Metafile)
	p.Line = first
	return p, err
}

// script bundles one classic script under a fixed name.
func (o Options) script(out files, name, entry string, define map[string]string) error {
	content, err := o.single(entry, define)
	out[name] = content
	return err
}

// hashedScript bundles one classic script under a hashed name.
func (o Options) hashedScript(out files, entry string, define map[string]string) (string, error) {
	content, err := o.single(entry, define)
	if err != nil {
		return "", err
	}
	name := hashed(strings.TrimSuffix(filepath.Base(entry), ".ts")+".js", content)
	out[name] = content
	return name, nil
}

// single bundles an entry into one classic script.
func (o Options) single(entry string, define map[string]string) ([]byte, error) {
	opts := o.common()
	opts.EntryPoints, opts.Format, opts.Define = []string{entry}, api.FormatIIFE, define
	if entry == line {
		opts.GlobalName = "securecryptLine" // for the scripts that come after it
	}
	result := api.Build(opts)
	if err := failed(result); err != nil {
		return nil, err
	}
	return result.OutputFiles[0].Contents, nil
}

// Tests bundles the tests of web/test for Node and returns them by name.
func Tests(root string) (map[string][]byte, error) {
	o := Options{Root: root}
	opts := o.common()
	entries, err := filepath.Glob(filepath.Join(root, "web", "test", "*.test.ts"))
	if err != nil {
		return nil, err
	}
	opts.EntryPoints, opts.Outbase = entries, filepath.Join(root, "web", "test")
	opts.Platform, opts.Format = api.PlatformNode, api.FormatESModule
	opts.OutExtension = map[string]string{".js": ".mjs"}
	opts.Define = map[string]string{"__WASM__": quote(""), "__WORKER__": quote("")}
	result := api.Build(opts)
	if err := failed(result); err != nil {
		return nil, err
	}
	out := files{}
	add(out, opts.Outdir, result)
	return out, nil
}

func add(out files, dir string, result api.BuildResult) {
	for _, f := range result.OutputFiles {
		name, _ := filepath.Rel(dir, f.Path)
		out[filepath.ToSlash(name)] = f.Contents
	}
}

func failed(result api.BuildResult) error {
	var errs []error
	for _, m := range append(result.Errors, result.Warnings...) {
		where := ""
		if m.Location != nil {
			where = fmt.Sprintf("web/%s:%d: ", m.Location.File, m.Location.Line)
		}
		errs = append(errs, fmt.Errorf("%s%s", where, m.Text))
	}
	return errors.Join(errs...)
}

// quote writes a value as JavaScript.
func quote(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings always work
	}
	return string(b)
}
