// SPDX-License-Identifier: Apache-2.0

package keytrans_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/logtest"
)

var writeGolden = flag.Bool("keytrans.golden", false, "write golden files that do not exist")

func hash(b byte) (h keytrans.Hash) {
	for i := range h {
		h[i] = b
	}
	return h
}

// leaves has one leaf of each kind, with every field filled.
func leaves() map[string]keytrans.Leaf {
	old := keytrans.Value{Head: hash(1), Statements: 24, Counter: 23, State: keytrans.Active}
	return map[string]keytrans.Leaf{
		"leaf-create": keytrans.Mutation{
			Label: keytrans.Label(hash(2)), New: keytrans.Value{Head: hash(3), Statements: 1, Counter: 1, State: keytrans.Active},
			Kinds: []keytrans.Kind{keytrans.KindCreate},
		},
		"leaf-mutation": keytrans.Mutation{
			Label: keytrans.Label(hash(2)), Old: &old, New: keytrans.Value{Head: hash(3), Statements: 26, Counter: 24, State: keytrans.Closed},
			Kinds: []keytrans.Kind{keytrans.KindAddDevice, keytrans.KindClose},
		},
		"leaf-root":       keytrans.Root{Time: 1796040000, First: 70000, Size: 10_000_000, Map: hash(4), Config: hash(5)},
		"leaf-release":    keytrans.Release{Version: "1.2.3", Manifest: hash(6)},
		"leaf-bundle":     keytrans.Bundle{Manifest: hash(7)},
		"leaf-canary":     keytrans.Canary{Document: []byte("no order was received\n")},
		"leaf-policy":     keytrans.PolicyChange{Number: 2, Text: []byte("quorum x\n")},
		"leaf-succession": keytrans.Succession{Text: []byte("quorum y\n"), VRFKey: hash(8)},
	}
}

// goldens has one encoding of each format.
func goldens(t *testing.T) map[string][]byte {
	all := make(map[string][]byte)
	for name, leaf := range leaves() {
		all[name] = leaf.Marshal()
	}
	l := newLog()
	value := l.Values[l.Label(bob)]
	config, valueHash := l.Policy.Config().Hash(), value.Hash()
	all["value"] = value.Marshal()
	all["value-hash"] = valueHash[:]
	all["configuration-hash"] = config[:]
	all["checkpoint"] = l.NewestHead(start).Checkpoint
	all["policy"] = []byte(l.PolicyText())
	all["head"] = l.NewestHead(start).Marshal()
	all["proof"] = l.Lookup(alice, l.NewestHead(start)).Marshal()
	held := l.Lookup(carol, nil)
	held.VRFProof = nil
	all["proof-of-absence-under-held-head"] = held.Marshal()
	l.Append(keytrans.Release{Version: "1"})
	root := l.Root(start)
	all["head-with-growth"] = l.Head(5, 3, start).Marshal()
	all["record"] = l.Record(3, root, start).Marshal()
	all["tlog-proof"] = keytrans.FormatTlogProof(3, l.Inclusion(5, 3), l.NewestHead(start).Checkpoint)
	bundle, err := keytrans.AppendBundle(nil, l.Leaves[3])
	ok(t, err)
	bundle, err = keytrans.AppendBundle(bundle, l.Leaves[4])
	ok(t, err)
	all["entry-bundle"] = bundle
	var f keytrans.Frontier
	for _, leaf := range l.Leaves {
		f.Append(recordHash(leaf))
	}
	all["frontier"] = f.Marshal()
	return all
}

// reencode has the decoder of each format, followed by its encoder.
var reencode = map[string]func([]byte) ([]byte, error){
	"leaf": func(b []byte) ([]byte, error) {
		l, err := keytrans.ParseLeaf(b)
		if err != nil {
			return nil, err
		}
		return l.Marshal(), nil
	},
	"value": func(b []byte) ([]byte, error) {
		v, err := keytrans.ParseValue(b)
		if err != nil {
			return nil, err
		}
		return v.Marshal(), nil
	},
	"head": func(b []byte) ([]byte, error) {
		u, err := keytrans.ParseHead(b)
		if err != nil {
			return nil, err
		}
		return u.Marshal(), nil
	},
	"proof": func(b []byte) ([]byte, error) {
		u, err := keytrans.Query{}.Parse(b)
		if err != nil {
			return nil, err
		}
		return u.Marshal(), nil
	},
	"record": func(b []byte) ([]byte, error) {
		u, err := keytrans.ParseRecord(b)
		if err != nil {
			return nil, err
		}
		return u.Marshal(), nil
	},
	"frontier": func(b []byte) ([]byte, error) {
		f, err := keytrans.ParseFrontier(b)
		if err != nil {
			return nil, err
		}
		return f.Marshal(), nil
	},
	"tlog-proof": func(b []byte) ([]byte, error) {
		index, inclusion, checkpoint, err := keytrans.ParseTlogProof(b)
		if err != nil {
			return nil, err
		}
		return keytrans.FormatTlogProof(index, inclusion, checkpoint), nil
	},
	"entry-bundle": func(b []byte) (again []byte, err error) {
		leaves, err := keytrans.ParseBundle(b)
		for _, leaf := range leaves {
			if again, err = keytrans.AppendBundle(again, leaf); err != nil {
				return nil, err
			}
		}
		return again, err
	},
}

