// SPDX-License-Identifier: AGPL-3.0-or-later

package account

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hpke"
	"encoding/hex"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with, or writes, a file of text.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != strings.TrimSpace(string(want)) {
		t.Fatalf("differs from %s: %s", path, got)
	}
}

var testTime = time.Unix(1_760_000_000, 0).UTC()

// keys is somebody's secrets; the same seed yields the same.
type keys struct {
	device  ed25519.PrivateKey
	mailbox MailboxKey
	secret  RecoverySecret
}

func newKeys(t testing.TB, seed byte) keys {
	t.Helper()
	random := rand.NewChaCha8([32]byte{seed})
	mailbox, err := hpke.MLKEM768X25519().NewPrivateKey(draw(random))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := NewRecoverySecret(random)
	if err != nil {
		t.Fatal(err)
	}
	return keys{ed25519.NewKeyFromSeed(draw(random)), MailboxKey(mailbox.PublicKey().Bytes()), secret}
}

func draw(random *rand.ChaCha8) []byte {
	b := make([]byte, 32)
	_, _ = random.Read(b)
	return b
}

func (k keys) public() Device {
	return Device{SignatureKey(k.device.Public().(ed25519.PublicKey)), k.mailbox}
}

func (k keys) recovery(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	priv, err := k.secret.PrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return priv
}

var testAddress = Address{"k7q2-m9xd-4tzp", "example.org"}

func (k keys) content(t testing.TB) CreateContent {
	return CreateContent{testAddress, RecoveryKey(k.recovery(t).Public().(ed25519.PublicKey)), k.public()}
}

// signer is a private key and the role in which it signs.
type signer struct {
	role Role
	key  ed25519.PrivateKey
}

func (k keys) asDevice() signer { return signer{RoleDevice, k.device} }

func (k keys) asRecovery(t testing.TB) signer { return signer{RoleRecovery, k.recovery(t)} }

// encodeStatement returns a signed statement that need not follow from anything.
func encodeStatement(seq uint64, previous Head, at time.Time, c Content, signers ...signer) ([]byte, error) {
	body, err := encodeBody(seq, previous, at, c)
	if err != nil {
		return nil, err
	}
	d := Draft{body: body}
	signatures := make([]Signature, len(signers))
	for i, s := range signers {
		signatures[i] = d.sign(s.role, s.key)
	}
	return d.Statement(signatures...)
}

func encode(t testing.TB, seq uint64, previous Head, c Content, signers ...signer) []byte {
	t.Helper()
	b, err := encodeStatement(seq, previous, testTime, c, signers...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func contents(t testing.TB) []Content {
	a, b := newKeys(t, 1), newKeys(t, 2)
	return []Content{
		a.content(t),
		AddDevice{b.public()},
		RevokeDevice{b.public().ID()},
		RotateRecovery{b.content(t).RecoveryKey},
		ResetRequest{b.content(t).RecoveryKey, b.public(), 72 * time.Hour},
		ResetVeto{Head{1}},
		ResetCommit{Head{2}},
		Move{Address{"alice", "[2001:db8::1]:8443"}},
		Close{},
	}
}

// statements returns a statement of every type.
func statements(t testing.TB) [][]byte {
	k := newKeys(t, 1)
	var out [][]byte
	for i, c := range contents(t) {
		out = append(out, encode(t, uint64(i), Head{byte(i)}, c, signer{RoleDevice, k.device}, signer{RoleRecovery, k.recovery(t)}))
	}
	return out
}

// The golden files bind the format: accounts live on them.
func TestStatementsOfEveryType(t *testing.T) {
	for i, b := range statements(t) {
		s, err := ParseStatement(b)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(s.Type.String(), func(t *testing.T) {
			golden(t, s.Type.String()+".hex", hex.EncodeToString(b))
			if s.Content != contents(t)[i] || s.Sequence != uint64(i) || s.Previous != (Head{byte(i)}) || !s.Time.Equal(testTime) ||
				int(s.Type) != i+1 || len(s.Signatures) != 2 || !bytes.Equal(s.Bytes(), b) {
				t.Fatalf("got %+v", s)
			}
		})
	}
}

func TestGoldenTexts(t *testing.T) {
	k := newKeys(t, 1)
	cred, err := Credential{testAddress, k.public().ID()}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "credential.hex", hex.EncodeToString(cred))
	golden(t, "recovery-secret.txt", k.secret.Reveal())
	golden(t, "recovery-key.txt", k.content(t).RecoveryKey.String())
	golden(t, "device-id.txt", k.public().ID().String())
	a := chainOf(t, newKeys(t, 1))
	b := chainOf(t, newKeys(t, 2))
	golden(t, "head.txt", a.Head().String())
	golden(t, "safety-number.txt", SafetyNumber(a, b).Digits())
	golden(t, "safety-number-qr.hex", hex.EncodeToString(SafetyNumber(a, b).QR()))
	sealing, err := k.secret.SignedSealingKey()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "recovery-sealing-key.hex", hex.EncodeToString(sealing))
}

