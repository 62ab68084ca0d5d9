// SPDX-License-Identifier: Apache-2.0

package keytrans

import (
	"slices"
	"strconv"
	"strings"

	"github.com/securecrypt/securecrypt/keytrans/internal/rule"
)

// maxPolicyLines bounds the logs, witnesses and groups of a policy, each.
const maxPolicyLines = 64

// A group is a node of a policy's quorum: a key, or a threshold over members.
type group struct {
	key       *VerifierKey
	threshold int
	members   []*group
}

// time returns the latest time at which the group is met by cosignatures that
// are not older, if it is met: for a threshold of k, the k-th latest of its members'.
func (g *group) time(times map[keyID]int64) (int64, bool) {
	if g.key != nil {
		t, ok := times[g.key.id()]
		return t, ok
	}
	var met []int64
	for _, m := range g.members {
		if t, ok := m.time(times); ok {
			met = append(met, t)
		}
	}
	if len(met) < g.threshold {
		return 0, false
	}
	slices.Sort(met)
	return met[len(met)-g.threshold], true
}

// collect adds the keys of the group and of the groups below it.
func (g *group) collect(keys map[keyID]bool) {
	if g.key != nil {
		keys[g.key.id()] = true
	}
	for _, m := range g.members {
		m.collect(keys)
	}
}

// A policyText is a policy as its text says (c2sp.org/tlog-policy), without what is demanded
// beyond that.
type policyText struct {
	logs      []*VerifierKey
	cosigners []*VerifierKey
	names     map[string]*group
	member    map[string]bool // names that are in a group
	keys      map[string]bool // public keys that have a line
	groups    int
	quorum    *group
}

// parsePolicy decodes the text of a policy.
func parsePolicy(text []byte) (*policyText, error) {
	if len(text) > MaxPolicy {
		return nil, rule.Broken("K8-length", "the policy has %d bytes", len(text))
	}
	for _, c := range text {
		if c < ' ' && c != '\t' && c != '\n' || c == 0x7f {
			return nil, rule.Broken("K8-characters", "the policy has a control character")
		}
	}
	p := &policyText{names: make(map[string]*group), member: make(map[string]bool), keys: make(map[string]bool)}
	for line := range strings.Lines(string(text)) {
		fields := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' })
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if err := p.line(fields); err != nil {
			return nil, err
		}
	}
	if p.quorum == nil {
		return nil, rule.Broken("K8-no-quorum", "the policy defines no quorum")
	}
	return p, nil
}

func (p *policyText) line(fields []string) error {
	limits := map[string][2]int{"log": {2, 3}, "witness": {3, 4}, "group": {4, maxPolicyLines}, "quorum": {2, 2}}
	limit := limits[fields[0]]
	if len(fields) < limit[0] || len(fields) > limit[1] {
		return rule.Broken("K8-line", "a line of the policy is not of its syntax")
	}
	switch fields[0] {
	case "log":
		k, err := p.key(fields[1])
		p.logs = append(p.logs, k)
		return err
	case "witness":
		return p.witness(fields[1], fields[2])
	case "group":
		return p.group(fields[1], fields[2], fields[3:])
	default:
		return p.setQuorum(fields[1])
	}
}

// key decodes a key, of which each may have one line.
func (p *policyText) key(vkey string) (*VerifierKey, error) {
	k, err := ParseVerifierKey(vkey)
	if err != nil {
		return nil, err
	}
	if p.keys[string(k.key)] {
		return nil, rule.Broken("K8-key-twice", "the policy names a key twice")
	}
	p.keys[string(k.key)] = true
	if len(p.keys) > maxPolicyLines {
		return nil, rule.Broken("K8-keys", "the policy has more than %d keys", maxPolicyLines)
	}
	return k, nil
}

func (p *policyText) witness(name, vkey string) error {
	k, err := p.key(vkey)
	if err != nil {
		return err
	}
	if k.alg == Ed25519 {
		return rule.Broken("K8-cosigner-key", "a witness has a key that does not make cosignatures")
	}
	p.cosigners = append(p.cosigners, k)
	return p.define(name, &group{key: k})
}

func (p *policyText) group(name, threshold string, members []string) error {
	g := &group{}
	for _, m := range members {
		member := p.names[m]
		if member == nil {
			return rule.Broken("K8-member", "a group has a member that is not defined before it")
		}
		if p.member[m] {
			return rule.Broken("K8-member-twice", "a name is in groups twice")
		}
		p.member[m] = true
		g.members = append(g.members, member)
	}
	switch threshold {
	case "any":
		g.threshold = 1
	case "all":
		g.threshold = len(members)
	default:
		n, err := strconv.Atoi(threshold)
		if err != nil || strconv.Itoa(n) != threshold || n < 1 || n > len(members) {
			return rule.Broken("K8-threshold", "the threshold of a group is out of range")
		}
		g.threshold = n
	}
	p.groups++
	if p.groups > maxPolicyLines {
		return rule.Broken("K8-groups", "the policy has more than %d groups", maxPolicyLines)
	}
	return p.define(name, g)
}

func (p *policyText) define(name string, g *group) error {
	if p.names[name] != nil || name == "none" {
		return rule.Broken("K8-name", "a name of the policy is taken")
	}
	p.names[name] = g
	return nil
}

func (p *policyText) setQuorum(name string) error {
	if p.quorum != nil {
		return rule.Broken("K8-quorums", "the policy defines two quorums")
	}
	if name == "none" {
		return rule.Broken("K8-none", "the policy's quorum is none")
	}
	if p.quorum = p.names[name]; p.quorum == nil {
		return rule.Broken("K8-undefined", "the policy's quorum is not defined before it")
	}
	return nil
}
