// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

//go:generate go test -run ^TestChecks$ -mls.checks .

var writeChecks = flag.Bool("mls.checks", false, "write CHECKS.md")

// A must is a demand of RFC 9420, told in our words.
type must struct {
	section string
	words   int // of MUST, MUST NOT, REQUIRED and SHALL in the RFC's sentence
	what    string
	// by names what shows that the demand is met: rules, tests, files of
	// official vectors. Where there is none, why says who else meets it.
	by  []string
	why string
}

// mustWords counts those words in each section of RFC 9420 that makes demands
// (the sections on terms and on registries apart).
var mustWords = map[string]int{
	"2.1.1": 1, "2.1.2": 3, "5.1.2": 1, "5.3": 1, "5.3.1": 2, "5.3.3": 1, "6": 1, "6.1": 7, "6.2": 3, "6.3.1": 8, "6.3.2": 2,
	"7.1": 1, "7.2": 7, "7.3": 2, "7.5": 3, "7.6": 2, "7.8": 1, "7.9.2": 2, "8.4": 2, "9.1": 1, "9.2": 2, "10": 8, "11": 2,
	"11.2": 5, "11.3": 6, "12.1": 1, "12.1.4": 1, "12.1.8": 3, "12.2": 4, "12.3": 3, "12.4": 4, "12.4.1": 5, "12.4.2": 3,
	"12.4.3": 4, "12.4.3.1": 2, "12.4.3.2": 6, "12.4.3.3": 3, "13.2": 1, "13.4": 10, "13.5": 6, "14": 4, "15.2": 2, "16.3": 1, "16.7": 1,
	"17.1": 2,
}

func by(evidence ...string) []string { return evidence }

