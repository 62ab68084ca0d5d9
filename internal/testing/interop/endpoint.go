// SPDX-License-Identifier: AGPL-3.0-or-later

package interop

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/mls"
)

// Endpoint answers for the library of this module. Every delta goes to a store
// in memory, and lifetimes are held against the clock.
type Endpoint struct {
	name    string
	clients map[string]*client
}

// NewEndpoint returns an Endpoint without clients.
func NewEndpoint(name string) *Endpoint {
	return &Endpoint{name: name, clients: map[string]*client{}}
}

// Serve answers a stream of requests until it ends.
func Serve(p Peer, in io.Reader, out io.Writer) error {
	lines, w := bufio.NewReaderSize(in, 1<<20), bufio.NewWriter(out)
	dec, enc := json.NewDecoder(lines), json.NewEncoder(w)
	for {
		var q Request
		if err := dec.Decode(&q); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		r, err := p.Do(q)
		if err != nil {
			r = Response{Error: err.Error()}
		}
		if err := enc.Encode(r); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
}

// Close does nothing.
func (e *Endpoint) Close() error { return nil }

// Do answers one request.
func (e *Endpoint) Do(q Request) (r Response, err error) {
	defer func() {
		if err != nil {
			err = refusal(e.name, q, err.Error())
		}
	}()
	switch q.Op {
	case OpHello:
		return Response{
			Name: e.name, Suites: suites(),
			Features: []string{FeatureNoPath, FeatureAAD, FeatureUpdate, FeatureResync},
		}, nil
	case OpDrop:
		delete(e.clients, q.Client)
		return r, nil
	case OpKeyPackage, OpCreate, OpExternal:
		if e.clients[q.Client] == nil {
			if e.clients[q.Client], err = newClient(q); err != nil {
				return r, err
			}
		}
	}
	c := e.clients[q.Client]
	if c == nil {
		return r, errors.New("no such client")
	}
	do := map[string]func(Request, *Response) error{
		OpKeyPackage: c.keyPackage, OpCreate: c.create, OpJoin: c.join, OpPropose: c.propose, OpCommit: c.commit,
		OpApply: c.apply, OpProcess: c.process, OpProtect: c.protect, OpUnprotect: c.unprotect, OpState: c.state,
		OpGroupInfo: c.groupInfo, OpExternal: c.external, OpTree: c.tree,
	}[q.Op]
	if do == nil {
		return r, errors.New("no such operation")
	}
	if c.group == nil && !slices.Contains([]string{OpKeyPackage, OpCreate, OpJoin, OpExternal}, q.Op) {
		return r, errors.New("not in a group")
	}
	var before int64
	if q.Memory {
		before = heap()
	}
	err = do(q, &r)
	if q.Memory {
		r.Bytes = heap() - before
	}
	return r, err
}

// heap returns the bytes that are reachable.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what finalizers and pools held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func suites() (all []uint16) {
	for _, s := range mls.DefaultCapabilities().CipherSuites {
		all = append(all, uint16(s))
	}
	return append(all, uint16(mls.SuiteXWingAES256OpenMLS), uint16(mls.SuiteXWingAES256TSMLS))
}

type store map[string][]byte

// Get implements mls.Reader.
func (s store) Get(key string) ([]byte, error) { return s[key], nil }

func (s store) apply(d mls.Delta) {
	for _, r := range d.Put {
		s[r.Key] = bytes.Clone(r.Value)
	}
	for _, k := range d.Delete {
		delete(s, k)
	}
}

// client is one of our devices.
type client struct {
	suite    mls.CipherSuite
	identity string
	key      *mls.SigningKey
	kp       *mls.KeyPackage
	private  *mls.KeyPackagePrivate
	cfg      mls.Config
	db       store
	group    *mls.Group
	pending  *mls.StagedCommit
}

func newClient(q Request) (*client, error) {
	c := &client{suite: mls.CipherSuite(q.Suite), identity: q.Identity, cfg: mls.Config{Rand: rand.Reader}, db: store{}}
	var err error
	c.key, err = mls.NewSigningKey(c.suite, rand.Reader)
	return c, err
}

func lifetime() mls.Lifetime {
	return mls.Lifetime{NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(30 * 24 * time.Hour)}
}