// format returns the name of the decoder for a golden file, "" if there is none.
func format(name string) string {
	for _, prefix := range []string{"leaf", "head", "proof", "record", "frontier", "tlog-proof", "entry-bundle"} {
		if name == prefix || strings.HasPrefix(name, prefix+"-") {
			return prefix
		}
	}
	if name == "value" {
		return name
	}
	return ""
}

// TestGolden compares each format with its golden file, and decodes that.
func TestGolden(t *testing.T) {
	all := goldens(t)
	for name, made := range all {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", "golden", name)
			kept, err := os.ReadFile(path)
			if errors.Is(err, os.ErrNotExist) && *writeGolden {
				ok(t, os.WriteFile(path, made, 0o644))
				return
			}
			ok(t, err)
			if !bytes.Equal(kept, made) {
				t.Errorf("made %x", made)
			}
			if f := format(name); f != "" {
				again, err := reencode[f](kept)
				if err != nil || !bytes.Equal(again, kept) {
					t.Errorf("encoded again: %x, %v", again, err)
				}
			}
		})
	}
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "*"))
	ok(t, err)
	if len(files) != len(all) {
		t.Errorf("there are %d golden files of %d formats", len(files), len(all))
	}
}

// TestGoldenProofIsAccepted verifies the stored proof: what was accepted once stays so.
func TestGoldenProofIsAccepted(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "golden", "proof"))
	ok(t, err)
	u, err := keytrans.Query{Name: alice}.Parse(b)
	ok(t, err)
	l := newLog()
	entry, err := keytrans.Verify(u, l.Policy, start)
	ok(t, err)
	if v, there := entry.Value(); !there || v != l.Values[l.Label(alice)] {
		t.Error("the entry is another")
	}
}

// damaged returns encodings that differ from b in one place.
func damaged(b []byte) map[string][]byte {
	all := map[string][]byte{"nothing": {}, "trailing byte": append(bytes.Clone(b), 0)}
	for i := range b {
		all["truncated at "+hex.EncodeToString([]byte{byte(i >> 8), byte(i)})] = b[:i:i]
	}
	return all
}

// TestMalformed truncates each format at each byte, and appends to it.
func TestMalformed(t *testing.T) {
	for name, b := range goldens(t) {
		if f := format(name); f != "" && f != "tlog-proof" && f != "entry-bundle" {
			t.Run(name, func(t *testing.T) {
				for what, bad := range damaged(b) {
					if _, err := reencode[f](bad); !errors.Is(err, keytrans.ErrMalformed) {
						t.Errorf("%s: %v", what, err)
					}
				}
			})
		}
	}
}

// TestMalformedLeaves has a leaf for each limit of ParseLeaf that it exceeds.
func TestMalformedLeaves(t *testing.T) {
	type list = []any
	h := make([]byte, 32)
	value := list{h, 1, 1, 1}
	cases := map[string]any{
		"not an array":               7,
		"no kind":                    list{},
		"unknown kind":               list{8, h},
		"kind 0":                     list{0, h},
		"a field too many":           list{4, h, h},
		"a field too few":            list{2, 1, 1, 1, h},
		"a short label":              list{1, h[1:], nil, value, list{1}},
		"no statements":              list{1, h, nil, value, list{}},
		"too many statements":        list{1, h, nil, value, make([]int, 65)},
		"statement kind 0":           list{1, h, nil, value, list{0}},
		"statement kind 10":          list{1, h, nil, value, list{10}},
		"state 0":                    list{1, h, nil, list{h, 1, 1, 0}, list{1}},
		"state 4":                    list{1, h, nil, list{h, 1, 1, 4}, list{1}},
		"no new value":               list{1, h, nil, nil, list{1}},
		"a time after the year 9999": list{2, int64(keytrans.MaxTime + 1), 0, 0, h, h},
		"an index of 63 bits":        list{2, 0, uint64(1 << 62), 0, h, h},
		"a size of 63 bits":          list{2, 0, 0, uint64(1 << 62), h, h},
		"a negative time":            list{2, -1, 0, 0, h, h},
		"an empty version":           list{3, "", h},
		"a long version":             list{3, strings.Repeat("1", 65), h},
		"a version with a newline":   list{3, "1\n", h},
		"a version that is not text": list{3, []byte("1"), h},
		"an empty canary":            list{5, []byte{}},
		"a long canary":              list{5, make([]byte, keytrans.MaxCanary+1)},
		"a long policy":              list{6, 2, make([]byte, keytrans.MaxPolicy+1)},
		"a policy number of 33 bits": list{6, uint64(keytrans.MaxCount + 1), h},
		"a short VRF key":            list{7, h, h[1:]},
	}
	for name, v := range cases {
		t.Run(name, func(t *testing.T) {
			b, err := dcbor.Marshal(v)
			ok(t, err)
			if _, err := keytrans.ParseLeaf(b); !errors.Is(err, keytrans.ErrMalformed) {
				t.Errorf("%x: %v", b, err)
			}
		})
	}
	if _, err := keytrans.ParseLeaf(make([]byte, keytrans.MaxLeaf+1)); !errors.Is(err, keytrans.ErrMalformed) {
		t.Errorf("a leaf that is too long: %v", err)
	}
}