var musts = []must{
	{"2.1.1", 1, "A presence octet is 0 or 1.", by("TestMalformed", "deserialization.json"), ""},
	{"2.1.2", 1, "A vector's length takes the shortest form.", by("TestVectorHeaders", "deserialization.json"), ""},
	{"2.1.2", 1, "A longer form is refused.", by("TestVectorHeaders"), ""},
	{"2.1.2", 1, "A length that begins with the bits 11 is refused.", by("TestVectorHeaders"), ""},
	{"5.1.2", 1, "The suite's signature algorithm is that of all leaves' credentials.", by("5.1.1-signature-key", "10.1-cipher-suite", "5.3-certificate-key"), ""},
	{"5.3", 1, "An X.509 credential's first certificate has the leaf's signature key.", by("5.3-certificate-key", "TestCertificates"), ""},
	{"5.3.1", 1, "Every credential that is new to the group is judged by the authentication service.", by("5.3.1-credential", "5.3.1-external-sender", "TestAuthenticationService"), ""},
	{"5.3.1", 1, "So is whether a credential may succeed another.", by("5.3.1-successor", "TestAuthenticationService"), ""},
	{"5.3.3", 1, "Nobody relies on the data of application_id.", nil, "The application's part: the package does not read that extension."},
	{"6", 1, "Application data travels as PrivateMessage.", by("6-application-private"), ""},
	{"6.1", 1, "A sender signs with the key that its sender type names.", by("message-protection.json", "TestExternalSender", "TestOwnAdd", "TestExternalJoin"), ""},
	{"6.1", 2, "An external sender sends proposals of the allowed types alone.", by("6-sender-content", "12.1.8-external-type"), ""},
	{"6.1", 1, "new_member_commit sends commits.", by("6-sender-content"), ""},
	{"6.1", 2, "new_member_proposal sends Add proposals.", by("6-sender-content", "12.1.8-new-member-type"), ""},
	{"6.1", 1, "The signature is verified with the key of that sender type.", by("6.1-signature", "12.1.8.1-signature-key", "TestExternalSenderSignature", "TestExternalCommitSigner"), ""},
	{"6.2", 1, "The membership tag is the MAC of the content under the membership key.", by("message-protection.json"), ""},
	{"6.2", 2, "The membership tag and the signature of a PublicMessage are verified.", by("6.2-membership-tag", "6.1-signature"), ""},
	{"6.3.1", 1, "Padding is of zeros.", by("message-protection.json", "TestLife"), ""},
	{"6.3.1", 2, "Other padding is refused.", by("6.3.1-padding"), ""},
	{"6.3.1", 1, "It is remembered which keys were used.", by("TestUsedKeysAreErased", "TestModel"), ""},
	{"6.3.1", 1, "A reuse guard of four random bytes is mixed into each nonce.", by("message-protection.json", "TestReuseGuards"), ""},
	{"6.3.1", 1, "The reuse guard travels in the sender data.", by("message-protection.json"), ""},
	{"6.3.1", 1, "The signature of a PrivateMessage is verified.", by("6.1-signature"), ""},
	{"6.3.1", 1, "Additional data and ciphertext stay within the AEAD's bounds.", by("size-padding", "TestMessageBounds"), ""},
	{"6.3.2", 1, "Only members make PrivateMessages.", nil, "By construction: Protect, Propose and Stage belong to Group, whose sender is always its own leaf."},
	{"6.3.2", 1, "The sender's leaf is not blank.", by("6.3.2-sender-leaf"), ""},
	{"7.1", 1, "Unmerged leaves are sorted.", by("7.1-unmerged-order"), ""},
	{"7.2", 1, "Default types are not listed in capabilities.", by("TestDefaultsAreNotListed"), ""},
	{"7.2", 1, "A client lists all that it supports.", by("TestCustomProposals"), "What the application adds is for the application to list: DefaultCapabilities takes it."},
	{"7.2", 2, "A leaf's own extensions and credential type are among its capabilities.", by("7.3-leaf-extension", "7.2-own-credential"), ""},
	{"7.2", 1, "Unknown capabilities are ignored.", by("TestGREASE"), ""},
	{"7.2", 1, "There is a longest total lifetime, and a leaf with a longer one is refused.", by("7.2-lifetime-total"), ""},
	{"7.2", 1, "Whatever changes in a leaf, its signature changes.", by("7.3-signature"), ""},
	{"7.3", 1, "A leaf lists what the group requires.", by("7.3-required-extension", "7.3-required-proposal", "7.3-required-credential"), ""},
	{"7.3", 1, "What is sent has leaves that are valid now.", by("7.3-lifetime-sent"), ""},
	{"7.5", 1, "The leaf of an update path meets what an Update's leaf must.", by("7.3-source-commit", "12.4.2-committer-key", "7.3-signature", "7.3-required-extension"), ""},
	{"7.5", 1, "Members added by the same commit get no path secret from the path.", by("7.6-ciphertexts", "treekem.json"), ""},
	{"7.5", 1, "Outdated private keys are deleted.", by("TestUsedKeysAreErased"), ""},
	{"7.6", 1, "Resolutions leave out members added by the same commit.", by("7.6-ciphertexts"), ""},
	{"7.6", 1, "There are as many ciphertexts as nodes to encrypt to.", by("7.6-ciphertexts"), ""},
	{"7.8", 1, "Tree hashes tell blank nodes from others.", by("tree-validation.json", "tree-operations.json"), ""},
	{"7.9.2", 1, "Every parent of a joined tree is parent-hash valid.", by("7.9.2-parent-hash"), ""},
	{"7.9.2", 1, "The parent hash of a committer's leaf is that of its path.", by("7.9.2-commit-parent-hash"), ""},
	{"8.4", 1, "Commit and GroupSecrets name the same keys in the same order.", by("TestPSKs", "psk_secret.json"), ""},
	{"8.4", 1, "Every injection of a pre-shared key has a fresh nonce of Nh bytes.", by("12.1.4-nonce", "TestPSKs"), ""},
	{"9.1", 1, "A key and nonce encrypt one message.", by("TestUsedKeysAreErased", "TestModel"), ""},
	{"9.2", 1, "What is consumed is deleted at once.", by("TestUsedKeysAreErased"), ""},
	{"9.2", 1, "With a message go its key, its nonce and the secrets above them.", by("TestUsedKeysAreErased"), ""},
	{"10", 2, "init_key is a key of the suite, and the client's own for this key package.", by("10-init-key"), "NewKeyPackage draws a new key each time."},
	{"10", 1, "The leaf's keys are keys of the suite.", by("10-encryption-key", "5.1.1-signature-key"), ""},
	{"10", 1, "The key package's signature is verified.", by("10.1-signature"), ""},
	{"10", 1, "Key package and message have the same version.", by("10.1-version"), ""},
	{"10", 1, "The leaf's source is key_package.", by("7.3-source-key-package"), ""},
	{"10", 1, "Extensions of the key package and its leaf are among its capabilities.", by("10-key-package-extension", "7.3-leaf-extension"), ""},
	{"10", 1, "Unknown extensions are ignored.", by("TestGREASE"), ""},
	{"11", 1, "The creator chooses the best version and suite that all support.", by("TestBestSuite", "10.1-cipher-suite"), ""},
	{"11", 1, "The steps of creating a group.", by("TestLife", "11.1-required-capabilities"), ""},
	{"11.2", 1, "The new group's version, suite, identifier and extensions are those of the ReInit.", by("11.2-version", "11.2-cipher-suite", "11.2-group-id", "11.2-extensions"), ""},
	{"11.2", 1, "Its epoch is 1.", by("11.2-epoch"), ""},
	{"11.2", 1, "The Welcome names the old group's resumption key.", by("11.2-key", "11.2-one-key", "TestSuccessorNeedsTheOldGroup"), ""},
	{"11.2", 1, "Such a key is used for nothing else.", by("12.1.4-usage"), ""},
	{"11.2", 1, "A PreSharedKey proposal with one is invalid.", by("12.1.4-usage"), ""},
	{"11.3", 1, "The nonce is random, of Nh bytes.", by("12.1.4-nonce", "TestBranch"), ""},
	{"11.3", 1, "A Welcome with such a key is compared with the group that it names.", by("11.3-cipher-suite", "TestBranch"), ""},
	{"11.3", 1, "The epoch is 1.", by("11.3-epoch"), ""},
	{"11.3", 1, "Each member was a member of the original group.", by("11.3-members"), ""},
	{"11.3", 1, "Such a key is used for nothing else.", by("12.1.4-usage"), ""},
	{"11.3", 1, "A PreSharedKey proposal with one is invalid.", by("12.1.4-usage"), ""},
	{"12.1", 1, "A proposal's signature and epoch are verified.", by("6.1-signature", "TestRefusals"), ""},
	{"12.1.4", 1, "The nonce is random.", by("TestPSKs"), ""},
	{"12.1.8", 1, "Proposals from outside are PublicMessages.", by("TestExternalSender", "TestOwnAdd"), "By construction: SenderData names a leaf."},
	{"12.1.8", 1, "External senders make proposals of the listed types.", by("12.1.8-external-type"), ""},
	{"12.1.8", 1, "New proposal types say whether external senders may make them.", by("12.1.8-external-type", "TestCustomProposals"), "CustomProposal has a field for it."},
	{"12.2", 1, "Whoever makes or processes a commit verifies its list of proposals.", by("12.2-update-committer", "12.2-remove-committer", "12.2-same-leaf", "12.2-psk-twice", "12.2-extensions-twice",
		"12.2-reinit-alone", "12.2-external-init", "12.2-external-init-once", "12.2-same-client", "12.2-external-remove-once", "12.2-external-type", "12.2-proposal-support"), ""},
	{"12.2", 1, "A commit with an invalid list is refused.", by("TestViolations"), ""},
	{"12.2", 1, "Who rejoins has a leaf that could update the one that it removes.", by("7.3-update-key", "5.3.1-successor", "TestResync"), ""},
	{"12.2", 1, "Its credential is acceptable as the successor of the removed one.", by("5.3.1-successor"), ""},
	{"12.3", 1, "Proposals take effect in the RFC's order.", by("passive-client-handling-commit.json", "TestModel"), ""},
	{"12.3", 1, "New extensions of the group are in force for the other proposals of the list.", by("7.3-required-extension", "13.4-context-extension"), ""},
	{"12.3", 1, "New proposal types say when they take effect.", by("TestAppData", "TestCustomProposals"), "Custom proposals change nothing in the group."},
	{"12.4", 1, "Proposals are committed before application data is sent.", by("TestProposalsBeforeData"), ""},
	{"12.4", 1, "Sender and receiver verify the list of proposals.", by("TestViolations", "TestPendingThatContradict"), ""},
	{"12.4", 1, "A commit has a path unless its proposals allow none.", by("12.4-path-missing"), ""},
	{"12.4", 1, "New proposal types say whether they need a path.", by("TestCustomProposals"), "CustomProposal has a field for it."},
	{"12.4.1", 1, "A path that is needed is made.", by("TestModel"), "Stage makes it whatever NoPath says."},
	{"12.4.1", 1, "Keys in GroupSecrets are in the order of the proposals.", by("TestPSKs"), ""},
	{"12.4.1", 1, "The welcome covers every new member.", by("TestLife", "TestThousandMembers"), ""},
	{"12.4.1", 1, "After a ReInit the committer makes the new group with the same members.", by("TestReInit", "11.2-members"), ""},
	{"12.4.1", 1, "Its Welcome names the resumption key.", by("TestReInit", "11.2-key"), ""},
	{"12.4.2", 1, "The leaf of a path has the source commit.", by("7.3-source-commit"), ""},
	{"12.4.2", 1, "After a ReInit nothing more is sent in the group.", by("TestReInit"), ""},
	{"12.4.2", 1, "It is left by the Welcome to its successor.", by("TestReInit", "TestSuccessorNeedsTheOldGroup"), ""},
	{"12.4.3", 1, "Unknown extensions of a GroupInfo are ignored.", by("TestGREASE"), ""},
	{"12.4.3", 1, "A joiner supports the extensions of the group context.", by("13.4-context-extension"), ""},
	{"12.4.3", 1, "The group's identifier is unique among the joiner's groups.", by("12.4.3.1-group-id"), "The application knows its groups: JoinParams.Known."},
	{"12.4.3", 1, "The GroupInfo is signed by the leaf that it names.", by("12.4.3.1-signature", "12.4.3.1-signer-leaf"), ""},
	{"12.4.3.1", 1, "Without a tree nothing is joined.", by("TestInspectBeforeJoining"), ""},
	{"12.4.3.1", 1, "The path secret gives the public key that the tree has.", by("12.4.3.1-path-secret"), ""},
	{"12.4.3.2", 1, "An external commit has a path.", by("12.4.3.2-path"), ""},
	{"12.4.3.2", 1, "It has no proposals by reference (SelfRemove, by a later draft, apart).", by("12.4.3.2-reference", "TestExternalJoinCommitsSelfRemove"), ""},
	{"12.4.3.2", 1, "The joiner signs it.", by("TestExternalJoin"), ""},
	{"12.4.3.2", 1, "Its signature is verified with the key of its own leaf.", by("6.1-signature", "TestExternalCommitSigner"), ""},
	{"12.4.3.2", 1, "All take the external init secret.", by("8.3-external-init", "TestExternalJoin"), ""},
	{"12.4.3.2", 1, "Its sender type is new_member_commit.", by("6-sender-content", "12.2-external-init"), ""},
	{"12.4.3.3", 1, "A tree is sent without blank nodes at its end.", by("tree-validation.json", "TestLife"), ""},
	{"12.4.3.3", 1, "One that has some is refused.", by("12.4.3.3-last-node"), ""},
	{"12.4.3.3", 1, "The tree's hash is that of the group context.", by("12.4.3.1-tree-hash"), ""},
	{"13.2", 1, "All members support the type of a proposal that is committed.", by("12.2-proposal-support"), ""},
	{"13.4", 1, "Extensible fields are handled as the following rows say.", by("TestGREASE"), ""},
	{"13.4", 1, "Who publishes a key package supports what it says.", nil, "The application's part: what it adds to DefaultCapabilities."},
	{"13.4", 1, "Unknown capabilities and extensions of a key package are ignored.", by("TestGREASE"), ""},
	{"13.4", 1, "Unknown extensions of a GroupInfo are ignored.", by("TestGREASE"), ""},
	{"13.4", 1, "No list has two extensions of one type.", by("13.4-context-extension-twice", "13.4-info-extension-twice", "13.4-key-package-extension-twice", "13.4-leaf-extension-twice"), ""},
	{"13.4", 1, "A new member's leaf goes with the group's extensions.", by("13.4-context-extension", "7.3-required-extension"), ""},
	{"13.4", 1, "It lists each extension of the group context.", by("13.4-context-extension"), ""},
	{"13.4", 2, "A joiner that lacks one does not join.", by("13.4-context-extension"), ""},
	{"13.4", 1, "All members support an extension that is in use.", by("13.4-context-extension"), ""},
	{"13.5", 1, "GREASE is not sent where it would have a message refused.", by("TestGREASE"), ""},
	{"13.5", 1, "It stands only where the RFC allows it.", by("TestGREASE"), ""},
	{"13.5", 1, "Nothing treats it specially when it is received.", by("TestGREASE"), ""},
	{"13.5", 1, "It is handled as any unknown value.", by("TestGREASE"), ""},
	{"13.5", 2, "What is compared to find common abilities has no GREASE.", by("TestGREASE"), ""},
	{"14", 1, "Commits that compete are resolved.", nil, "The application's part, with its delivery service: Apply one, Discard the others (TestModel, TestExternalRace)."},
	{"14", 1, "Forks are kept shortly and deleted.", by("TestUsedKeysAreErased"), "Discard erases; a staged commit that is dropped leaves nothing in the state."},
	{"14", 1, "Making a commit changes no state.", by("TestModel", "TestStagedCommitTells"), ""},
	{"14", 1, "A Welcome is sent once its commit was accepted.", nil, "The application's part; StagedCommit.Welcome says so."},
	{"15.2", 1, "An epoch encrypts no more than the AEAD's bounds allow.", nil, "The application's part: it knows its traffic. A ratchet's key encrypts one message, far below any bound."},
	{"15.2", 1, "A change that is needed comes before further application data.", by("TestProposalsBeforeData"), ""},
	{"16.3", 1, "Suites have an AEAD that is AE1-secure.", nil, "For who defines suites: AES-GCM and ChaCha20-Poly1305 are."},
	{"16.7", 1, "Keys in the tree are distinct.", by("7.3-unique-encryption-key", "7.3-unique-signature-key", "12.4.2-path-keys"), ""},
	{"17.1", 1, "Future suites meet section 16.3.", nil, "For who defines suites."},
	{"17.1", 1, "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519 is implemented.", by("TestVectors"), ""},
}

var testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// testFunctions finds the tests of the package and of those below and beside it
// that it is made of.
func testFunctions(t *testing.T) map[string]bool {
	found := make(map[string]bool)
	for _, root := range []string{".", "../mls/tlsenc"} {
		ok(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, m := range testFunction.FindAllSubmatch(source, -1) {
				found[string(m[1])] = true
			}
			return err
		}))
	}
	return found
}

// TestChecks fails if a demand of the RFC has nothing to show for it, if what
// it names does not exist, or if CHECKS.md is not what the table says.
func TestChecks(t *testing.T) {
	rules, tests := sourceRules(t), testFunctions(t)
	words, named := make(map[string]int), make(map[string]bool)
	for _, m := range musts {
		words[m.section] += m.words
		if len(m.by) == 0 && m.why == "" {
			t.Errorf("%s: nothing shows that %q", m.section, m.what)
		}
		for _, e := range m.by {
			named[e] = true
			_, vector := vectorTests[e]
			vector = vector || strings.HasPrefix(e, "passive-client-")
			if !rules[e] && !tests[e] && !vector {
				t.Errorf("%s: there is no rule, test or vector file %q", m.section, e)
			}
		}
	}
	if !maps.Equal(words, mustWords) {
		for _, s := range slices.Sorted(maps.Keys(mustWords)) {
			if words[s] != mustWords[s] {
				t.Errorf("section %s has %d demands, the table %d", s, mustWords[s], words[s])
			}
		}
	}
	made := checksDocument(slices.Sorted(maps.Keys(rules)), named)
	if *writeChecks {
		ok(t, os.WriteFile("CHECKS.md", made, 0o644))
		return
	}
	kept, err := os.ReadFile("CHECKS.md")
	ok(t, err)
	if !bytes.Equal(kept, made) {
		t.Error("CHECKS.md is not up to date: go generate ./mls")
	}
}

