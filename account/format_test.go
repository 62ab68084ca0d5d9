// SPDX-License-Identifier: AGPL-3.0-or-later

package account

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hpke"
	"encoding/hex"
	"errors"
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

func TestVerifyRefuses(t *testing.T) {
	k, other := newKeys(t, 1), newKeys(t, 2)
	device, recovery := signer{RoleDevice, k.device}, signer{RoleRecovery, k.recovery(t)}
	good := create(t, k)
	head := chainOf(t, k).Head()
	first := func(c Content, signers ...signer) [][]byte { return [][]byte{encode(t, 0, Head{}, c, signers...)} }
	second := func(c Content) [][]byte { return [][]byte{good, encode(t, 1, head, c, device, recovery)} }
	swapped := k.content(t)
	swapped.RecoveryKey = RecoveryKey(k.public().SignatureKey)
	cases := []struct {
		name  string // AC-n and what is wrong
		chain [][]byte
		want  error
	}{
		{"AC-1 nothing", nil, ErrBroken},
		{"AC-1 too many", make([][]byte, MaxStatements+1), ErrBroken},
		{"AC-2 sequence begins at one", [][]byte{encode(t, 1, Head{}, k.content(t), device, recovery)}, ErrBroken},
		{"AC-2 sequence repeats", [][]byte{good, encode(t, 0, head, Close{}, device, recovery)}, ErrBroken},
		{"AC-3 previous hash at the beginning", [][]byte{encode(t, 0, Head{1}, k.content(t), device, recovery)}, ErrBroken},
		{"AC-3 another previous hash", [][]byte{good, encode(t, 1, Head{}, Close{}, device, recovery)}, ErrBroken},
		{"AC-4 begins with another statement", first(Close{}, device, recovery), ErrBroken},
		{"AC-4 two creates", second(k.content(t)), ErrBroken},
		{"AC-5 add-device", second(contents(t)[1]), ErrNotSupported},
		{"AC-5 revoke-device", second(contents(t)[2]), ErrNotSupported},
		{"AC-5 rotate-recovery", second(contents(t)[3]), ErrNotSupported},
		{"AC-5 reset-request", second(contents(t)[4]), ErrNotSupported},
		{"AC-5 reset-veto", second(contents(t)[5]), ErrNotSupported},
		{"AC-5 reset-commit", second(contents(t)[6]), ErrNotSupported},
		{"AC-5 move", second(contents(t)[7]), ErrNotSupported},
		{"AC-5 close", second(contents(t)[8]), ErrNotSupported},
		{"AC-6 device key is recovery key", first(swapped, device, signer{RoleRecovery, k.device}), ErrMalformed},
		{"AC-7 no recovery signature", first(k.content(t), device), ErrSignature},
		{"AC-7 no device signature", first(k.content(t), recovery), ErrSignature},
		{"AC-7 other order", first(k.content(t), recovery, device), ErrSignature},
		{"AC-7 one too many", first(k.content(t), device, recovery, device), ErrSignature},
		{"AC-7 roles swapped", first(k.content(t), signer{RoleRecovery, k.device}, signer{RoleDevice, k.recovery(t)}), ErrSignature},
		{"AC-7 another device signed", first(k.content(t), signer{RoleDevice, other.device}, recovery), ErrSignature},
		{"AC-7 another recovery key signed", first(k.content(t), device, signer{RoleRecovery, other.recovery(t)}), ErrSignature},
		{"AC-8 first signature", [][]byte{resign(t, good, 0, flip)}, ErrSignature},
		{"AC-8 second signature", [][]byte{resign(t, good, 1, flip)}, ErrSignature},
		{"AC-8 signature in the other role", [][]byte{resign(t, good, 0, func(body, _ []byte) []byte {
			return ed25519.Sign(k.device, signedBytes(RoleRecovery, body))
		})}, ErrSignature},
		{"AC-8 signature without context", [][]byte{resign(t, good, 0, func(body, _ []byte) []byte {
			return ed25519.Sign(k.device, body)
		})}, ErrSignature},
		{"AC-8 later statement", [][]byte{good, good[1:]}, ErrMalformed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Verify(testAddress, c.chain); !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
		})
	}
	t.Run("AC-9 another address", func(t *testing.T) {
		if _, err := Verify(Address{"mallory", "example.org"}, [][]byte{good}); !errors.Is(err, ErrWrongAddress) {
			t.Fatal(err)
		}
	})
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

