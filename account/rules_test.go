// SPDX-License-Identifier: AGPL-3.0-or-later

package account

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

//go:generate go test -run ^TestRules$ -account.rules .

var writeRules = flag.Bool("account.rules", false, "write RULES.md")

// violations returns, for each rule, acts that break it. A name begins with the
// rule.
func violations(t testing.TB) map[string]func(*testing.T) error {
	all := map[string]func(*testing.T) error{}
	for _, table := range []map[string]func(*testing.T) error{chainViolations, keyViolations, waitViolations, credentialViolations, sealingViolations} {
		maps.Copy(all, table)
	}
	for name, spoil := range spoils {
		all[name] = func(t *testing.T) error { return parseSpoilt(t, spoil) }
	}
	for name, b := range spoiltBytes(t) {
		all[name] = func(*testing.T) error {
			_, err := ParseStatement(b)
			return err
		}
	}
	for name, c := range spoiltContent(t) {
		all[name] = func(t *testing.T) error {
			_, err := parseContent(uint64(c.typ), marshal(t, c.value))
			return err
		}
	}
	return all
}

var sentinels = []error{ErrMalformed, ErrUnknown, ErrSignature, ErrBroken, ErrRefused, ErrWait, ErrWrongAddress, ErrNotInChain}

// TestViolations breaks each rule. The error must name the rule, and one of the
// package's errors.
func TestViolations(t *testing.T) {
	all := violations(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			rule, _, _ := strings.Cut(name, " ")
			err := all[name](t)
			if err == nil {
				t.Fatal("ACCEPTED")
			}
			if BrokenRule(err) != rule {
				t.Fatalf("broke %q: %v", BrokenRule(err), err)
			}
			if !slices.ContainsFunc(sentinels, func(s error) bool { return errors.Is(err, s) }) {
				t.Fatalf("none of the package's errors: %v", err)
			}
			for _, received := range []string{"example", "alice", "mallory", "reason", "nowhere"} {
				if strings.Contains(err.Error(), received) {
					t.Fatalf("the error repeats %q: %v", received, err)
				}
			}
		})
	}
}

// A rule is a call of broken in the sources.
type rule struct{ id, kind, refused, file string }

var brokenCall = regexp.MustCompile(`broken\("([^"]+)", (Err\w+), ("(?:[^"\\]|\\.)*")\)`)

func sourceRules(t *testing.T) []rule {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var all []rule
	calls := -1 // the function itself
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		calls += strings.Count(string(source), "broken(")
		for _, m := range brokenCall.FindAllSubmatch(source, -1) {
			refused, err := strconv.Unquote(string(m[3]))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, rule{string(m[1]), string(m[2]), refused, file})
		}
	}
	if calls != len(all) {
		t.Fatalf("%d calls of broken, %d with a constant rule, error and text", calls, len(all))
	}
	slices.SortFunc(all, func(a, b rule) int { return strings.Compare(a.id, b.id) })
	return all
}

// signing says who signs each type of statement, in order: docs for people, and
// what TestSigners tries against all others. The keys are those of signerCast.
var signing = []struct {
	typ   Type
	who   [][]string
	notes string
}{
	{TypeCreate, [][]string{{"new device", "new recovery key"}}, "the first statement and no other"},
	{TypeAddDevice, [][]string{{"a device", "new device"}, {"recovery key", "new device"}}, "at most 16 devices at one time"},
	{TypeRevokeDevice, [][]string{{"a device"}, {"recovery key"}}, "a device may revoke itself; the last one is revoked by the recovery key alone"},
	{TypeRotateRecovery, [][]string{{"recovery key", "new recovery key"}, {"a device", "new recovery key"}},
		"at once if the old key signs, and then what a device announced is void; signed by a device: announced, and in force by a second such statement, 72 hours to 30 days later"},
	{TypeResetRequest, [][]string{{"new device", "new recovery key"}}, "nobody of the account signs; announced"},
	{TypeResetVeto, [][]string{{"a device"}, {"recovery key"}}, "against a reset, or against a recovery key that another device announced; no other announcement of the kind for 30 days"},
	{TypeResetCommit, [][]string{{"new device", "new recovery key"}}, "those of the request, 72 hours to 30 days later; every earlier device is revoked"},
	{TypeMove, [][]string{{"recovery key", "a device"}}, "nothing follows; the account at the new address begins with the same recovery key and a device of this one"},
	{TypeClose, [][]string{{"recovery key", "a device"}}, "nothing follows"},
}

