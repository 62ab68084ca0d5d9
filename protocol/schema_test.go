// SPDX-License-Identifier: AGPL-3.0-or-later

package protocol_test

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/internal/testing/cddlcheck"
	"github.com/securecrypt/securecrypt/protocol"
)

const schema = "../docs/protocol.cddl"

// A claim is a frame and whether it is to be accepted, by the package and by
// the schema.
type claim struct {
	what string
	cddlcheck.Sample
	valid bool
}

func verify(t *testing.T, claims []claim) {
	t.Helper()
	samples := make([]cddlcheck.Sample, len(claims))
	for i, c := range claims {
		samples[i] = c.Sample
	}
	problems, err := cddlcheck.Check(t.Context(), schema, samples)
	if errors.Is(err, cddlcheck.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range claims {
		switch {
		case c.valid && problems[i] != "":
			t.Errorf("%s: %s: the schema refuses what the package accepts: %.300s", c.Rule, c.what, problems[i])
		case !c.valid && problems[i] == "":
			t.Errorf("%s: %s: the schema accepts what the package refuses", c.Rule, c.what)
		}
	}
}

// The package and the schema must agree on every body with every extreme
// value in every field.
func TestSchemaAgreesOnExtremes(t *testing.T) {
	var claims []claim
	accepted := 0
	for _, s := range shapes() {
		for _, v := range s.variants() {
			frame := s.frame(t, v.body)
			valid := s.decode(frame) == nil
			if valid {
				accepted++
			}
			claims = append(claims, claim{v.what, cddlcheck.Sample{Rule: s.rule, Data: frame}, valid})
			claims = append(claims, claim{v.what, cddlcheck.Sample{Rule: "frame", Data: frame}, valid})
		}
	}
	if refused := len(claims)/2 - accepted; accepted < 100 || refused < 100 {
		t.Fatalf("%d accepted, %d refused: too few to mean something", accepted, refused)
	}
	verify(t, claims)
}

// Which fields there must be, and that there are no others, is the same for
// both.
func TestSchemaAgreesOnFields(t *testing.T) {
	var claims []claim
	for _, s := range shapes() {
		for _, sample := range s.mutilated(t) {
			claims = append(claims, claim{"a field more or less", sample, s.decode(sample.Data) == nil})
		}
	}
	verify(t, claims)
}

// Frames as a random peer might send them: valid, and with random ids and
// numbers.
func TestSchemaAcceptsWhatPeersSend(t *testing.T) {
	all := shapes()
	frames := rapid.Custom(func(t *rapid.T) claim {
		s := rapid.SampledFrom(all).Draw(t, "shape")
		v := rapid.SampledFrom(s.variants()).Draw(t, "variant")
		id := rapid.Uint64Min(1).Draw(t, "id")
		if s.kind == protocol.KindEvent {
			id = 0
		}
		b, err := protocol.Append(nil, s.kind, id, s.code, v.body)
		if err != nil {
			t.Fatal(err)
		}
		return claim{v.what, cddlcheck.Sample{Rule: s.rule, Data: b}, s.decode(b) == nil}
	})
	var claims []claim
	for seed := range 300 {
		claims = append(claims, frames.Example(seed))
	}
	verify(t, claims)
}

// What breaks the types rather than the limits is refused by both.
func TestSchemaAndPackageRefuse(t *testing.T) {
	channel, key := make([]byte, 32), make([]byte, 32)
	type m = map[int]any
	create := func(body any) []any { return []any{0, 1, uint16(protocol.OpChannelCreate), body} }
	cases := []struct {
		what  string
		frame any
	}{
		{"not an array", m{0: 0}},
		{"an element too few", []any{0, 1, 9}},
		{"an element too many", []any{0, 1, 9, m{1: 0}, 0}},
		{"of an unknown kind", []any{4, 1, 1, m{}}},
		{"a request without identifier", []any{0, 0, 9, m{1: 0}}},
		{"an unknown operation", []any{0, 1, 15, m{}}},
		{"operation 0", []any{0, 1, 0, m{}}},
		{"a negative identifier", []any{0, -1, 9, m{1: 0}}},
		{"an identifier as text", []any{0, "1", 9, m{1: 0}}},
		{"a response with a code", []any{1, 1, 1, m{}}},
		{"a response without identifier", []any{1, 0, 0, m{}}},
		{"a refusal without code", []any{2, 1, 0, m{}}},
		{"a refusal with text", []any{2, 1, 1, "no"}},
		{"a refusal with an unknown detail", []any{2, 1, 1, m{4: 1}}},
		{"a mark without a counter", []any{0, 1, 2, m{1: "a", 2: key[:16], 3: make([]byte, 64), 4: m{1: 0, 2: append(make([]byte, 15), 1)}}}},
		{"an event with identifier", []any{3, 1, 5, m{}}},
		{"an unknown event", []any{3, 0, 6, m{}}},
		{"a body that is null", []any{0, 1, 5, nil}},
		{"a body that is an array", []any{0, 1, 5, []any{}}},
		{"a body with something in it", []any{0, 1, 5, m{1: 1}}},
		{"a body within bytes", []any{0, 1, 5, []byte{0xa0}}},
		{"a field missing", create(m{1: channel})},
		{"a field too many", create(m{1: channel, 2: key, 3: 0})},
		{"a field of text keys", create(map[string]any{"1": channel, "2": key})},
		{"a channel too short", create(m{1: channel[:31], 2: key})},
		{"a channel too long", create(m{1: append(channel, 0), 2: key})},
		{"a channel as text", create(m{1: string(channel), 2: key})},
		{"a channel as numbers", create(m{1: make([]int, 32), 2: key})},
		{"a key that is null", create(m{1: channel, 2: nil})},
		{"an entry of unknown kind", []any{3, 0, 2, m{1: channel, 2: 1, 3: 1, 4: 2, 5: key}}},
		{"an entry with a float", []any{3, 0, 2, m{1: channel, 2: 1.5, 3: 1, 4: 1, 5: key}}},
		{"a list of names with a number", []any{0, 1, 3, m{1: []any{"a", 1}}}},
		{"a list of names that is a name", []any{0, 1, 3, m{1: "a"}}},
	}
	var claims []claim
	for _, c := range cases {
		b, err := dcbor.Marshal(c.frame)
		if err != nil {
			t.Fatal(err)
		}
		if err := decodeAny(b); err == nil {
			t.Errorf("%s: accepted", c.what)
		}
		claims = append(claims, claim{c.what, cddlcheck.Sample{Rule: "frame", Data: b}, false})
	}
	verify(t, claims)
}

// decodeAny reads one frame as a peer would who knows no question it could
// answer.
func decodeAny(b []byte) error {
	f, rest, err := protocol.ParseFrame(b)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return errors.New("bytes follow the frame")
	}
	switch f.Kind {
	case protocol.KindRequest:
		body, err := protocol.NewRequest(protocol.Op(f.Code))
		if err != nil {
			return err
		}
		return protocol.DecodeBody(f.Body, body)
	case protocol.KindEvent:
		body, err := protocol.NewEvent(protocol.EventType(f.Code))
		if err != nil {
			return err
		}
		return protocol.DecodeBody(f.Body, body)
	case protocol.KindError:
		var refused *protocol.Error
		if err := protocol.ErrorFrom(f); !errors.As(err, &refused) {
			return err
		}
		return nil
	}
	return protocol.DecodeBody(f.Body, &protocol.Empty{})
}

