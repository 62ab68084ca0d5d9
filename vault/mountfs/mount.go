// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build linux || darwin

package mountfs

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/localfs"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/tree"
)

// errUnreadable is why a file cannot be opened whose content is not in the vault.
var errUnreadable = errors.New("it could not be read when it was backed up")

// mount is what the nodes of a file system share.
type mount struct {
	*source
	options Options
	owners  *localfs.Owners
	names   *names
	salt    [32]byte // of inode numbers

	mu     sync.Mutex
	warned map[string]bool // paths that were passed to Warn; guarded by mu
}

// maxWarned bounds how many paths are passed to Options.Warn.
const maxWarned = 10_000

// failure returns what a request ends with because of an error, and tells of the
// path unless somebody gave the request up.
func (m *mount) failure(ctx context.Context, n *fs.Inode, err error) syscall.Errno {
	if ctx.Err() != nil {
		return syscall.EINTR
	}
	if m.ctx.Err() != nil || m.options.Warn == nil {
		return syscall.EIO
	}
	path := n.Path(nil)
	m.mu.Lock()
	tell := !m.warned[path] && len(m.warned) < maxWarned
	if tell {
		m.warned[path] = true
	}
	m.mu.Unlock()
	if tell {
		m.options.Warn(path, err)
	}
	return syscall.EIO
}

// newNode returns the node of an entry of a leaf, nil for the root of a snapshot.
func (m *mount) newNode(snapshot uint64, e *tree.Entry, page *tree.Page) *node {
	n := &node{mount: m, snapshot: snapshot, entry: e, uid: e.UID, gid: e.GID}
	if page != nil && !m.options.Numeric {
		user, group := page.OwnerNames(e)
		n.uid, n.gid = m.owners.Numbers(e.UID, e.GID, user, group)
	}
	own := *e // the leaf with all its entries would stay in memory with it
	n.entry = &own
	return n
}

// inode returns the inode number of an entry of a directory. All names of a file
// have the same, and it stays the same while the file system is mounted. The salt
// prevents the author of a snapshot from making two files share one.
func (m *mount) inode(parent *node, e *tree.Entry) uint64 {
	b := append(make([]byte, 0, 256), m.salt[:]...)
	if e.Group != 0 {
		b = binary.BigEndian.AppendUint64(append(b, 'g'), parent.snapshot)
		b = binary.BigEndian.AppendUint64(b, e.Group)
	} else {
		b = binary.BigEndian.AppendUint64(append(b, 'n'), parent.StableAttr().Ino)
		b = append(b, e.Name...)
	}
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:]) | 1<<32 // never one of the few that the top has
}

// top is a directory above the snapshots, or a link to one.
type top struct {
	fs.Inode
	mode   uint32
	link   string
	time   int64
	filler func(context.Context, *top)
}

var _ = (interface {
	fs.NodeGetattrer
	fs.NodeReadlinker
	fs.NodeOnAdder
})(&top{})

// Getattr implements fs.NodeGetattrer.
func (t *top) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size, out.Nlink = t.mode, uint64(len(t.link)), 1
	out.Uid, out.Gid = uint32(os.Geteuid()), uint32(os.Getegid())
	setTime(&out.Attr, t.time, 0)
	return 0
}

// Readlink implements fs.NodeReadlinker.
func (t *top) Readlink(context.Context) ([]byte, syscall.Errno) { return []byte(t.link), 0 }

// OnAdd implements fs.NodeOnAdder: it makes what the directory holds.
func (t *top) OnAdd(ctx context.Context) {
	if t.filler != nil {
		t.filler(ctx, t)
	}
}

// add adds a child to a directory.
func (t *top) add(ctx context.Context, name string, child fs.InodeEmbedder, mode uint32) {
	t.AddChild(name, t.NewPersistentInode(ctx, child, fs.StableAttr{Mode: mode & syscall.S_IFMT}), false)
}

func (t *top) addDir(ctx context.Context, name string, time int64, filler func(context.Context, *top)) {
	t.add(ctx, name, &top{mode: syscall.S_IFDIR | 0o555, time: time, filler: filler}, syscall.S_IFDIR)
}

func (t *top) addLink(ctx context.Context, name, target string, time int64) {
	t.add(ctx, name, &top{mode: syscall.S_IFLNK | 0o777, time: time, link: target}, syscall.S_IFLNK)
}

// snapshotRoot returns the directory of a snapshot.
func (m *mount) snapshotRoot(s *oplog.Snapshot) *node {
	e := &tree.Entry{Type: tree.TypeDir, Mode: 0o755, UID: uint32(os.Geteuid()), GID: uint32(os.Getegid()), Seconds: s.Time, Subtree: s.Body.Root}
	return m.newNode(s.Seq, e, nil)
}

