// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"encoding/json"
	"testing"

	"github.com/securecrypt/securecrypt/mls/internal/framing"
	"github.com/securecrypt/securecrypt/mls/internal/schedule"
	"github.com/securecrypt/securecrypt/mls/internal/secrettree"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
	"github.com/securecrypt/securecrypt/mls/tlsenc"
)

type cryptoBasics struct {
	CipherSuite uint16 `json:"cipher_suite"`
	RefHash     struct {
		Label string   `json:"label"`
		Value hexBytes `json:"value"`
		Out   hexBytes `json:"out"`
	} `json:"ref_hash"`
	ExpandWithLabel struct {
		Secret  hexBytes `json:"secret"`
		Label   string   `json:"label"`
		Context hexBytes `json:"context"`
		Length  int      `json:"length"`
		Out     hexBytes `json:"out"`
	} `json:"expand_with_label"`
	DeriveSecret struct {
		Secret hexBytes `json:"secret"`
		Label  string   `json:"label"`
		Out    hexBytes `json:"out"`
	} `json:"derive_secret"`
	DeriveTreeSecret struct {
		Secret     hexBytes `json:"secret"`
		Label      string   `json:"label"`
		Generation uint32   `json:"generation"`
		Length     int      `json:"length"`
		Out        hexBytes `json:"out"`
	} `json:"derive_tree_secret"`
	SignWithLabel struct {
		Priv      hexBytes `json:"priv"`
		Pub       hexBytes `json:"pub"`
		Content   hexBytes `json:"content"`
		Label     string   `json:"label"`
		Signature hexBytes `json:"signature"`
	} `json:"sign_with_label"`
	EncryptWithLabel struct {
		Priv       hexBytes `json:"priv"`
		Pub        hexBytes `json:"pub"`
		Label      string   `json:"label"`
		Context    hexBytes `json:"context"`
		Plaintext  hexBytes `json:"plaintext"`
		KEMOutput  hexBytes `json:"kem_output"`
		Ciphertext hexBytes `json:"ciphertext"`
	} `json:"encrypt_with_label"`
}

func testCryptoBasics(t *testing.T, s *suite.Suite, c *cryptoBasics) {
	equal(t, "ref_hash", s.RefHash(c.RefHash.Label, c.RefHash.Value), c.RefHash.Out)
	e := c.ExpandWithLabel
	equal(t, "expand_with_label", s.ExpandWithLabel(suite.Secret(e.Secret), e.Label, e.Context, e.Length), e.Out)
	d := c.DeriveSecret
	equal(t, "derive_secret", s.DeriveSecret(suite.Secret(d.Secret), d.Label), d.Out)
	g := c.DeriveTreeSecret
	equal(t, "derive_tree_secret", s.DeriveTreeSecret(suite.Secret(g.Secret), g.Label, g.Generation, g.Length), g.Out)

	sig := c.SignWithLabel
	pub, err := s.VerifyKey(sig.Pub)
	ok(t, err)
	priv, err := suite.ImportSigningKey(s.Scheme, sig.Priv)
	ok(t, err)
	equal(t, "signature public key", priv.Public, sig.Pub)
	again, err := s.Sign(priv, sig.Label, sig.Content)
	ok(t, err)
	if !s.Verify(pub, sig.Label, sig.Content, sig.Signature) || !s.Verify(pub, sig.Label, sig.Content, again) {
		t.Fatal("sign_with_label")
	}

	enc := c.EncryptWithLabel
	key, err := s.PrivateKey(suite.Secret(enc.Priv))
	ok(t, err)
	plain, err := s.Decrypt(key, enc.Label, enc.Context, enc.KEMOutput, enc.Ciphertext)
	ok(t, err)
	equal(t, "encrypt_with_label", plain, enc.Plaintext)
	public, err := s.PublicKey(enc.Pub)
	ok(t, err)
	kem, ct, err := s.Encrypt(public, enc.Label, enc.Context, enc.Plaintext)
	ok(t, err)
	plain, err = s.Decrypt(key, enc.Label, enc.Context, kem, ct)
	ok(t, err)
	equal(t, "encrypt_with_label again", plain, enc.Plaintext)
}

