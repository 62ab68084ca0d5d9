// SPDX-License-Identifier: AGPL-3.0-or-later

package webapp

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

//go:embed all:dist
var embedded embed.FS

// types are those of the bundle, whatever the machine's own table says.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".wasm": "application/wasm", ".webmanifest": "application/manifest+json",
}

// file is one file of the bundle in its forms.
type file struct {
	name  string
	plain []byte
	br    []byte
	gz    []byte
	tag   string
}

// Handler serves the application for GET and HEAD. It answers 404 for what is
// neither a file nor a place of it, and says so if the program was built
// without the bundle.
func Handler(o Options) http.Handler {
	dist, err := fs.Sub(embedded, "dist")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return serve(o, dist)
}

// Built says whether this program holds the application.
func Built() bool {
	_, err := embedded.Open("dist/index.html")
	return err == nil
}

func serve(o Options, dist fs.FS) http.Handler {
	all := load(dist)
	if page, ok := all["index.html"]; ok {
		all["index.html"] = page.of(o.Server)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file := name(r.URL.Path)
		o.setHeaders(w.Header(), file)
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "this address is for reading", http.StatusMethodNotAllowed)
			return
		}
		f, ok := all[file]
		switch {
		case ok:
			f.write(w, r)
		case file == "index.html":
			http.Error(w, "This program was built without the browser's application. Run `make web` and build it again.", http.StatusNotFound)
		default:
			http.Error(w, "not found", http.StatusNotFound)
		}
	})
}

// name is the file that a path stands for.
func name(p string) string {
	p = path.Clean("/" + p)
	if p == "/" || p == "/share" { // where the browser leads what other programs share
		return "index.html"
	}
	return strings.TrimPrefix(p, "/")
}

// load reads the bundle once: what is not in this table is not served.
func load(dist fs.FS) map[string]file {
	all := map[string]file{}
	read := func(name string) []byte { b, _ := fs.ReadFile(dist, name); return b }
	err := fs.WalkDir(dist, ".", func(name string, d fs.DirEntry, err error) error {
		ext := path.Ext(name)
		if err != nil || d.IsDir() || types[ext] == "" {
			return err
		}
		all[name] = newFile(name, read(name), read(name+".br"), read(name+".gz"))
		return nil
	})
	if err != nil {
		panic(err) // the bundle is part of the program
	}
	return all
}

// of returns the page with the name of its server in it. Its compressed forms
// would lack the name, and it is too small to need them.
func (f file) of(server string) file {
	if server == "" {
		return f
	}
	const blank = `<meta name="securecrypt-server" content="">`
	plain := bytes.Replace(f.plain, []byte(blank), []byte(strings.Replace(blank, `""`, `"`+html.EscapeString(server)+`"`, 1)), 1)
	return newFile(f.name, plain, nil, nil)
}

func newFile(name string, plain, br, gz []byte) file {
	sum := sha256.Sum256(plain)
	return file{name, plain, br, gz, base64.RawURLEncoding.EncodeToString(sum[:12])}
}

func (f file) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", types[path.Ext(f.name)])
	h.Set("Cache-Control", "no-cache")
	if strings.HasPrefix(f.name, "assets/") {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	content, coding := f.choose(r.Header.Get("Accept-Encoding"))
	h.Set("ETag", `"`+f.tag+coding+`"`)
	if f.br != nil || f.gz != nil {
		h.Set("Vary", "Accept-Encoding")
	}
	if coding != "" {
		h.Set("Content-Encoding", coding)
	}
	http.ServeContent(sized{w, len(content)}, r, "", time.Time{}, bytes.NewReader(content))
}

// sized announces the length of a whole answer, which [http.ServeContent] does
// not for what is compressed.
type sized struct {
	http.ResponseWriter
	length int
}

// WriteHeader implements [http.ResponseWriter].
func (s sized) WriteHeader(status int) {
	if status == http.StatusOK {
		s.Header().Set("Content-Length", strconv.Itoa(s.length))
	}
	s.ResponseWriter.WriteHeader(status)
}

// choose returns the smallest form that the other side takes.
func (f file) choose(accept string) ([]byte, string) {
	switch {
	case f.br != nil && accepts(accept, "br"):
		return f.br, "br"
	case f.gz != nil && accepts(accept, "gzip"):
		return f.gz, "gzip"
	}
	return f.plain, ""
}

// accepts reads the field of RFC 9110, Section 12.5.3: what is said of a coding
// goes before what is said of all.
func accepts(field, coding string) bool {
	all := false
	for item := range strings.SplitSeq(field, ",") {
		name, params, err := mime.ParseMediaType("x/" + strings.TrimSpace(item))
		if err != nil {
			continue
		}
		q, err := strconv.ParseFloat(params["q"], 64)
		wanted := err != nil || q > 0
		switch name {
		case "x/" + coding:
			return wanted
		case "x/*":
			all = wanted
		}
	}
	return all
}
