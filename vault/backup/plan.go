// SPDX-License-Identifier: AGPL-3.0-or-later

package backup

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// planNode is a directory on the way to the paths of a backup. A snapshot has the
// whole way to each path, with the directories' own owners and modes.
type planNode struct {
	path     string // where it lies
	whole    bool   // everything below it is backed up
	children map[string]*planNode
}

// newPlan returns the way to all paths, which are absolute. A path below another
// one adds nothing.
func newPlan(paths []string) (*planNode, error) {
	if len(paths) == 0 {
		return nil, errNoPaths
	}
	root := &planNode{path: string(filepath.Separator), children: map[string]*planNode{}}
	for _, path := range paths {
		if !filepath.IsAbs(path) {
			return nil, fmt.Errorf("backup: %q is not an absolute path", path)
		}
		path = filepath.Clean(path)
		volume := filepath.VolumeName(path)
		at, rest := root, strings.TrimPrefix(path[len(volume):], string(filepath.Separator))
		if volume != "" { // a drive is a directory of its letter
			at = at.child(strings.TrimRight(strings.ReplaceAll(volume, `\`, "-"), ":"), volume+string(filepath.Separator))
		}
		for rest != "" && !at.whole {
			var name string
			name, rest, _ = strings.Cut(rest, string(filepath.Separator))
			at = at.child(name, filepath.Join(at.path, name))
		}
		at.whole = true
	}
	return root, nil
}

func (n *planNode) child(name, path string) *planNode {
	c := n.children[name]
	if c == nil {
		c = &planNode{path: path, children: map[string]*planNode{}}
		n.children[name] = c
	}
	return c
}

// names returns the names on the way, sorted.
func (n *planNode) names() []string { return slices.Sorted(maps.Keys(n.children)) }
