// SPDX-License-Identifier: AGPL-3.0-or-later

package webbuild

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// icons lets a script import an SVG icon as a list of elements with their
// attributes: a page that never parses markup at run time needs no exception
// for it.
func icons(web string) api.Plugin {
	return api.Plugin{Name: "icons", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: `^icon:`}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
			name := strings.TrimPrefix(a.Path, "icon:") + ".svg"
			return api.OnResolveResult{Path: filepath.Join(web, "node_modules", "lucide-static", "icons", name), Namespace: "icon"}, nil
		})
		b.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: "icon"}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
			svg, err := os.ReadFile(a.Path)
			if err != nil {
				return api.OnLoadResult{}, err
			}
			nodes, err := elements(svg)
			if err != nil {
				return api.OnLoadResult{}, err
			}
			code := "export default " + quote(nodes)
			return api.OnLoadResult{Contents: &code, Loader: api.LoaderJS}, nil
		})
	}}
}

// elements returns what is inside an SVG: name and attributes of each.
func elements(svg []byte) ([][2]any, error) {
	var nodes [][2]any
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nodes, nil
		}
		if err != nil {
			return nil, err
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local == "svg" {
			continue
		}
		attributes := map[string]string{}
		for _, a := range start.Attr {
			attributes[a.Name.Local] = a.Value
		}
		nodes = append(nodes, [2]any{start.Name.Local, attributes})
	}
}

// wasmExec resolves the module "wasm_exec" to the glue that comes with the
// compiler in use: both must be of one version.
func wasmExec() api.Plugin {
	return api.Plugin{Name: "wasm_exec", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: `^wasm_exec$`}, func(api.OnResolveArgs) (api.OnResolveResult, error) {
			root, err := exec.Command("go", "env", "GOROOT").Output()
			if err != nil {
				return api.OnResolveResult{}, err
			}
			return api.OnResolveResult{Path: filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js")}, nil
		})
	}}
}

// What stands between the classes of the package marked and its exports: an
// instance and functions that use all of them.
var (
	instance = regexp.MustCompile(`(?s)var \w+=new \w+;function \w+\(\w+,\w+\)\{return \w+\.parse\(\w+,\w+\)\}.*?(export\{[^}]*\};)`)
	lexer    = regexp.MustCompile(`\w+ as Lexer\b`)
)

// readsMarkdown leaves of the package marked its lexer. Nothing here makes
// markup, and the bundler cannot see that the rest is not needed.
func readsMarkdown() api.Plugin {
	return api.Plugin{Name: "marked", Setup: func(b api.PluginBuild) {
		b.OnLoad(api.OnLoadOptions{Filter: `[/\\]marked\.esm\.js$`}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
			whole, err := os.ReadFile(a.Path)
			if err != nil {
				return api.OnLoadResult{}, err
			}
			at := instance.FindSubmatchIndex(whole)
			if at == nil {
				return api.OnLoadResult{}, errors.New("webbuild: this version of marked is built in another way: see readsMarkdown")
			}
			exported := lexer.Find(whole[at[2]:at[3]])
			if exported == nil {
				return api.OnLoadResult{}, errors.New("webbuild: this version of marked has no lexer: see readsMarkdown")
			}
			code := string(whole[:at[0]]) + "export{" + string(exported) + "};"
			return api.OnLoadResult{Contents: &code, Loader: api.LoaderJS}, nil
		})
	}}
}