func chainOf(t testing.TB, k keys) *Chain {
	t.Helper()
	c, err := Verify(testAddress, [][]byte{create(t, k)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func create(t testing.TB, k keys) []byte {
	t.Helper()
	b, err := Create(CreateParams{Address: testAddress, Time: testTime, DeviceKey: k.device, MailboxKey: k.mailbox, Recovery: k.secret})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func flip(_, sig []byte) []byte { return append([]byte{sig[0] ^ 1}, sig[1:]...) }

// resign replaces a signature by another.
func resign(t *testing.T, statement []byte, i int, f func(body, sig []byte) []byte) []byte {
	t.Helper()
	var w wireStatement
	if err := dcbor.Unmarshal(statement, &w); err != nil {
		t.Fatal(err)
	}
	w.Signatures[i].Signature = f(w.Body, w.Signatures[i].Signature)
	return marshal(t, w)
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := dcbor.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type (
	list = []any
	dict = map[any]any
)

// wireCreation returns a statement as it is on the wire, to be spoilt. Its
// signatures are not valid.
func wireCreation(t testing.TB) (envelope list, body, content dict) {
	k := newKeys(t, 1)
	content = dict{1: testAddress.String(), 2: make([]byte, 32), 3: dict{1: make([]byte, 32), 2: k.mailbox[:]}}
	body = dict{1: 1, 2: 0, 3: make([]byte, 32), 4: 1_760_000_000, 5: content}
	envelope = list{1, nil, list{list{1, make([]byte, 32), make([]byte, 64)}}}
	return envelope, body, content
}

type parts struct {
	envelope      list
	body, content dict
}

func (p parts) device() dict { return p.content[3].(dict) }

// manySignatures returns one signature too many.
func manySignatures() list {
	many := make(list, MaxSignatures+1)
	for i := range many {
		many[i] = list{1, make([]byte, 32), make([]byte, 64)}
	}
	return many
}

// spoils are changes of a create statement that ParseStatement refuses.
var spoils = map[string]func(parts){
	"format-version version 2":                 func(p parts) { p.envelope[0] = 2 },
	"format-encoding version of text":          func(p parts) { p.envelope[0] = "1" },
	"format-type type 0":                       func(p parts) { p.body[1] = 0 },
	"format-type type 10":                      func(p parts) { p.body[1] = 10 },
	"format-type type 257":                     func(p parts) { p.body[1] = 257 },
	"format-signatures no signature":           func(p parts) { p.envelope[2] = list{} },
	"format-signatures many signatures":        func(p parts) { p.envelope[2] = manySignatures() },
	"format-role role 0":                       func(p parts) { p.envelope[2] = list{list{0, make([]byte, 32), make([]byte, 64)}} },
	"format-role role 3":                       func(p parts) { p.envelope[2] = list{list{3, make([]byte, 32), make([]byte, 64)}} },
	"format-signature short key":               func(p parts) { p.envelope[2] = list{list{1, make([]byte, 31), make([]byte, 64)}} },
	"format-signature long signature":          func(p parts) { p.envelope[2] = list{list{1, make([]byte, 32), make([]byte, 65)}} },
	"format-previous short previous hash":      func(p parts) { p.body[3] = make([]byte, 31) },
	"format-encoding previous hash of null":    func(p parts) { p.body[3] = nil },
	"format-time time after the year 9999":     func(p parts) { p.body[4] = MaxTime + 1 },
	"format-encoding negative time":            func(p parts) { p.body[4] = -1 },
	"format-encoding unknown field in body":    func(p parts) { p.body[6] = 0 },
	"format-encoding missing field in body":    func(p parts) { delete(p.body, 2) },
	"format-encoding unknown field in content": func(p parts) { p.content[4] = 0 },
	"format-encoding missing field in content": func(p parts) { delete(p.content, 2) },
	"format-encoding unknown field in device":  func(p parts) { p.device()[3] = 0 },
	"format-address address in upper case":     func(p parts) { p.content[1] = "K7Q2-m9xd-4tzp@example.org" },
	"format-address no address":                func(p parts) { p.content[1] = "" },
	"format-recovery short recovery key":       func(p parts) { p.content[2] = make([]byte, 31) },
	"format-device long signature key":         func(p parts) { p.device()[1] = make([]byte, 33) },
	"format-mailbox short mailbox key":         func(p parts) { p.device()[2] = make([]byte, MailboxKeySize-1) },
	"format-mailbox mailbox key that is none":  func(p parts) { p.device()[2] = bytes.Repeat([]byte{0xff}, MailboxKeySize) },
	"format-encoding body is no bytes":         func(p parts) { p.envelope[1] = list{} },
}

// parseSpoilt parses a create statement after a change of its parts.
func parseSpoilt(t *testing.T, spoil func(parts)) error {
	t.Helper()
	e, b, content := wireCreation(t)
	spoil(parts{e, b, content})
	if e[1] == nil {
		e[1] = marshal(t, b)
	}
	_, err := ParseStatement(marshal(t, e))
	return err
}

func TestSpoiltStatementsBeginWhole(t *testing.T) {
	if err := parseSpoilt(t, func(parts) {}); err != nil {
		t.Fatal(err)
	}
}

// spoiltBytes are encodings that ParseStatement refuses.
func spoiltBytes(t testing.TB) map[string][]byte {
	good := create(t, newKeys(t, 1))
	return map[string][]byte{
		"format-encoding empty": {}, "format-encoding trailing": append(bytes.Clone(good), 0), "format-encoding truncated": good[:len(good)-1],
		"format-encoding long version": append([]byte{0x83, 0x18, 1}, good[2:]...), "format-encoding no array": {1},
		"format-empty array": {0x80}, "format-size large": make([]byte, MaxStatementSize+1),
	}
}

func TestEveryBitCounts(t *testing.T) {
	good := create(t, newKeys(t, 1))
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		b := bytes.Clone(good)
		b[random.IntN(len(b))] ^= 1 << random.IntN(8)
		if _, err := Verify(testAddress, [][]byte{b}); err == nil {
			t.Fatalf("verified after a change: %x", b)
		}
	}
}

// spoiltContent is content of other types than create that is refused.
func spoiltContent(t testing.TB) map[string]content {
	mailbox := newKeys(t, 1).mailbox
	return map[string]content{
		"format-length short device id":     {TypeRevokeDevice, dict{1: make([]byte, 15)}},
		"format-length short recovery key":  {TypeRotateRecovery, dict{1: make([]byte, 31)}},
		"format-encoding no device":         {TypeAddDevice, dict{1: dict{}}},
		"format-length short veto":          {TypeResetVeto, dict{1: make([]byte, 31)}},
		"format-length long commit":         {TypeResetCommit, dict{1: make([]byte, 33)}},
		"format-address move to nowhere":    {TypeMove, dict{1: "nowhere"}},
		"format-encoding close, a reason":   {TypeClose, dict{1: "reason"}},
		"format-wait of two years":          {TypeResetRequest, dict{1: make([]byte, 32), 2: dict{1: make([]byte, 32), 2: mailbox[:]}, 3: 2 * 366 * 86400}},
		"format-encoding close of a list":   {TypeClose, list{}},
		"format-recovery short, in a reset": {TypeResetRequest, dict{1: make([]byte, 31), 2: dict{1: make([]byte, 32), 2: mailbox[:]}, 3: 0}},
	}
}

type content struct {
	typ   Type
	value any
}

func TestCreateRefuses(t *testing.T) {
	k := newKeys(t, 1)
	good := CreateParams{Address: testAddress, Time: testTime, DeviceKey: k.device, MailboxKey: k.mailbox, Recovery: k.secret}
	erased := newKeys(t, 1).secret
	erased.Erase()
	for name, spoil := range map[string]func(*CreateParams){
		"address":        func(p *CreateParams) { p.Address = Address{"A", "b"} },
		"time":           func(p *CreateParams) { p.Time = time.Time{} },
		"device key":     func(p *CreateParams) { p.DeviceKey = nil },
		"mailbox key":    func(p *CreateParams) { p.MailboxKey = MailboxKey(bytes.Repeat([]byte{0xff}, MailboxKeySize)) },
		"no recovery":    func(p *CreateParams) { p.Recovery = RecoverySecret{} },
		"erased secret":  func(p *CreateParams) { p.Recovery = erased },
		"far too late":   func(p *CreateParams) { p.Time = time.Unix(MaxTime+1, 0) },
		"before history": func(p *CreateParams) { p.Time = time.Unix(-1, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			p := good
			spoil(&p)
			if _, err := Create(p); err == nil {
				t.Fatal("created")
			}
		})
	}
}

func TestParsedStatementsComeBack(t *testing.T) {
	k := newKeys(t, 1)
	device := rapid.Just(k.public())
	heads := rapid.Custom(func(t *rapid.T) Head { return Head(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "head")) })
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.OneOf(
			rapid.Map(heads, func(h Head) Content { return ResetVeto{h} }),
			rapid.Map(heads, func(h Head) Content { return ResetCommit{h} }),
			rapid.Map(heads, func(h Head) Content { return RotateRecovery{RecoveryKey(h)} }),
			rapid.Map(heads, func(h Head) Content { return RevokeDevice{DeviceID(h[:16])} }),
			rapid.Map(heads, func(h Head) Content {
				return ResetRequest{RecoveryKey(h), device.Draw(t, "device"), time.Duration(h[0]) * time.Hour}
			}),
			rapid.Just[Content](Close{}),
		).Draw(t, "content")
		seq, previous := rapid.Uint64().Draw(t, "sequence"), heads.Draw(t, "previous")
		at := time.Unix(rapid.Int64Range(0, MaxTime).Draw(t, "time"), 0)
		b, err := encodeStatement(seq, previous, at, c, signer{RoleDevice, k.device})
		if err != nil {
			t.Fatal(err)
		}
		s, err := ParseStatement(b)
		if err != nil || s.Content != c || s.Sequence != seq || s.Previous != previous || !s.Time.Equal(at) {
			t.Fatalf("got %+v, %v", s, err)
		}
	})
}

func FuzzDecodeStatement(f *testing.F) {
	for _, b := range statements(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseStatement(b)
		if err != nil {
			return
		}
		content, err := dcbor.Marshal(s.Content.wire())
		if err != nil {
			t.Fatal(err)
		}
		var w wireBody
		if err := dcbor.Unmarshal(s.body, &w); err != nil || !bytes.Equal(content, w.Content) {
			t.Fatalf("%x became %x, %v", w.Content, content, err)
		}
		if c, err := Verify(testAddress, [][]byte{b}); err == nil && c.Address() != testAddress {
			t.Fatal("another address")
		}
	})
}