// root returns the directory of the mount point.
func (m *mount) root(v *vault.Vault) fs.InodeEmbedder {
	if m.options.Snapshot != nil {
		return m.snapshotRoot(m.options.Snapshot)
	}
	live := v.State().Live()
	newest := int64(0)
	for _, s := range live {
		newest = max(newest, s.Time)
	}
	return &top{mode: syscall.S_IFDIR | 0o555, time: newest, filler: func(ctx context.Context, root *top) {
		root.addDir(ctx, "times", newest, func(ctx context.Context, times *top) {
			for _, s := range live {
				times.add(ctx, snapshotName(s), m.snapshotRoot(s), syscall.S_IFDIR)
			}
		})
		root.addDir(ctx, "devices", newest, func(ctx context.Context, devices *top) { addDevices(ctx, devices, v.State(), live) })
		if s, err := v.Snapshot("latest"); err == nil { // otherwise there is none
			root.addLink(ctx, "latest", "times/"+snapshotName(s), s.Time)
		}
	}}
}

// addDevices adds a directory for each device that has snapshots.
func addDevices(ctx context.Context, devices *top, state *oplog.State, live []*oplog.Snapshot) {
	byDevice := map[*oplog.Device][]*oplog.Snapshot{}
	for _, s := range live {
		d := state.Devices[s.Device]
		byDevice[d] = append(byDevice[d], s)
	}
	for d, snapshots := range byDevice {
		newest := snapshots[len(snapshots)-1]
		devices.addDir(ctx, deviceName(d), newest.Time, func(ctx context.Context, dir *top) {
			for _, s := range snapshots {
				dir.addLink(ctx, snapshotName(s), "../../times/"+snapshotName(s), s.Time)
				if !s.Body.Partial {
					newest = s
				}
			}
			dir.addLink(ctx, "latest", "../../times/"+snapshotName(newest), newest.Time)
		})
	}
}

// A Server serves a file system that is mounted.
type Server struct {
	dir    string
	server *fuse.Server
	cancel context.CancelFunc
	names  *names
	direct bool          // it was mounted without fusermount3
	ended  chan struct{} // closed once the directory is unmounted
}

// forever is how long the kernel may keep what it knows: snapshots do not change.
var forever = 24 * time.Hour

// Mount shows snapshots of a vault in an empty directory, until the directory is
// unmounted, by Unmount or by somebody else: Wait returns then.
func Mount(ctx context.Context, dir string, v *vault.Vault, o Options) (*Server, error) {
	if err := mountable(dir); err != nil {
		return nil, err
	}
	reader, err := v.Reader(ctx)
	if err != nil {
		return nil, err
	}
	if o.Cache == 0 {
		o.Cache = DefaultCache
	}
	ctx, cancel := context.WithCancel(ctx)
	m := &mount{source: &source{ctx, reader, newCache(o.Cache)}, options: o, owners: localfs.NewOwners(), names: newNames(maxNames), warned: map[string]bool{}}
	_, _ = rand.Read(m.salt[:]) // it never fails
	s := &Server{dir: dir, cancel: cancel, names: m.names, direct: os.Geteuid() == 0, ended: make(chan struct{})}
	if s.server, err = fs.Mount(dir, m.root(v), m.mountOptions(s.direct)); err != nil {
		cancel()
		return nil, fmt.Errorf("mountfs: mounting on %s: %w", dir, err)
	}
	go m.names.run(s.ended)
	go func() {
		s.server.Wait()
		cancel()
		close(s.ended)
	}()
	return s, nil
}

// mountOptions returns how the file system is mounted: directly, which root may, or
// by fusermount3.
func (m *mount) mountOptions(direct bool) *fs.Options {
	o := &fs.Options{EntryTimeout: &forever, AttrTimeout: &forever, NegativeTimeout: &forever, NullPermissions: true}
	o.MountOptions = fuse.MountOptions{FsName: "securecrypt", Name: "securecrypt", AllowOther: m.options.AllowOther, Logger: log.New(io.Discard, "", 0)}
	if m.options.AllowOther {
		o.Options = append(o.Options, "default_permissions")
	}
	setReadOnly(&o.MountOptions, direct)
	return o
}

// Wait returns when the directory was unmounted, or when the context is done.
func (s *Server) Wait(ctx context.Context) {
	select {
	case <-s.ended:
	case <-ctx.Done():
	}
}

// Unmount ends the file system. If processes use it, it is only taken out of the
// directory, and they get errors once this process ends; then busy is true.
func (s *Server) Unmount() (busy bool, err error) {
	err = s.server.Unmount()
	select {
	case <-s.ended: // by this, or by somebody else before
		return false, nil
	default:
	}
	s.cancel()
	if err == nil {
		<-s.ended
		return false, nil
	}
	return true, detach(s.dir, s.direct)
}
