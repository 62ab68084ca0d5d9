// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// A disk is a fresh ext4 file system in a file, mounted by loop: on one where much
// was deleted lately, ext4 takes ten times as long to make files. Where nothing can be
// mounted it is a folder.
type disk struct {
	dir, image string // image is "" for a folder
}

func newDisk(dir string, size int64) (*disk, error) {
	d := &disk{dir: dir, image: dir + ".img"}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if noMounts {
		d.image = ""
		return d, nil
	}
	if err := os.WriteFile(d.image, nil, 0o600); err != nil {
		return nil, err
	}
	if err := os.Truncate(d.image, size); err != nil {
		return nil, err
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-i", "8192", d.image).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mkfs.ext4: %w: %s", err, out)
	}
	return d, d.mount()
}

func (d *disk) mount() error {
	if d.image == "" {
		return nil
	}
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.dir).CombinedOutput(); err != nil {
		return fmt.Errorf("mount: %w: %s", err, out)
	}
	return nil
}

func (d *disk) unmount() error {
	if d.image == "" {
		return nil
	}
	if out, err := exec.Command("umount", d.dir).CombinedOutput(); err != nil {
		return fmt.Errorf("umount: %w: %s", err, out)
	}
	return nil
}

// forget empties the kernel's cache of the disk.
func (d *disk) forget() error { return errors.Join(d.unmount(), d.mount()) }

func (d *disk) remove() error {
	err := d.unmount()
	if err == nil && d.image != "" {
		err = os.Remove(d.image)
	}
	return errors.Join(err, os.RemoveAll(d.dir))
}

// noMounts is set if no file system can be mounted here.
var noMounts bool

// canMount tries it.
func canMount(dir string) bool {
	d, err := newDisk(filepath.Join(dir, "try"), 32<<20)
	if err != nil {
		_ = os.Remove(filepath.Join(dir, "try.img")) // it may not be there
		return false
	}
	return d.remove() == nil
}

// freeBytes returns how much room a folder's disk has, as df says.
func freeBytes(dir string) (int64, error) {
	var s syscall.Statfs_t
	err := syscall.Statfs(dir, &s)
	return int64(s.Bavail) * s.Bsize, err
}

// words are what text is made of.
var words = strings.Fields("the of and to in is that for it as was with be by on not he his but at are this have from or had an they which one you were all her she there would their we him been has when who will no more if out so up said what its about than into them can only other time new some could these two may first then do any like my now over such our man me even most made after also did many must before back see through way where get much go well your know should down work year because come people just say each those take day good how long")

// fill writes a tree of files: half of the bytes are text with repeats, half random
// as photos are; with small files, all are of about 2.6 KB.
func fill(dir string, total int64, smallFiles int) error {
	r := rand.New(rand.NewPCG(1, 2))
	n := 0
	write := func(size int, text bool) error {
		sub := filepath.Join(dir, fmt.Sprintf("d%03d", n/200), fmt.Sprintf("e%d", n%7))
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return err
		}
		n++
		return os.WriteFile(filepath.Join(sub, fmt.Sprintf("file-%d", n)), content(r, size, text), 0o644)
	}
	for range smallFiles {
		if err := write(200+r.IntN(5000), true); err != nil {
			return err
		}
	}
	for done := int64(0); done < total; {
		text := r.IntN(2) == 0
		size := 1000 + r.IntN(60_000)
		if !text {
			size = 1 << (15 + r.IntN(9)) // up to 8 MiB
		}
		if r.IntN(20) == 0 {
			size *= 16
		}
		size = int(min(int64(size), total-done, 64<<20))
		if err := write(size, text); err != nil {
			return err
		}
		done += int64(size)
	}
	return nil
}

func content(r *rand.Rand, size int, text bool) []byte {
	b := make([]byte, 0, size+16)
	if !text {
		for len(b) < size {
			n := r.Uint64()
			b = append(b, byte(n), byte(n>>8), byte(n>>16), byte(n>>24), byte(n>>32), byte(n>>40), byte(n>>48), byte(n>>56))
		}
		return b[:size]
	}
	for len(b) < size {
		if len(b) > 4000 && r.IntN(40) == 0 { // a repeat
			from := r.IntN(len(b) - 300)
			b = append(b, b[from:from+300]...)
			continue
		}
		b = append(append(b, words[r.IntN(len(words))]...), ' ')
	}
	return b[:size]
}

// change changes a hundredth of the files: some grow, some get other content.
func change(dir string, seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 3))
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || r.IntN(100) > 0 {
			return err
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		_, err = f.Write(content(r, 1000, true))
		return errors.Join(err, f.Close())
	})
}

// sizeOf returns how many bytes the files below a folder have.
func sizeOf(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}
