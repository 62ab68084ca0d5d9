// SPDX-License-Identifier: AGPL-3.0-or-later

package storagetest

import (
	"context"
	"slices"
	"strings"

	"github.com/securecrypt/securecrypt/vault/storage"
)

// A Listed is an object as a listing has it.
type Listed struct {
	Name string
	Size int64
}

// Liar is a storage whose listing is false: a cache that is behind, a disk that
// loses the entries of a folder, or a server that wants to do harm.
type Liar struct {
	storage.Storage
	// Only is the beginning of names that it lies about.
	Only string
	// Lie returns what is listed instead of the objects that are there.
	Lie func([]Listed) []Listed
}

// List implements storage.Storage.
func (l *Liar) List(ctx context.Context, prefix string, each func(string, int64) error) error {
	var all []Listed
	err := l.Storage.List(ctx, prefix, func(name string, size int64) error {
		all = append(all, Listed{name, size})
		return nil
	})
	if err != nil {
		return err
	}
	if strings.HasPrefix(l.Only, prefix) || strings.HasPrefix(prefix, l.Only) {
		about := slices.DeleteFunc(slices.Clone(all), func(x Listed) bool { return !strings.HasPrefix(x.Name, l.Only) })
		all = append(slices.DeleteFunc(all, func(x Listed) bool { return strings.HasPrefix(x.Name, l.Only) }), l.Lie(about)...)
	}
	for _, x := range all {
		if !strings.HasPrefix(x.Name, prefix) {
			continue
		}
		if err := each(x.Name, x.Size); err != nil {
			return err
		}
	}
	return nil
}

// Lies are the ways in which listings are false, by what they do.
var Lies = map[string]func([]Listed) []Listed{
	"is empty": func([]Listed) []Listed { return nil },
	"leaves out every other object": func(all []Listed) []Listed {
		n := 0
		return slices.DeleteFunc(all, func(Listed) bool { n++; return n%2 == 0 })
	},
	"leaves out the first":   func(all []Listed) []Listed { return all[min(1, len(all)):] },
	"leaves out the last":    func(all []Listed) []Listed { return all[:max(0, len(all)-1)] },
	"has every object twice": func(all []Listed) []Listed { return append(all, all...) },
	"is in another order": func(all []Listed) []Listed {
		slices.Reverse(all)
		return all
	},
	"has other sizes": func(all []Listed) []Listed {
		for i := range all {
			all[i].Size = []int64{0, all[i].Size / 2, all[i].Size * 2, -1}[i%4]
		}
		return all
	},
	"has objects that are not there": func(all []Listed) []Listed {
		return append(all, Listed{"packs/00000000000000000000000000000000000000000000000000000000000000ff", 262144},
			Listed{"packs/ff000000000000000000000000000000000000000000000000000000000000ff", 16 << 20})
	},
	"has names that are none": func(all []Listed) []Listed {
		return append(all, Listed{"packs/..", 1}, Listed{"packs/", 1}, Listed{"../config", 4096}, Listed{"packs/A", 262144}, Listed{"", 0}, Listed{"log/zz", 4096}, Listed{"packs/\x00", 1})
	},
}