// TestRules fails if a rule has no violation or two checks, or if RULES.md is not
// what the sources and tables say.
func TestRules(t *testing.T) {
	rules, broken := sourceRules(t), map[string]bool{}
	for name := range violations(t) {
		id, _, _ := strings.Cut(name, " ")
		broken[id] = true
	}
	for i, r := range rules {
		if !broken[r.id] {
			t.Errorf("no violation of %s", r.id)
		}
		if i > 0 && rules[i-1].id == r.id {
			t.Errorf("%s is checked twice", r.id)
		}
		delete(broken, r.id)
	}
	for id := range broken {
		t.Errorf("there is no rule %s", id)
	}
	made := rulesDocument(rules)
	if *writeRules {
		if err := os.WriteFile("RULES.md", made, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	kept, err := os.ReadFile("RULES.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, made) {
		t.Error("RULES.md is not up to date: go generate ./account")
	}
}

func rulesDocument(rules []rule) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<!-- Made by go generate ./account from the sources and rules_test.go. -->
# Rules of account chains

## Who signs

Signatures stand in the order given; no others may stand beside them. *A device* is any one that can speak for the account before the statement.
TestSigners tries every other order and signer.

| Statement | Signed by | Effect and limits |
|---|---|---|
`)
	for _, s := range signing {
		var ways []string
		for _, who := range s.who {
			ways = append(ways, strings.Join(who, ", then "))
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", s.typ, strings.Join(ways, "; or "), s.notes)
	}
	fmt.Fprintf(&b, `
Waits count between proven times: those at which statements became public, by the log or another witness that the verifier trusts. The times in
statements only may not decrease.

## What is refused

%d rules. Errors name them (BrokenRule). TestViolations breaks each one, and TestRules fails where a rule has no such test or two checks.

| Rule | Refused | Error | Checked in |
|---|---|---|---|
`, len(rules))
	for _, r := range rules {
		fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` |\n", r.id, r.refused, r.kind, r.file)
	}
	return b.Bytes()
}

// signerCast returns a chain to which each type of statement could be appended, the
// content for it, and all keys that may sign it: by the names that signing uses,
// and some that may not sign at all.
func signerCast(t testing.TB, typ Type) (c cast, content Content, named map[string][]signer, all []signer) {
	c = newCast(t)
	revoked, old := newKeys(t, 5), newKeys(t, 6)
	c.add(AddDevice{revoked.public()}, c.a.asDevice(), revoked.asDevice())
	c.add(RevokeDevice{revoked.public().ID()}, c.a.asDevice())
	c.add(RotateRecovery{old.recoveryKey(t)}, c.a.asRecovery(t), old.asRecovery(t))
	c.a.secret, old.secret = old.secret, c.a.secret
	switch typ {
	case TypeAddDevice:
		content = AddDevice{c.fresh.public()}
	case TypeRevokeDevice:
		content = RevokeDevice{c.b.public().ID()}
	case TypeRotateRecovery:
		content = RotateRecovery{c.fresh.recoveryKey(t)}
	case TypeResetRequest:
		content = c.fresh.resetRequest(t)
	case TypeResetVeto:
		content = ResetVeto{c.requestReset()}
	case TypeResetCommit:
		content = ResetCommit{c.requestReset()}
		c.after(Wait)
	case TypeMove:
		content = Move{movedTo}
	case TypeClose:
		content = Close{}
	default:
		content = c.fresh.content(t)
		c.chain, c.now = &Chain{state: new(State)}, testTime
	}
	named = map[string][]signer{
		"a device": {c.a.asDevice(), c.b.asDevice()}, "recovery key": {c.a.asRecovery(t)},
		"new device": {c.fresh.asDevice()}, "new recovery key": {c.fresh.asRecovery(t)},
	}
	for _, k := range []keys{c.a, c.b, c.fresh, c.other, revoked, old} {
		all = append(all, k.asDevice(), k.asRecovery(t), signer{RoleRecovery, k.device}, signer{RoleDevice, k.recovery(t)})
	}
	return c, content, named, all
}