func TestMalformedTexts(t *testing.T) {
	l := newLog()
	note := string(l.NewestHead(start).Checkpoint)
	good := string(keytrans.FormatTlogProof(1, l.Inclusion(3, 1), []byte(note)))
	for name, text := range map[string]string{
		"another version": strings.Replace(good, "@v1", "@v2", 1),
		"no index":        strings.Replace(good, "index 1\n", "", 1),
		"a leading zero":  strings.Replace(good, "index 1", "index 01", 1),
		"a sign":          strings.Replace(good, "index 1", "index +1", 1),
		"a short hash":    strings.Replace(good, "index 1\n", "index 1\nAAAA\n", 1),
		"no checkpoint":   strings.Split(good, "\n\n")[0],
		"broken extra":    strings.Replace(good, "index", "extra !\nindex", 1),
		"too many hashes": strings.Replace(good, "index 1\n", "index 1\n"+strings.Repeat("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 64), 1),
	} {
		if _, _, _, err := keytrans.ParseTlogProof([]byte(text)); !errors.Is(err, keytrans.ErrMalformed) {
			t.Errorf("tlog-proof with %s: %v", name, err)
		}
	}
	withExtra := strings.Replace(good, "index", "extra AAAA\nindex", 1)
	if index, _, _, err := keytrans.ParseTlogProof([]byte(withExtra)); err != nil || index != 1 {
		t.Errorf("tlog-proof with extra data: %v", err)
	}
	for name, b := range map[string][]byte{
		"half a length": {0}, "a short leaf": {0, 2, 1}, "257 leaves": make([]byte, 2*257),
	} {
		if _, err := keytrans.ParseBundle(b); !errors.Is(err, keytrans.ErrMalformed) {
			t.Errorf("bundle with %s: %v", name, err)
		}
	}
	if _, err := keytrans.AppendBundle(nil, make([]byte, keytrans.MaxLeaf+1)); err == nil {
		t.Error("a bundle with a leaf that is too long")
	}
	for _, path := range []string{"tile/8/0/000", "tile/0/0", "tile/0/000.p/0", "tile/0/000.p/256", "tile/data/000", "tile/entries/1", "tile/-1/000", "tile/64/000", "/tile/0/000", "tile/00/000"} {
		if tile, err := keytrans.ParseTilePath(path); !errors.Is(err, keytrans.ErrMalformed) {
			t.Errorf("path %q: %v, %v", path, tile, err)
		}
	}
}

// TestKindsAreThoseOfStatements compares the kinds with the types of package account.
func TestKindsAreThoseOfStatements(t *testing.T) {
	for kind, content := range map[keytrans.Kind]account.Content{
		keytrans.KindCreate: account.CreateContent{}, keytrans.KindAddDevice: account.AddDevice{}, keytrans.KindRevokeDevice: account.RevokeDevice{},
		keytrans.KindRotateRecovery: account.RotateRecovery{}, keytrans.KindResetRequest: account.ResetRequest{}, keytrans.KindResetVeto: account.ResetVeto{},
		keytrans.KindResetCommit: account.ResetCommit{}, keytrans.KindMove: account.Move{}, keytrans.KindClose: account.Close{},
	} {
		if uint64(kind) != uint64(content.Type()) {
			t.Errorf("%v has the number %d", reflect.TypeOf(content), kind)
		}
	}
}

// TestSecretsDoNotShow prints keys in all the ways that a log would.
func TestSecretsDoNotShow(t *testing.T) {
	signer, vrf := logtest.Key("example.org", keytrans.Ed25519), newLog().VRF
	seed := hex.EncodeToString(logtest.Seed("example.org1"))
	for _, printed := range printAll(signer, vrf) {
		if strings.Contains(printed, seed[:8]) || strings.Contains(printed, hex.EncodeToString(vrf.Bytes())[:8]) || !strings.Contains(printed, "hidden") {
			t.Errorf("printed as %s", printed)
		}
	}
}