// capabilities are the least, so that key packages of all libraries are of a size.
func (c *client) capabilities() mls.Capabilities {
	least := mls.DefaultCapabilities()
	least.CipherSuites = []mls.CipherSuite{c.suite}
	least.Extensions, least.Proposals = nil, nil
	least.Credentials = []mls.CredentialType{mls.CredentialBasic}
	return least
}

// timed runs f and notes how long it took.
func (r *Response) timed(f func() error) error {
	start := time.Now()
	err := f()
	r.Nanos = append(r.Nanos, time.Since(start).Nanoseconds())
	return err
}

func (c *client) keyPackage(_ Request, r *Response) error {
	return r.timed(func() (err error) {
		c.kp, c.private, err = mls.NewKeyPackage(mls.KeyPackageParams{
			Suite: c.suite, SigningKey: c.key, Credential: mls.BasicCredential([]byte(c.identity)),
			Capabilities: c.capabilities(), Lifetime: lifetime(), Rand: rand.Reader,
		})
		if err == nil {
			r.KeyPackage = c.kp.Bytes()
		}
		return err
	})
}

func (c *client) create(q Request, r *Response) error {
	return r.timed(func() error {
		g, d, err := mls.CreateGroup(mls.GroupParams{
			Suite: c.suite, GroupID: q.Group, SigningKey: c.key, Credential: mls.BasicCredential([]byte(c.identity)),
			Capabilities: c.capabilities(), Lifetime: lifetime(),
		}, c.cfg)
		if err != nil {
			return err
		}
		c.group = g
		c.db.apply(d)
		return nil
	})
}

func (c *client) join(q Request, r *Response) error {
	return r.timed(func() error {
		w, err := mls.ParseWelcome(q.Welcome)
		if err != nil {
			return err
		}
		j, err := mls.StageJoin(mls.JoinParams{
			Welcome: w, KeyPackage: c.kp, Private: c.private, RatchetTree: q.Tree, Now: time.Now(),
		}, c.cfg)
		if err != nil {
			return err
		}
		return c.enterJoined(j)
	})
}

func (c *client) external(q Request, r *Response) error {
	return r.timed(func() error {
		info, err := mls.ParseGroupInfo(q.GroupInfo)
		if err != nil {
			return err
		}
		p := mls.ExternalJoinParams{
			GroupInfo: info, SigningKey: c.key, Credential: mls.BasicCredential([]byte(c.identity)),
			Capabilities: c.capabilities(), AAD: q.AAD, Now: time.Now(),
		}
		if q.Resync {
			p.Former = func(_ mls.LeafIndex, leaf *mls.LeafNode) bool { return string(leaf.Credential().Data) == c.identity }
		}
		j, err := mls.StageExternalJoin(p, c.cfg)
		if err != nil {
			return err
		}
		r.Message = j.Message()
		return c.enterJoined(j)
	})
}

// enterJoined applies a join.
func (c *client) enterJoined(j *mls.StagedJoin) error {
	g, d, err := j.Apply()
	if err != nil {
		return err
	}
	c.group, c.db = g, store{}
	c.db.apply(d)
	return nil
}

func wireFormat(q Request) mls.WireFormat {
	if q.Public {
		return mls.PublicWire
	}
	return mls.PrivateWire
}

func (c *client) propose(q Request, r *Response) error {
	o := mls.ProposalOptions{WireFormat: wireFormat(q), AAD: q.AAD, Padding: q.Padding}
	return r.timed(func() (err error) {
		var d mls.Delta
		switch q.Kind {
		case KindAdd:
			var kp *mls.KeyPackage
			if kp, err = verifiedKeyPackage(q.Add[0]); err == nil {
				r.Message, d, err = c.group.ProposeAdd(kp, time.Now(), o)
			}
		case KindUpdate:
			r.Message, d, err = c.group.ProposeUpdate(mls.LeafUpdate{}, o)
		case KindRemove:
			r.Message, d, err = c.group.ProposeRemove(mls.LeafIndex(q.Index), o)
		default:
			err = fmt.Errorf("no proposal %q", q.Kind)
		}
		if err == nil {
			c.db.apply(d)
		}
		return err
	})
}