// TestSigners tries, for each type of statement, every list of at most two of 24
// signers, and every right list with one signer more.
func TestSigners(t *testing.T) {
	for _, s := range signing {
		t.Run(s.typ.String(), func(t *testing.T) {
			c, content, named, all := signerCast(t, s.typ)
			right := func(signers []signer) bool {
				return slices.ContainsFunc(s.who, func(who []string) bool {
					return slices.EqualFunc(signers, who, func(got signer, name string) bool {
						return slices.ContainsFunc(named[name], func(k signer) bool { return k.role == got.role && k.key.Equal(got.key) })
					})
				})
			}
			accepted := 0
			try := func(signers ...signer) {
				t.Helper()
				err := c.try(content, signers...)
				if right(signers) != (err == nil) {
					t.Fatalf("%d signers: %v", len(signers), err)
				}
				if err == nil {
					accepted++
					for _, more := range all {
						if err := c.try(content, append(slices.Clone(signers), more)...); err == nil {
							t.Fatal("accepted with one signer too many")
						}
					}
				}
			}
			for _, first := range all {
				try(first)
				for _, second := range all {
					try(first, second)
				}
			}
			if accepted == 0 {
				t.Fatal("nobody can sign it")
			}
		})
	}
}

// credentialViolations break the rules of credentials.
var credentialViolations = func() map[string]func(*testing.T) error {
	id := make([]byte, 16)
	out := map[string]func(*testing.T) error{}
	for name, v := range map[string]list{
		"format-version of a credential":             {2, "alice@example.org", id},
		"format-version of a credential with others": {2, true},
		"format-address of a credential":             {1, "Alice@example.org", id},
		"credential-device short":                    {1, "alice@example.org", id[1:]},
		"format-encoding device of text":             {1, "alice@example.org", string(id)},
		"format-encoding credential of two":          {1, "alice@example.org"},
		"format-encoding credential of four":         {1, "alice@example.org", id, 0},
		"credential-size":                            {1, strings.Repeat("a", MaxCredentialSize), id},
	} {
		out[name] = func(t *testing.T) error {
			_, err := ParseCredential(marshal(t, v))
			return err
		}
	}
	return out
}()

// sealingViolations break the rules of signed sealing keys.
var sealingViolations = map[string]func(*testing.T) error{
	"sealing-size": func(t *testing.T) error {
		_, err := ParseSealingKey(newKeys(t, 1).recoveryKey(t), make([]byte, maxSealingKeyStatement+1))
		return err
	},
	"sealing-signed by another recovery key": func(t *testing.T) error {
		b, err := newKeys(t, 2).secret.SignedSealingKey()
		if err != nil {
			t.Fatal(err)
		}
		_, err = ParseSealingKey(newKeys(t, 1).recoveryKey(t), b)
		return err
	},
	"sealing-key": func(t *testing.T) error {
		k := newKeys(t, 1)
		key := bytes.Repeat([]byte{0xff}, MailboxKeySize)
		b := marshal(t, list{1, key, ed25519.Sign(k.recovery(t), append([]byte(sealingKeyContext), key...))})
		_, err := ParseSealingKey(k.recoveryKey(t), b)
		return err
	},
}

// TestWaitIsTheNumberThatIsWritten keeps the constants and the texts together.
func TestWaitIsTheNumberThatIsWritten(t *testing.T) {
	if Wait != 72*time.Hour || VetoPause != 720*time.Hour || PendingLife != 720*time.Hour || MaxStatements != 1024 || ReservedStatements != 32 || MaxDevices != 16 {
		t.Fatal("change the texts of the rules, too")
	}
}