func checksDocument(rules []string, named map[string]bool) []byte {
	var b bytes.Buffer
	demands := 0
	for _, m := range musts {
		demands += m.words
	}
	fmt.Fprintf(&b, `<!-- Made by go generate ./mls from checks_test.go. -->
# What RFC 9420 demands, and what shows that it is met

Each row is a demand of the RFC (MUST, MUST NOT, REQUIRED), in our words: %d words in %d rows. A *rule* such as %s is a check in the sources,
and TestViolations/RULE breaks it; errors name the rule (BrokenRule). Names that begin with Test are tests, names that end in .json are files of official
vectors, which TestVectors runs. TestChecks fails where a row has nothing to show, where what it names does not exist, where a rule has no test that breaks it,
and where the rows of a section are not as many as its demands.

| Section | Demand | Shown by |
|---|---|---|
`, demands, len(musts), "`6.3.1-padding`")
	for _, m := range musts {
		shown := make([]string, 0, len(m.by)+1)
		for _, e := range m.by {
			shown = append(shown, "`"+e+"`")
		}
		text := strings.Join(shown, ", ")
		if m.why != "" {
			text = strings.TrimSpace(text + " " + m.why)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", m.section, m.what, text)
	}
	fmt.Fprint(&b, `
## Further rules

Checks that follow from the RFC's definitions or lists rather than from one of those words, that drafts demand (`+"`ext-`"+`), or that bound
what a peer can make this client do (`+"`size-`"+`). Each is broken by TestViolations too.

`)
	for _, id := range rules {
		if !named[id] {
			fmt.Fprintf(&b, "- `%s`\n", id)
		}
	}
	return b.Bytes()
}