func testDeserialization(t *testing.T, data []byte) {
	var cases []struct {
		Header hexBytes `json:"vlbytes_header"`
		Length int      `json:"length"`
	}
	decode(t, data, &cases)
	for i, c := range cases {
		r := tlsenc.NewReader(c.Header)
		if n := r.Length(); n != c.Length || r.Done() != nil {
			t.Fatalf("case %d: %d instead of %d", i, n, c.Length)
		}
	}
}

func testTreeMath(t *testing.T, data []byte) {
	var cases []struct {
		Leaves  uint32    `json:"n_leaves"`
		Nodes   uint32    `json:"n_nodes"`
		Root    uint32    `json:"root"`
		Left    []*uint32 `json:"left"`
		Right   []*uint32 `json:"right"`
		Parent  []*uint32 `json:"parent"`
		Sibling []*uint32 `json:"sibling"`
	}
	decode(t, data, &cases)
	check := func(what string, n int, want *uint32, got treemath.Node) {
		if want != nil && treemath.Node(*want) != got {
			t.Fatalf("%s of %d: %d instead of %d", what, n, got, *want)
		}
	}
	for _, c := range cases {
		if treemath.Width(c.Leaves) != c.Nodes || uint32(treemath.Root(c.Leaves)) != c.Root {
			t.Fatalf("width or root of %d leaves", c.Leaves)
		}
		for i := range int(c.Nodes) {
			n := treemath.Node(i)
			if n.IsLeaf() != (c.Left[i] == nil) || (n == treemath.Root(c.Leaves)) != (c.Parent[i] == nil) {
				t.Fatalf("kind of %d", i)
			}
			if !n.IsLeaf() {
				check("left", i, c.Left[i], n.Left())
				check("right", i, c.Right[i], n.Right())
			}
			if n != treemath.Root(c.Leaves) {
				check("parent", i, c.Parent[i], n.Parent())
				check("sibling", i, c.Sibling[i], n.Sibling())
			}
		}
	}
}

type keySchedule struct {
	CipherSuite       uint16             `json:"cipher_suite"`
	GroupID           hexBytes           `json:"group_id"`
	InitialInitSecret hexBytes           `json:"initial_init_secret"`
	Epochs            []keyScheduleEpoch `json:"epochs"`
}

type keyScheduleEpoch struct {
	TreeHash                hexBytes `json:"tree_hash"`
	CommitSecret            hexBytes `json:"commit_secret"`
	PSKSecret               hexBytes `json:"psk_secret"`
	ConfirmedTranscriptHash hexBytes `json:"confirmed_transcript_hash"`
	GroupContext            hexBytes `json:"group_context"`
	JoinerSecret            hexBytes `json:"joiner_secret"`
	WelcomeSecret           hexBytes `json:"welcome_secret"`
	InitSecret              hexBytes `json:"init_secret"`
	SenderDataSecret        hexBytes `json:"sender_data_secret"`
	EncryptionSecret        hexBytes `json:"encryption_secret"`
	ExporterSecret          hexBytes `json:"exporter_secret"`
	EpochAuthenticator      hexBytes `json:"epoch_authenticator"`
	ExternalSecret          hexBytes `json:"external_secret"`
	ConfirmationKey         hexBytes `json:"confirmation_key"`
	MembershipKey           hexBytes `json:"membership_key"`
	ResumptionPSK           hexBytes `json:"resumption_psk"`
	ExternalPub             hexBytes `json:"external_pub"`
	Exporter                struct {
		Label   string   `json:"label"`
		Context hexBytes `json:"context"`
		Length  int      `json:"length"`
		Secret  hexBytes `json:"secret"`
	} `json:"exporter"`
}