func TestSchemaHasWhatIsSigned(t *testing.T) {
	nonce, device, channel := protocol.Nonce{1}, protocol.DeviceID{2}, protocol.ChannelID{3}
	authenticate := protocol.AuthenticateChallenge("a.example", nonce, "alice", device)
	open := protocol.OpenChallenge("a.example", nonce, channel, 7)
	verify(t, []claim{
		{"authenticate", cddlcheck.Sample{Rule: "authenticate-challenge", Data: authenticate}, true},
		{"open", cddlcheck.Sample{Rule: "open-challenge", Data: open}, true},
		{"open for authenticate", cddlcheck.Sample{Rule: "authenticate-challenge", Data: open}, false},
		{"authenticate for open", cddlcheck.Sample{Rule: "open-challenge", Data: authenticate}, false},
		{"grant", cddlcheck.Sample{Rule: "storage-grant", Data: protocol.StorageGrant("a.example", "alice", device, protocol.AccessKey{4})}, true},
		{"storage", cddlcheck.Sample{Rule: "storage-challenge", Data: protocol.StorageChallenge("a.example", nonce[:], "alice", device)}, true},
		{"storage for authenticate", cddlcheck.Sample{Rule: "authenticate-challenge", Data: protocol.StorageChallenge("a.example", nonce[:], "alice", device)}, false},
	})
}

