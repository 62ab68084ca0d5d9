// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/mls"
)

const quick = mls.SuiteX25519AES128

func pair(t testing.TB) (*client, *client) {
	t.Helper()
	a, b := newClient(t, quick, "a"), newClient(t, quick, "b")
	a.create()
	commit(t, mls.CommitOptions{}, a, nil, b)
	return a, b
}

func refuses(t *testing.T, c *client, msg []byte, want error) {
	t.Helper()
	before := fmt.Sprint(c.db)
	if _, d, err := c.Process(msg, testNow); !errors.Is(err, want) || len(d.Put)+len(d.Delete) > 0 {
		t.Fatalf("got %v instead of %v", err, want)
	}
	c.reload()
	if _, _, err := c.Process(msg, testNow); !errors.Is(err, want) {
		t.Fatalf("got %v instead of %v after a restart", err, want)
	}
	if fmt.Sprint(c.db) != before {
		t.Fatal("a refused message changed the state")
	}
}

func TestRefusals(t *testing.T) {
	a, b := pair(t)
	refuses(t, b, []byte("junk"), mls.ErrMalformed)
	refuses(t, b, b.kp.Bytes(), mls.ErrMalformed)
	other, _ := pair(t)
	refuses(t, b, other.send("elsewhere"), mls.ErrOtherGroup)

	m := a.send("x")
	m[len(m)-1]++
	refuses(t, b, m, mls.ErrDecrypt)

	s := a.stage(mls.CommitOptions{})
	old := a.send("old")
	a.applyCommit(s)
	ahead := a.send("ahead")
	refuses(t, b, ahead, mls.ErrEpochAhead)
	b.applyCommit(b.process(s.Message()).(*mls.StagedCommit))
	refuses(t, b, s.Message(), mls.ErrEpochTooOld)
	b.process(ahead)
	for range mls.DefaultPastEpochs {
		commit(t, mls.CommitOptions{}, a, []*client{b})
	}
	refuses(t, b, ahead, mls.ErrKeyUsed) // its epoch is the oldest in the window
	refuses(t, b, old, mls.ErrEpochTooOld)
}

func TestPastEpochWindow(t *testing.T) {
	a, b := pair(t)
	var messages [][]byte
	for range mls.DefaultPastEpochs + 2 {
		messages = append(messages, a.send("late"))
		commit(t, mls.CommitOptions{}, a, []*client{b})
	}
	refuses(t, b, messages[0], mls.ErrEpochTooOld)
	refuses(t, b, messages[1], mls.ErrEpochTooOld)
	b.reload()
	for _, m := range messages[2:] {
		if got := b.process(m).(*mls.ApplicationMessage); string(got.Data) != "late" {
			t.Fatalf("got %q", got.Data)
		}
	}
}

func TestGenerationBounds(t *testing.T) {
	a, b := pair(t)
	var messages [][]byte
	for range 40 {
		messages = append(messages, a.send("n"))
	}
	b.cfg.Policy = mls.Policy{MaxForward: 20, OutOfOrder: 5}
	b.reload()
	refuses(t, b, messages[30], mls.ErrTooFarAhead)
	b.process(messages[15])
	refuses(t, b, messages[9], mls.ErrKeyUsed) // beyond what is kept
	for i := 10; i < 15; i++ {
		b.process(messages[i])
	}
	refuses(t, b, messages[12], mls.ErrKeyUsed)
	b.process(messages[35])
	refuses(t, b, messages[29], mls.ErrKeyUsed)
	b.process(messages[30])
	b.process(messages[36])
	refuses(t, b, messages[30], mls.ErrKeyUsed)
	b.process(messages[34])
	n := 0
	for key := range b.db {
		if strings.Count(key, "/") == 4 || strings.Contains(key, "/a/0/") {
			n++
		}
	}
	if n > 5 {
		t.Fatalf("%d keys of skipped messages are held", n)
	}
}

