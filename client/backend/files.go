// SPDX-License-Identifier: AGPL-3.0-or-later

package backend

import "io"

// Files is the file system of the machine, for programs that have one.
type Files interface {
	// Open opens a file to be attached. What is no regular file is refused,
	// without waiting for it.
	Open(path string) (Source, error)
	// Part opens what there is of a download called name in the folder dir;
	// what is missing is made. No link is followed.
	Part(dir, name string) (Part, error)
}

// A Source is a file that is attached. Path finds it wherever the program is
// started the next time.
type Source struct {
	io.ReadSeekCloser
	Path, Name string
}

// A Part is a file that a download goes to. Finish or Discard closes it.
type Part interface {
	io.ReadWriteSeeker
	io.Closer
	Truncate(size int64) error
	// Finish makes the file durable and gives it its name in its folder, with
	// a number if the name is taken, and returns the path.
	Finish(name string) (path string, err error)
	// Discard removes the file.
	Discard() error
}
