// SPDX-License-Identifier: Apache-2.0

package keytrans_test

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/logtest"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	ok(t, err)
	return b
}

// TestC2SPSignedNote verifies the example of c2sp.org/signed-note, Verifier keys.
func TestC2SPSignedNote(t *testing.T) {
	const vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
	const text = "This is an example message.\n\n" +
		"— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
	k, err := keytrans.ParseVerifierKey(vkey)
	ok(t, err)
	if k.String() != vkey || k.KeyHash() != 0x530d903a || k.Algorithm() != keytrans.Ed25519 {
		t.Errorf("the key is %s", k)
	}
	_, err = note.Open([]byte(text), note.VerifierList(k))
	ok(t, err)
	if _, err := note.Open([]byte(strings.Replace(text, "example m", "example of a m", 1)), note.VerifierList(k)); err == nil {
		t.Error("another text is accepted")
	}
}

// TestC2SPCosignature compares what is signed with the example and the structure of
// c2sp.org/tlog-cosignature. The specification does not give the keys of its example.
func TestC2SPCosignature(t *testing.T) {
	const body = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
	c, err := keytrans.ParseCheckpointText(body)
	ok(t, err)
	if c.Text() != body || c.Size != 20852163 {
		t.Errorf("the checkpoint is %+v", c)
	}
	if got := string(keytrans.CosignedText(1679315147, c)); got != "cosignature/v1\ntime 1679315147\n"+body {
		t.Errorf("Ed25519 signs %q", got)
	}
	const name = "witness.example.com/w1"
	want := append([]byte("subtree/v1\n\x00\x16"+name), unhex(t, "00000000641850cb")...) // label, cosigner_name, timestamp
	want = append(append(want, 27), "example.com/behind-the-sofa"...)                    // log_origin
	want = append(want, unhex(t, "0000000000000000 00000000013e2dc3")...)                // start, end
	want = append(want, c.Hash[:]...)
	if got := keytrans.CosignedMessage(name, 1679315147, c); string(got) != string(want) {
		t.Errorf("ML-DSA-44 signs %x,\nwant %x", got, want)
	}
}

// TestC2SPVRF has the test vector of c2sp.org/vrf-r255. Its input is not a name, so that only the
// parts below NewVRFPrivateKey and VRFPublicKey take it.
func TestC2SPVRF(t *testing.T) {
	private, err := keytrans.NewVRFPrivateKey(unhex(t, "3431c2b03533e280b23232e280b34e2c3132c2b03238e280b23131e280b34500"))
	ok(t, err)
	if got := hex.EncodeToString(private.Public().Bytes()); got != "54136cd90d99fbd1d4e855d9556efea87ba0337f2a6ce22028d0f5726fcb854e" {
		t.Errorf("the public key is %s", got)
	}
	alpha := unhex(t, "633273702e6f72672f7672662d72323535")
	pi := unhex(t, `0a97d961262fb549b4175c5117860f42ae44a123f93c476c439eddd1c0cff926
		5c805525233e2284dbed45e593b8eea31d5ca9734d72bcbba9738d5237f955f3 b2422351149d1312503b6441a47c940c`)
	beta := unhex(t, "dd653f0879b48c3ef69e13551239bec4cbcc1c18fe8894de2e9e1c790e182736")
	label, proof := keytrans.ProveRaw(private, alpha)
	if string(proof) != string(pi) || string(label[:]) != string(beta) {
		t.Errorf("label %v with proof %x", label, proof)
	}
	if got, err := keytrans.VerifyRaw(private.Public(), alpha, pi); err != nil || got != label {
		t.Errorf("verified as %v: %v", got, err)
	}
}

// TestAlgorithms signs with each algorithm and verifies with package note.
func TestAlgorithms(t *testing.T) {
	c := keytrans.Checkpoint{Origin: "example.org/log", Size: 7}
	for _, alg := range []keytrans.Algorithm{keytrans.Ed25519, keytrans.CosignatureEd25519, keytrans.CosignatureMLDSA44} {
		k := logtest.Key("example.org/log", alg)
		b, err := keytrans.SignCheckpoint(c, start, k)
		ok(t, err)
		public, err := keytrans.ParseVerifierKey(k.Verifier().String())
		ok(t, err)
		n, err := note.Open(b, note.VerifierList(public))
		ok(t, err)
		if n.Text != c.Text() {
			t.Errorf("algorithm %d signed %q", alg, n.Text)
		}
		other, err := keytrans.NewVerifierKey("example.org/log", alg, otherKey(t, alg))
		ok(t, err)
		sig := []byte{1}
		if other.Verify([]byte(n.Text), sig) || public.Verify([]byte(n.Text), sig) || public.Verify([]byte(n.Text), make([]byte, 8+64)) {
			t.Errorf("algorithm %d accepts what is no signature", alg)
		}
	}
	if _, err := keytrans.SignCheckpoint(c, time.Unix(0, 0), logtest.Key("w", keytrans.CosignatureEd25519)); err == nil {
		t.Error("a cosignature without a time is made")
	}
	if _, err := keytrans.NewSignerKey("w", keytrans.Ed25519, make([]byte, 31)); err == nil {
		t.Error("a seed of 31 bytes is accepted")
	}
	if _, err := keytrans.NewVRFPrivateKey(make([]byte, 32)); keytrans.BrokenRule(err) != "K5-identity" {
		t.Errorf("a private key of zero: %v", err)
	}
}

func otherKey(t *testing.T, alg keytrans.Algorithm) []byte {
	k := logtest.Key("other", alg).Verifier().String()
	b, err := base64.StdEncoding.DecodeString(strings.SplitN(k, "+", 3)[2])
	ok(t, err)
	return b[1:]
}