// The bodies about vaults, with everything in them and with as little as there can be.
func TestSchemaHasVaults(t *testing.T) {
	var claims []claim
	for rule, bodies := range map[string][]any{
		"vault-challenge": {&protocol.VaultChallenge{Nonce: []byte{1}}},
		"vault-sign-in":   {&protocol.VaultSignIn{Nonce: []byte{1}, Name: "alice"}},
		"vault-session":   {&protocol.VaultSession{Token: []byte{1}, Seconds: 9}},
		"vault-list":      {&protocol.VaultList{}, &protocol.VaultList{Quota: 1, KeepSeconds: 2, Vaults: []protocol.VaultState{{Vault: 64}, {Vault: 1, Objects: 1, Bytes: 2, Deletions: 3, DeletedBytes: 4, Last: 5}}}},
		"vault-objects":   {[]protocol.VaultObject{}, []protocol.VaultObject{{Name: "config", Size: 4096}}},
		"vault-names":     {[]string{"packs/1"}},
		"vault-hashes":    {[]protocol.VaultHash{}, []protocol.VaultHash{{Name: "packs/1", Size: 1}}},
		"vault-deletions": {[]protocol.VaultDeletion{}, []protocol.VaultDeletion{{Number: 1, Name: "packs/1", Asked: 1, Goes: 2}}},
		"vault-undelete":  {&protocol.VaultUndelete{UpTo: 7}},
		"vault-undeleted": {&protocol.VaultUndeleted{Count: 7, More: true}},
	} {
		for _, body := range bodies {
			claims = append(claims, claim{"as it is encoded", cddlcheck.Sample{Rule: rule, Data: protocol.EncodeVault(body)}, true})
		}
		claims = append(claims, claim{"another thing", cddlcheck.Sample{Rule: rule, Data: protocol.EncodeVault([]int{1})}, false})
	}
	claims = append(claims, claim{"vault 0", cddlcheck.Sample{Rule: "vault-state", Data: protocol.EncodeVault(&protocol.VaultState{})}, false})
	verify(t, claims)
}

func TestSchemaNamesTheLimits(t *testing.T) {
	text, err := os.ReadFile(schema)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{
		"max-message": protocol.MaxMessage, "max-ciphertext": protocol.MaxCiphertext, "max-letter": protocol.MaxLetter,
		"max-key-package": protocol.MaxKeyPackage, "max-statement": protocol.MaxStatement, "max-invite": protocol.MaxInvite,
		"max-name": protocol.MaxName, "max-blob": protocol.MaxBlob, "max-expiry": int64(protocol.DefaultExpiry / time.Second),
		"max-signal": protocol.MaxSignal, "max-endpoint": protocol.MaxEndpoint, "max-disclosure-part": protocol.MaxDisclosurePart,
		"max-delivery-token": protocol.MaxDeliveryToken, "max-recovery": protocol.MaxRecovery,
		"max-vaults": protocol.MaxVaults, "max-vault-page": protocol.MaxVaultPage, "max-vault-names": protocol.MaxVaultNames,
	}
	for _, m := range regexp.MustCompile(`(?m)^(max-[a-z-]+) += (\d+)`).FindAllStringSubmatch(string(text), -1) {
		n, err := strconv.ParseInt(m[2], 10, 64)
		if err != nil || want[m[1]] != n {
			t.Errorf("%s is %s in the schema, %d in the package", m[1], m[2], want[m[1]])
		}
		delete(want, m[1])
	}
	for name := range want {
		t.Errorf("the schema lacks %s", name)
	}
}

// The recorder finds the rule for each frame of a connection.
func TestRecordedTrafficMatches(t *testing.T) {
	r := cddlcheck.NewRecorder()
	frame := func(kind protocol.Kind, id uint64, code uint16, body any) []byte {
		b, err := protocol.Append(nil, kind, id, code, body)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	get := frame(protocol.KindRequest, 5, uint16(protocol.OpAccountGet), &protocol.AccountGet{Names: []string{"bob"}})
	post := frame(protocol.KindRequest, 6, uint16(protocol.OpChannelPost), &protocol.ChannelPost{Ciphertext: []byte("c")})
	posted := frame(protocol.KindResponse, 6, 0, &protocol.Posted{Seq: 1})
	found := frame(protocol.KindResponse, 5, 0, &protocol.Accounts{})
	if err := errors.Join(r.Client("a", append(get, post...)), r.Server("a", append(posted, found...))); err != nil {
		t.Fatal(err)
	}
	if err := r.Server("a", posted); err == nil {
		t.Error("a second answer to one request passes")
	}
	if err := r.Server("b", found); err == nil {
		t.Error("an answer on another connection passes")
	}
	if err := r.Client("a", posted); err == nil {
		t.Error("a client's response passes")
	}
	if err := r.Server("a", get); err == nil {
		t.Error("a server's request passes")
	}
	var claims []claim
	for _, s := range r.Samples() {
		claims = append(claims, claim{"recorded", s, true})
	}
	if len(claims) != 4 {
		t.Fatalf("%d frames were recorded", len(claims))
	}
	claims = append(claims, claim{"a result of another operation", cddlcheck.Sample{Rule: "result-account-get", Data: posted}, false})
	verify(t, claims)
}

func TestMissingCheckerIsSaid(t *testing.T) {
	t.Setenv("CDDL_PYTHON", "/nonexistent/python")
	if _, err := cddlcheck.Check(context.Background(), schema, nil); !errors.Is(err, cddlcheck.ErrMissing) {
		t.Errorf("got %v", err)
	}
}