func testKeySchedule(t *testing.T, s *suite.Suite, c *keySchedule) {
	init := schedule.NewInit(s, suite.Secret(c.InitialInitSecret))
	for i, e := range c.Epochs {
		context := &wire.GroupContext{
			Version: wire.Version, CipherSuite: c.CipherSuite, GroupID: c.GroupID, Epoch: uint64(i),
			TreeHash: e.TreeHash, ConfirmedTranscriptHash: e.ConfirmedTranscriptHash,
		}
		equal(t, "group_context", context.Bytes(), e.GroupContext)
		joiner := init.Commit(suite.Secret(e.CommitSecret), context)
		equal(t, "joiner_secret", joiner.Secret(), e.JoinerSecret)
		member := joiner.PSK(schedule.RawPSK(suite.Secret(e.PSKSecret)))
		equal(t, "welcome_secret", member.WelcomeSecret(), e.WelcomeSecret)
		got := member.Epoch(context)
		for _, x := range []struct {
			what string
			got  suite.Secret
			want hexBytes
		}{
			{"init_secret", got.Init, e.InitSecret},
			{"sender_data_secret", got.SenderData, e.SenderDataSecret},
			{"encryption_secret", got.Encryption, e.EncryptionSecret},
			{"exporter_secret", got.Exporter, e.ExporterSecret},
			{"epoch_authenticator", got.Authenticator, e.EpochAuthenticator},
			{"external_secret", got.External, e.ExternalSecret},
			{"confirmation_key", got.Confirmation, e.ConfirmationKey},
			{"membership_key", got.Membership, e.MembershipKey},
			{"resumption_psk", got.Resumption, e.ResumptionPSK},
			{"exporter", got.Export(e.Exporter.Label, e.Exporter.Context, e.Exporter.Length), e.Exporter.Secret},
		} {
			equal(t, x.what, x.got, x.want)
		}
		external, err := got.ExternalKey()
		ok(t, err)
		equal(t, "external_pub", external.PublicKey().Bytes(), e.ExternalPub)
		init = got.Next()
	}
}

type pskSecret struct {
	CipherSuite uint16    `json:"cipher_suite"`
	PSKs        []pskCase `json:"psks"`
	PSKSecret   hexBytes  `json:"psk_secret"`
}

type pskCase struct {
	ID    hexBytes `json:"psk_id"`
	PSK   hexBytes `json:"psk"`
	Nonce hexBytes `json:"psk_nonce"`
}

func testPSKSecret(t *testing.T, s *suite.Suite, c *pskSecret) {
	var inputs []schedule.PSKInput
	for _, p := range c.PSKs {
		inputs = append(inputs, schedule.PSKInput{
			ID: wire.PSKID{Type: wire.PSKExternal, ID: p.ID, Nonce: p.Nonce}, Secret: suite.Secret(p.PSK),
		})
	}
	equal(t, "psk_secret", schedule.CombinePSKs(s, inputs).Secret(), c.PSKSecret)
}

// records is a store of one secret tree.
type records map[string][]byte

func (r records) Get(key string) ([]byte, error) { return r[key], nil }
func (r records) Put(key string, value []byte)   { r[key] = value }
func (r records) Delete(key string)              { delete(r, key) }

type secretTreeCase struct {
	CipherSuite uint16 `json:"cipher_suite"`
	SenderData  struct {
		Secret     hexBytes `json:"sender_data_secret"`
		Ciphertext hexBytes `json:"ciphertext"`
		Key        hexBytes `json:"key"`
		Nonce      hexBytes `json:"nonce"`
	} `json:"sender_data"`
	EncryptionSecret hexBytes              `json:"encryption_secret"`
	Leaves           [][]secretTreeKeyCase `json:"leaves"`
}

type secretTreeKeyCase struct {
	Generation       uint32   `json:"generation"`
	HandshakeKey     hexBytes `json:"handshake_key"`
	HandshakeNonce   hexBytes `json:"handshake_nonce"`
	ApplicationKey   hexBytes `json:"application_key"`
	ApplicationNonce hexBytes `json:"application_nonce"`
}

func testSecretTree(t *testing.T, s *suite.Suite, c *secretTreeCase) {
	key := framing.SenderDataKey(s, suite.Secret(c.SenderData.Secret), c.SenderData.Ciphertext)
	equal(t, "sender data key", key.Key, c.SenderData.Key)
	equal(t, "sender data nonce", key.Nonce, c.SenderData.Nonce)
	st := records{}
	tree := &secrettree.Tree{
		Suite: s, Leaves: treemath.FullSize(uint32(len(c.Leaves))),
		Limits: secrettree.Limits{MaxForward: 1000, OutOfOrder: 1000},
	}
	tree.Init(st, suite.Secret(c.EncryptionSecret))
	for i, leaf := range c.Leaves {
		for _, g := range leaf {
			h, err := tree.Take(st, secrettree.Handshake, treemath.Leaf(i), g.Generation)
			ok(t, err)
			a, err := tree.Take(st, secrettree.Application, treemath.Leaf(i), g.Generation)
			ok(t, err)
			equal(t, "handshake_key", h.Key, g.HandshakeKey)
			equal(t, "handshake_nonce", h.Nonce, g.HandshakeNonce)
			equal(t, "application_key", a.Key, g.ApplicationKey)
			equal(t, "application_nonce", a.Nonce, g.ApplicationNonce)
		}
	}
}