func TestProposalsBeforeData(t *testing.T) {
	a, b := pair(t)
	msg, d, err := b.ProposeSelfRemove(mls.ProposalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.db.apply(d)
	p := a.process(msg).(*mls.ReceivedProposal)
	if p.Proposal.Type != mls.ProposalSelfRemove || p.Proposal.Remove != b.OwnLeaf() || len(a.PendingProposals()) != 1 {
		t.Fatalf("%+v", p)
	}
	a.reload()
	if _, _, err := a.Protect(nil, mls.ProtectOptions{}); !errors.Is(err, mls.ErrPendingProposals) {
		t.Fatal(err)
	}
	s := a.stage(mls.CommitOptions{Pending: true})
	f := b.process(s.Message()).(*mls.StagedCommit)
	if !f.RemovesSelf() || len(f.Removed()) != 1 || f.Committer().Index != a.OwnLeaf() {
		t.Fatal("SelfRemove is not committed")
	}
	b.applyCommit(f)
	a.applyCommit(s)
	if b.Active() || len(a.PendingProposals()) != 0 {
		t.Fatal("SelfRemove has no effect")
	}
	a.send("alone")
}

func TestStagedCommitTells(t *testing.T) {
	a, b := pair(t)
	c := newClient(t, quick, "c")
	title := mls.Extension{Type: mls.ExtensionApplicationID, Data: []byte("title")}
	s := a.stage(mls.CommitOptions{Add: []*mls.KeyPackage{c.kp}, Extensions: []mls.Extension{title}, AAD: []byte("aad")})
	if _, _, err := a.Stage(mls.CommitOptions{}); !errors.Is(err, mls.ErrPendingCommit) {
		t.Fatal(err)
	}
	f := b.process(s.Message()).(*mls.StagedCommit)
	for _, x := range []*mls.StagedCommit{s, f} {
		if len(x.Added()) != 1 || string(x.Added()[0].Leaf.Credential().Data) != "c" || len(x.Updated()) != 1 ||
			len(x.OldContext().Extensions) != 0 || !bytes.Equal(x.Context().Extensions[0].Data, title.Data) ||
			string(x.AAD()) != "aad" || len(x.Proposals()) != 2 || x.Epoch() != a.Epoch()+1 {
			t.Fatalf("%+v", x)
		}
	}
	next := must[[]byte](t)(s.Export("l", nil, 32))
	if !bytes.Equal(next, must[[]byte](t)(f.Export("l", nil, 32))) || bytes.Equal(next, must[[]byte](t)(a.Export("l", nil, 32))) {
		t.Fatal("export of the next epoch")
	}
	if _, err := s.Welcome(b.kp); !errors.Is(err, mls.ErrNotForUs) {
		t.Fatal(err)
	}
	a.applyCommit(s)
	if !bytes.Equal(next, must[[]byte](t)(a.Export("l", nil, 32))) {
		t.Fatal("export after Apply")
	}
	if _, err := a.Apply(s); !errors.Is(err, mls.ErrStale) {
		t.Fatal(err)
	}
}

func TestUpdateChangesLeaf(t *testing.T) {
	a, b := pair(t)
	key := must[*mls.SigningKey](t)(mls.NewSigningKey(quick, rand.Reader))
	msg, d, err := b.ProposeUpdate(mls.LeafUpdate{SigningKey: key}, mls.ProposalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.db.apply(d)
	a.process(msg)
	b.reload()
	commit(t, mls.CommitOptions{Pending: true}, a, []*client{b})
	agree(t, a, b)
	if !bytes.Equal(a.Member(b.OwnLeaf()).SignatureKey(), key.Public()) {
		t.Fatal("the key is not rotated")
	}
	talk(t, a, b)
	commit(t, mls.CommitOptions{Leaf: &mls.LeafUpdate{SigningKey: a.key}}, a, []*client{b})
	talk(t, a, b)
}

func TestLastResort(t *testing.T) {
	c := newClient(t, quick, "c")
	c.fresh(func(p *mls.KeyPackageParams) { p.LastResort = true })
	if !c.kp.LastResort() || c.kp.Verify(testNow) != nil {
		t.Fatal("not a last resort")
	}
	for range 2 {
		a := newClient(t, quick, "a")
		a.create()
		commit(t, mls.CommitOptions{}, a, nil, c)
		talk(t, a, c)
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	a, _ := pair(t)
	s := a.stage(mls.CommitOptions{})
	j := newClient(t, quick, "c").stageExternal(a.info(), nil)
	key := a.key.Bytes()
	for _, v := range []any{a.key, a.priv, a.Group, s, j} {
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		for _, text := range []string{fmt.Sprintf("%v %+v %#v %s", v, v, v, v), log.String()} {
			if len(text) > 400 || strings.Contains(text, fmt.Sprintf("%x", key[len(key)-32:])) || strings.Contains(text, fmt.Sprint(key[len(key)-32:])) {
				t.Fatalf("%T prints %s", v, text)
			}
		}
	}
}

// TestImports keeps the package free of clocks, I/O and modules other than
// golang.org/x/crypto. Of this module it uses its own internal packages and tlsenc.
func TestImports(t *testing.T) {
	allowed := []string{
		"bytes", "cmp", "crypto", "encoding/binary", "errors", "fmt", "hash", "io", "iter", "log/slog", "maps", "math", "runtime",
		"slices", "strconv", "strings", "sync", "time", "golang.org/x/crypto", "github.com/securecrypt/securecrypt/mls/internal",
		"github.com/securecrypt/securecrypt/mls/tlsenc",
	}
	check := func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
	next:
		for _, i := range file.Imports {
			name := strings.Trim(i.Path.Value, `"`)
			for _, a := range allowed {
				if (name == a || strings.HasPrefix(name, a+"/")) && name != "crypto/rand" && name != "crypto/tls" {
					continue next
				}
			}
			t.Errorf("%s imports %s", path, name)
		}
		return nil
	}
	for _, dir := range []string{".", "tlsenc"} {
		if err := filepath.WalkDir(dir, check); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPendingThatContradict has pending proposals of which only some can be committed.
func TestPendingThatContradict(t *testing.T) {
	a, b := pair(t)
	c, d := newClient(t, quick, "c"), newClient(t, quick, "d")
	commit(t, mls.CommitOptions{}, a, []*client{b}, c)
	all := []*client{a, b, c}
	propose := func(by *client, f func() ([]byte, mls.Delta, error)) {
		t.Helper()
		msg, delta, err := f()
		if err != nil {
			t.Fatal(err)
		}
		by.db.apply(delta)
		for _, o := range all {
			if o != by {
				o.process(msg)
			}
		}
	}
	first := d.kp
	d.fresh(nil) // another key package of the same client
	for _, x := range []struct {
		by *client
		kp *mls.KeyPackage
	}{{a, first}, {b, d.kp}} {
		propose(x.by, func() ([]byte, mls.Delta, error) { return x.by.ProposeAdd(x.kp, testNow, mls.ProposalOptions{}) })
	}
	propose(b, func() ([]byte, mls.Delta, error) { return b.ProposeUpdate(mls.LeafUpdate{}, mls.ProposalOptions{}) })
	propose(b, func() ([]byte, mls.Delta, error) { return b.ProposeUpdate(mls.LeafUpdate{}, mls.ProposalOptions{}) })
	propose(a, func() ([]byte, mls.Delta, error) { return a.ProposeRemove(c.OwnLeaf(), mls.ProposalOptions{}) })
	propose(c, func() ([]byte, mls.Delta, error) { return c.ProposeSelfRemove(mls.ProposalOptions{}) })

	s := a.stage(mls.CommitOptions{Pending: true})
	if len(s.Added()) != 1 || len(s.Removed()) != 1 || len(s.Proposals()) != 3 {
		t.Fatalf("%+v", s.Proposals())
	}
	for _, o := range []*client{b, c} {
		o.applyCommit(o.process(s.Message()).(*mls.StagedCommit))
	}
	a.applyCommit(s)
	agree(t, a, b)
	if c.Active() {
		t.Fatal("SelfRemove is not preferred")
	}
}

func TestInspectBeforeJoining(t *testing.T) {
	a, b := newClient(t, quick, "a"), newClient(t, quick, "b")
	a.create()
	info := mls.Extension{Type: 0xF0F0, Data: []byte("hint")}
	s := a.stage(mls.CommitOptions{Add: []*mls.KeyPackage{b.kp}, WelcomeInfo: mls.GroupInfoOptions{
		RatchetTree: true, ExternalPub: true, Extensions: []mls.Extension{info},
	}})
	w := must[*mls.Welcome](t)(mls.ParseWelcome(s.WelcomeAll()))
	if w.CipherSuite() != quick || len(w.Recipients()) != 1 || !bytes.Equal(w.Recipients()[0], b.kp.Ref()) {
		t.Fatal("recipients")
	}
	params := mls.JoinParams{Welcome: w, KeyPackage: b.kp, Private: b.priv, Now: testNow}
	j := must[*mls.StagedJoin](t)(mls.StageJoin(params, b.cfg))
	if !bytes.Equal(j.Context().GroupID, a.GroupID()) || j.Inviter().Index != a.OwnLeaf() || j.OwnLeaf() != 1 ||
		string(j.Inviter().Leaf.Credential().Data) != "a" || string(j.GroupInfoExtensions()[0].Data) != "hint" {
		t.Fatal("inspection")
	}
	next := must[[]byte](t)(j.Export("l", []byte("c"), 16))
	a.applyCommit(s)
	if !bytes.Equal(next, must[[]byte](t)(a.Export("l", []byte("c"), 16))) || j.Context().Epoch != a.Context().Epoch {
		t.Fatal("export")
	}
	if _, _, err := j.Apply(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := j.Apply(); !errors.Is(err, mls.ErrStale) {
		t.Fatal(err)
	}
	other := newClient(t, quick, "o")
	params.KeyPackage, params.Private = other.kp, other.priv
	if _, err := mls.StageJoin(params, b.cfg); !errors.Is(err, mls.ErrNotForUs) {
		t.Fatal(err)
	}
	if a.CipherSuite() != quick || len(a.Extensions()) != 0 {
		t.Fatal("accessors")
	}
	if m := must[[]byte](t)(a.GroupInfo(mls.GroupInfoOptions{RatchetTree: true, ExternalPub: true})); len(m) == 0 {
		t.Fatal("group info")
	}
	if _, err := mls.LoadGroup(memory{}, a.cfg); !errors.Is(err, mls.ErrNoState) {
		t.Fatal(err)
	}
	if _, err := a.Export("l", nil, 1<<20); err == nil {
		t.Fatal("exports without bound")
	}
}
