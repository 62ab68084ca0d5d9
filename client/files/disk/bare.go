// SPDX-License-Identifier: AGPL-3.0-or-later

package disk

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/files/picture"
)

// Bare returns what to attach, as a client.Draft names files, for a file to go
// without what a picture says about its place, time and camera. A file that is no
// picture goes as it is. The error wraps picture.ErrUnknown or picture.ErrDamaged
// for a picture out of which that cannot be taken.
func Bare(path string) (string, error) {
	src, err := Files{}.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = src.Close() }() // it was only read
	f := src.ReadSeekCloser.(*os.File)
	if !picture.Is(f.Name(), f) {
		return path, nil
	}
	if _, err := bared(f, f.Name()); err != nil {
		return "", err
	}
	return kept{path: f.Name(), bare: true}.String(), nil
}

// bared is a picture without what it says beside what is to be seen.
func bared(f *os.File, path string) (io.ReadSeekCloser, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	r, err := picture.Bare(path, f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return struct {
		io.ReadSeeker
		io.Closer
	}{r, f}, nil
}

var _ backend.Files = Files{}