// verifiedKeyPackage decodes a key package and verifies it.
func verifiedKeyPackage(b []byte) (*mls.KeyPackage, error) {
	kp, err := mls.ParseKeyPackage(b)
	if err != nil {
		return nil, err
	}
	return kp, kp.Verify(time.Now())
}

func (c *client) commit(q Request, r *Response) error {
	return r.timed(func() error {
		o := mls.CommitOptions{
			Now: time.Now(), Pending: q.Pending, NoPath: !q.Path, WireFormat: wireFormat(q), AAD: q.AAD, Padding: q.Padding,
			WelcomeInfo: mls.GroupInfoOptions{RatchetTree: q.TreeInfo},
		}
		for _, b := range q.Add {
			kp, err := mls.ParseKeyPackage(b) // Stage verifies it
			if err != nil {
				return err
			}
			o.Add = append(o.Add, kp)
		}
		for _, i := range q.Remove {
			o.Remove = append(o.Remove, mls.LeafIndex(i))
		}
		s, d, err := c.group.Stage(o)
		if err != nil {
			return err
		}
		c.db.apply(d)
		c.pending = s
		r.Message, r.Welcome = s.Message(), s.WelcomeAll()
		if r.Welcome != nil && !q.TreeInfo && !q.NoTree {
			r.Tree = s.RatchetTree()
		}
		return nil
	})
}

func (c *client) apply(_ Request, r *Response) error {
	if c.pending == nil {
		return errors.New("no commit is staged")
	}
	return r.timed(func() error { return c.enter(c.pending) })
}

func (c *client) enter(s *mls.StagedCommit) error {
	d, err := c.group.Apply(s)
	if err != nil {
		return err
	}
	c.db.apply(d)
	c.pending = nil
	return nil
}

func (c *client) process(q Request, r *Response) error {
	return r.timed(func() error { return c.receive(q.Message, r) })
}

func (c *client) receive(message []byte, r *Response) error {
	received, d, err := c.group.Process(message, time.Now())
	if err != nil {
		return err
	}
	c.db.apply(d)
	switch m := received.(type) {
	case *mls.ApplicationMessage:
		r.Kind, r.Data, r.AAD = KindApplication, m.Data, m.AAD
	case *mls.ReceivedProposal:
		r.Kind, r.AAD = KindProposal, m.AAD
	case *mls.StagedCommit:
		r.Kind, r.AAD = KindCommit, m.AAD()
		return c.enter(m)
	}
	return nil
}

func (c *client) protect(q Request, r *Response) error {
	for range max(1, q.Count) {
		if err := r.timed(func() error {
			m, d, err := c.group.Protect(q.Data, mls.ProtectOptions{AAD: q.AAD, Padding: q.Padding})
			if err != nil {
				return err
			}
			c.db.apply(d)
			r.Messages = append(r.Messages, m)
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) unprotect(q Request, r *Response) error {
	for _, m := range q.Messages {
		if err := r.timed(func() error { return c.receive(m, r) }); err != nil {
			return err
		}
		if r.Kind != KindApplication {
			return fmt.Errorf("a %s is no application message", r.Kind)
		}
	}
	return nil
}

func (c *client) groupInfo(_ Request, r *Response) error {
	return r.timed(func() (err error) {
		r.GroupInfo, err = c.group.GroupInfo(mls.GroupInfoOptions{RatchetTree: true, ExternalPub: true})
		return err
	})
}

func (c *client) tree(_ Request, r *Response) error {
	return r.timed(func() error {
		r.Tree = c.group.RatchetTree()
		return nil
	})
}

func (c *client) state(_ Request, r *Response) error {
	g := c.group
	r.State = &State{Active: g.Active()}
	if !g.Active() {
		return nil
	}
	exported, err := g.Export(ExportLabel, ExportContext, ExportLength)
	if err != nil {
		return err
	}
	s := r.State
	s.Epoch, s.Authenticator, s.Exported = g.Epoch(), g.EpochAuthenticator(), exported
	s.TreeHash, s.Own = g.Context().TreeHash, uint32(g.OwnLeaf())
	for i, leaf := range g.Members() {
		s.Members = append(s.Members, Member{uint32(i), string(leaf.Credential().Data)})
	}
	return nil
}
