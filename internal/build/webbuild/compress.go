// SPDX-License-Identifier: AGPL-3.0-or-later

package webbuild

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/andybalholm/brotli"
)

// packer is one way to compress, and the ending of its files.
type packer struct {
	ending string
	writer func(io.Writer) (io.WriteCloser, error)
}

// window is how far back brotli looks, in bits: the most that browsers take
// (RFC 7932, Section 9.1). With less, the core is now and then larger by 20 kB
// for a change of a line.
const window = 24

var packers = []packer{
	{".br", func(w io.Writer) (io.WriteCloser, error) {
		return brotli.NewWriterOptions(w, brotli.WriterOptions{Quality: brotli.BestCompression, LGWin: window}), nil
	}},
	{".gz", func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, gzip.BestCompression) }},
}

// compressAll returns the compressed forms of what gains by it, named like the
// original with the ending added.
func compressAll(cache string, in files) (files, error) {
	out := files{}
	for name, content := range in {
		if path.Ext(name) == ".png" {
			continue
		}
		for _, p := range packers {
			packed, err := p.cached(cache, content)
			if err != nil {
				return nil, err
			}
			out[name+p.ending] = packed
		}
	}
	return out, nil
}

// cached compresses, unless the same content was compressed before: the best
// compression of the core takes many seconds.
func (p packer) cached(cache string, content []byte) ([]byte, error) {
	sum := sha256.Sum256(content)
	file := filepath.Join(cache, fmt.Sprintf("%x-%d%s", sum, window, p.ending))
	if packed, err := os.ReadFile(file); err == nil {
		return packed, nil
	}
	var b bytes.Buffer
	w, err := p.writer(&b)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, err
	}
	return b.Bytes(), writeWhole(file, b.Bytes())
}

// writeWhole lets no reader see half a file, and no interrupted run leave one.
func writeWhole(file string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // what failed before says more
	}
	return err
}
