// SPDX-License-Identifier: Apache-2.0

package keytrans_test

import (
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/audit"
	"github.com/securecrypt/securecrypt/keytrans/logtest"
	"github.com/securecrypt/securecrypt/keytrans/prefixmap"
)

// Example has a log take up an account, an auditor and a witness vouch for it, and a client look
// the account up.
func Example() {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	logKey := logtest.Key("example.org/log", keytrans.Ed25519)
	witness := logtest.Key("witness.example", keytrans.CosignatureEd25519)
	auditor := logtest.Key("auditor.example", keytrans.CosignatureEd25519)
	vrfKey := keytrans.GenerateVRFKey()

	// What everybody pins.
	policy, err := keytrans.NewPolicy(keytrans.PolicyParams{
		Number: 1,
		Text: fmt.Appendf(nil, "log %s\nwitness w %s\nwitness auditors %s\ngroup both all w auditors\nquorum both\n",
			logKey.Verifier(), witness.Verifier(), auditor.Verifier()),
		VRFKey: vrfKey.Public().Bytes(),
	})
	must(err)

	// The log: a mutation, the map after it, and the root that states the map.
	label, vrfProof, err := vrfKey.Prove("alice@example.org")
	must(err)
	chainHead := keytrans.Hash{1, 2, 3}
	mutation, err := keytrans.NextMutation(label, nil, chainHead, keytrans.KindCreate)
	must(err)
	items := new(prefixmap.Memory)
	change := prefixmap.Item{Label: label, Value: mutation.New.Hash()}
	entries, err := prefixmap.New().With(items, []prefixmap.Item{change})
	must(err)
	items.Set(change)
	root := keytrans.Root{Time: now.Unix(), Size: entries.Size(), Map: entries.Root(), Config: policy.Config().Hash()}
	leaves := [][]byte{mutation.Marshal(), root.Marshal()}

	var tree keytrans.Frontier
	for _, leaf := range leaves {
		tree.Append(tlog.RecordHash(leaf))
	}
	checkpoint := keytrans.Checkpoint{Origin: policy.Origin(), Size: tree.Size(), Hash: tree.Root()}
	note, err := keytrans.SignCheckpoint(checkpoint, now, logKey)
	must(err)

	// The auditor replays the leaves before it cosigns; the witness looks at the tree alone.
	signed, err := policy.OpenCheckpoint(note)
	must(err)
	replay := audit.New(policy, new(audit.Memory), 0)
	replay.Follow(time.Time{}, now)
	for _, leaf := range leaves {
		must(replay.Add(leaf))
	}
	must(replay.Check(signed))
	note, err = keytrans.Cosign(signed, now, witness, auditor)
	must(err)

	// The log answers a query.
	proof, err := entries.Prove(items, label)
	must(err)
	answer := (&keytrans.UnverifiedProof{
		Head: &keytrans.UnverifiedHead{
			Checkpoint: note, Root: leaves[1],
			Inclusion: []tlog.Hash{tlog.RecordHash(leaves[0])}, // of two leaves
		},
		VRFProof: vrfProof, Value: &mutation.New, Path: proof.Path,
	}).Marshal()

	// The client verifies the answer, and compares it with the account chain that it was shown.
	unverified, err := keytrans.Query{Name: "alice@example.org"}.Parse(answer)
	must(err)
	entry, err := keytrans.Verify(unverified, policy, now.Add(time.Minute))
	must(err)
	must(entry.CheckChain(chainHead, 1))
	value, _ := entry.Value()
	fmt.Printf("%s: %d statement, mutation %d, %v old\n", entry.Name(), value.Statements, value.Counter, entry.Age())

	// A day later, without newer cosignatures, the answer is refused.
	_, err = keytrans.Verify(unverified, policy, now.Add(25*time.Hour))
	fmt.Println(keytrans.BrokenRule(err))

	// Output:
	// alice@example.org: 1 statement, mutation 1, 1m0s old
	// K7-stale
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