type transcriptHashes struct {
	CipherSuite          uint16   `json:"cipher_suite"`
	ConfirmationKey      hexBytes `json:"confirmation_key"`
	AuthenticatedContent hexBytes `json:"authenticated_content"`
	InterimBefore        hexBytes `json:"interim_transcript_hash_before"`
	ConfirmedAfter       hexBytes `json:"confirmed_transcript_hash_after"`
	InterimAfter         hexBytes `json:"interim_transcript_hash_after"`
}

func testTranscriptHashes(t *testing.T, s *suite.Suite, c *transcriptHashes) {
	content, err := wire.ParseAuthenticatedContent(c.AuthenticatedContent)
	ok(t, err)
	equal(t, "authenticated_content", content.Bytes(), c.AuthenticatedContent)
	confirmed := schedule.ConfirmedHash(s, c.InterimBefore, content)
	equal(t, "confirmed", confirmed, c.ConfirmedAfter)
	equal(t, "interim", schedule.InterimHash(s, confirmed, content.Auth.ConfirmationTag), c.InterimAfter)
	epoch := schedule.RestoreEpoch(s)
	epoch.Confirmation = suite.Secret(c.ConfirmationKey)
	if content.Content.Type != wire.ContentCommit || !epoch.Confirms(confirmed, content.Auth.ConfirmationTag) {
		t.Fatal("confirmation_tag")
	}
}

func testMessages(t *testing.T, data []byte) {
	var cases []map[string]hexBytes
	decode(t, data, &cases)
	whole := func(b []byte) ([]byte, error) {
		m, err := wire.ParseMessage(b)
		if err != nil {
			return nil, err
		}
		return m.Bytes(), nil
	}
	proposal := func(kind wire.ProposalType) func([]byte) ([]byte, error) {
		return func(b []byte) ([]byte, error) {
			r := tlsenc.NewReader(b)
			p := wire.ReadProposalBody(r, kind)
			var w tlsenc.Writer
			p.MarshalBody(&w)
			return w.Bytes(), r.Done()
		}
	}
	codecs := map[string]func([]byte) ([]byte, error){
		"mls_welcome": whole, "mls_group_info": whole, "mls_key_package": whole,
		"public_message_application": whole, "public_message_proposal": whole,
		"public_message_commit": whole, "private_message": whole,
		"ratchet_tree": func(b []byte) ([]byte, error) {
			nodes, err := wire.ParseTree(b)
			return wire.MarshalTree(nodes), err
		},
		"group_secrets": func(b []byte) ([]byte, error) {
			g, err := wire.ParseGroupSecrets(b)
			return g.Bytes(), err
		},
		"add_proposal": proposal(wire.Add), "update_proposal": proposal(wire.Update),
		"remove_proposal": proposal(wire.Remove), "pre_shared_key_proposal": proposal(wire.PSK),
		"re_init_proposal": proposal(wire.ReInit), "external_init_proposal": proposal(wire.ExternalInit),
		"group_context_extensions_proposal": proposal(wire.GroupContextExtensions),
		"commit": func(b []byte) ([]byte, error) {
			r := tlsenc.NewReader(b)
			var w tlsenc.Writer
			wire.ReadCommit(r).Marshal(&w)
			return w.Bytes(), r.Done()
		},
	}
	for _, c := range cases {
		for name, value := range c {
			codec := codecs[name]
			if codec == nil {
				t.Fatalf("unknown field %s", name)
			}
			again, err := codec(value)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			equal(t, name, again, value)
		}
		if len(c) != len(codecs) {
			t.Fatalf("%d fields instead of %d", len(c), len(codecs))
		}
	}
}

var _ json.Unmarshaler = (*hexBytes)(nil)
