// SPDX-License-Identifier: AGPL-3.0-or-later

// Package disk attaches files from the file system and saves them there.
package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/securecrypt/securecrypt/client/backend"
)

// Files is the client.Files of a machine with a file system.
type Files struct{}

// Open implements client.Files. The path is one of the file system, or of the
// form that Bare returns.
func (Files) Open(path string) (backend.Source, error) {
	kept := parseKept(path)
	abs, err := filepath.Abs(kept.path)
	if err != nil {
		return backend.Source{}, err
	}
	kept.path = abs
	info, err := os.Stat(abs) // before it is opened: opening a pipe waits
	if err != nil {
		return backend.Source{}, err
	}
	if !info.Mode().IsRegular() {
		return backend.Source{}, fmt.Errorf("%s is not a file: choose one", abs)
	}
	f, err := os.Open(abs)
	if err != nil {
		return backend.Source{}, err
	}
	src := backend.Source{ReadSeekCloser: f, Path: kept.String(), Name: textOf(filepath.Base(abs))}
	if kept.bare {
		if src.ReadSeekCloser, err = bared(f, abs); err != nil {
			return backend.Source{}, errors.Join(err, f.Close())
		}
	}
	return src, nil
}

// Part implements client.Files.
func (Files) Part(dir, name string) (backend.Part, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := openPart(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	return part{f, dir}, nil
}

// openPart opens or creates the file that a download goes to. It follows no
// link that somebody else may have put there.
func openPart(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is in the way: choose another name", path)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	now, err := f.Stat()
	if err == nil && !os.SameFile(info, now) {
		err = fmt.Errorf("%s was replaced: attach it again", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// part is a client.Part.
type part struct {
	*os.File
	dir string
}

// Finish implements client.Part.
func (p part) Finish(name string) (string, error) {
	err := errors.Join(p.Sync(), p.Close())
	path := ""
	if err == nil {
		path, err = place(p.Name(), p.dir, name)
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(p.Name()))
	}
	return kept{path: path}.String(), nil
}

// Discard implements client.Part.
func (p part) Discard() error { return errors.Join(p.Close(), os.Remove(p.Name())) }

// place gives a finished file its name in dir, with a number before the
// extension if the name is taken.
func place(part, dir, name string) (string, error) {
	ext := filepath.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	for i := 1; i < 10000; i++ {
		path := filepath.Join(dir, name)
		if i > 1 {
			path = filepath.Join(dir, fmt.Sprintf("%s (%d)%s", stem, i, ext))
		}
		err := os.Link(part, path)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil { // a file system without hard links
			if _, serr := os.Lstat(path); serr == nil {
				continue
			}
			return path, os.Rename(part, path)
		}
		return path, os.Remove(part)
	}
	return "", fmt.Errorf("there are too many files called %s: choose another folder", name)
}