func TestParseRefuses(t *testing.T) {
	type parts struct {
		envelope      list
		body, content dict
	}
	many := make(list, MaxSignatures+1)
	for i := range many {
		many[i] = list{1, make([]byte, 32), make([]byte, 64)}
	}
	device := func(p parts) dict { return p.content[3].(dict) }
	cases := []struct {
		name  string
		spoil func(parts)
		want  error
	}{
		{"AC-10 version 2", func(p parts) { p.envelope[0] = 2 }, ErrUnknown},
		{"AC-10 version of text", func(p parts) { p.envelope[0] = "1" }, ErrMalformed},
		{"AC-11 type 0", func(p parts) { p.body[1] = 0 }, ErrUnknown},
		{"AC-11 type 10", func(p parts) { p.body[1] = 10 }, ErrUnknown},
		{"AC-11 type 257", func(p parts) { p.body[1] = 257 }, ErrUnknown},
		{"AC-12 no signature", func(p parts) { p.envelope[2] = list{} }, ErrMalformed},
		{"AC-12 many signatures", func(p parts) { p.envelope[2] = many }, ErrMalformed},
		{"AC-12 role 0", func(p parts) { p.envelope[2] = list{list{0, make([]byte, 32), make([]byte, 64)}} }, ErrMalformed},
		{"AC-12 role 3", func(p parts) { p.envelope[2] = list{list{3, make([]byte, 32), make([]byte, 64)}} }, ErrMalformed},
		{"AC-12 short key", func(p parts) { p.envelope[2] = list{list{1, make([]byte, 31), make([]byte, 64)}} }, ErrMalformed},
		{"AC-12 long signature", func(p parts) { p.envelope[2] = list{list{1, make([]byte, 32), make([]byte, 65)}} }, ErrMalformed},
		{"AC-13 short previous hash", func(p parts) { p.body[3] = make([]byte, 31) }, ErrMalformed},
		{"AC-13 previous hash of null", func(p parts) { p.body[3] = nil }, ErrMalformed},
		{"AC-14 time after the year 9999", func(p parts) { p.body[4] = MaxTime + 1 }, ErrMalformed},
		{"AC-14 negative time", func(p parts) { p.body[4] = -1 }, ErrMalformed},
		{"AC-15 unknown field in body", func(p parts) { p.body[6] = 0 }, ErrMalformed},
		{"AC-15 missing field in body", func(p parts) { delete(p.body, 2) }, ErrMalformed},
		{"AC-15 unknown field in content", func(p parts) { p.content[4] = 0 }, ErrMalformed},
		{"AC-15 missing field in content", func(p parts) { delete(p.content, 2) }, ErrMalformed},
		{"AC-15 unknown field in device", func(p parts) { device(p)[3] = 0 }, ErrMalformed},
		{"AC-16 address in upper case", func(p parts) { p.content[1] = "K7Q2-m9xd-4tzp@example.org" }, ErrMalformed},
		{"AC-16 no address", func(p parts) { p.content[1] = "" }, ErrMalformed},
		{"AC-17 short recovery key", func(p parts) { p.content[2] = make([]byte, 31) }, ErrMalformed},
		{"AC-17 long signature key", func(p parts) { device(p)[1] = make([]byte, 33) }, ErrMalformed},
		{"AC-17 short mailbox key", func(p parts) { device(p)[2] = make([]byte, MailboxKeySize-1) }, ErrMalformed},
		{"AC-17 mailbox key that is none", func(p parts) { device(p)[2] = bytes.Repeat([]byte{0xff}, MailboxKeySize) }, ErrMalformed},
		{"AC-18 body is no bytes", func(p parts) { p.envelope[1] = list{} }, ErrMalformed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			build := func(spoil func(parts)) error {
				e, b, content := wireCreation(t)
				spoil(parts{e, b, content})
				if e[1] == nil {
					e[1] = marshal(t, b)
				}
				_, err := ParseStatement(marshal(t, e))
				return err
			}
			if err := build(func(parts) {}); err != nil {
				t.Fatal(err)
			}
			if err := build(c.spoil); !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestParseRefusesBytes(t *testing.T) {
	good := create(t, newKeys(t, 1))
	for name, b := range map[string][]byte{
		"AC-19 empty": {}, "AC-19 trailing": append(bytes.Clone(good), 0), "AC-19 truncated": good[:len(good)-1],
		"AC-19 long version": append([]byte{0x83, 0x18, 1}, good[2:]...), "AC-19 empty array": {0x80}, "AC-19 no array": {1},
		"AC-20 large": make([]byte, MaxStatementSize+1),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ParseStatement(b); !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
		})
	}
	// Every bit counts.
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		b := bytes.Clone(good)
		b[random.IntN(len(b))] ^= 1 << random.IntN(8)
		if _, err := Verify(testAddress, [][]byte{b}); err == nil {
			t.Fatalf("verified after a change: %x", b)
		}
	}
}

func TestParseContentOfOthersRefuses(t *testing.T) {
	mailbox := newKeys(t, 1).mailbox
	for name, c := range map[string]struct {
		typ     Type
		content any
	}{
		"AC-17 short device id":      {TypeRevokeDevice, dict{1: make([]byte, 15)}},
		"AC-17 short recovery key":   {TypeRotateRecovery, dict{1: make([]byte, 31)}},
		"AC-17 no device":            {TypeAddDevice, dict{1: dict{}}},
		"AC-17 short veto":           {TypeResetVeto, dict{1: make([]byte, 31)}},
		"AC-17 long commit":          {TypeResetCommit, dict{1: make([]byte, 33)}},
		"AC-16 move to nowhere":      {TypeMove, dict{1: "nowhere"}},
		"AC-15 close with a reason":  {TypeClose, dict{1: "reason"}},
		"AC-21 wait of two years":    {TypeResetRequest, dict{1: make([]byte, 32), 2: dict{1: make([]byte, 32), 2: mailbox[:]}, 3: 2 * 366 * 86400}},
		"AC-15 close that is a list": {TypeClose, list{}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parseContent(uint64(c.typ), marshal(t, c.content)); !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
		})
	}
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
