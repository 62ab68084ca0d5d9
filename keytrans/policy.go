// SPDX-License-Identifier: Apache-2.0

package keytrans

import (
	"bytes"
	"crypto/sha256"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/securecrypt/securecrypt/keytrans/internal/rule"
)

// Ages that PolicyParams has if they are zero.
const (
	// DefaultWarnAge is the age from which on Verify calls a head old.
	DefaultWarnAge = time.Hour
	// DefaultMaxAge is the age from which on Verify refuses a head.
	DefaultMaxAge = 24 * time.Hour
	// DefaultMaxAhead is how far a cosignature may be ahead of the verifier's clock.
	DefaultMaxAhead = 24 * time.Hour
)

// AuditorsName is the name that the witness or group of auditors has in the text of a
// policy.
const AuditorsName = "auditors"

// PolicyParams are what a client pins of a log.
type PolicyParams struct {
	// Number counts the policies of the log, from 1 on.
	Number uint64
	// Text is the log's policy (c2sp.org/tlog-policy).
	Text []byte
	// VRFKey is the log's VRF public key, of VRFKeySize bytes.
	VRFKey []byte
	// Own is a further policy text, without logs, or nil: witnesses that a person added for
	// herself, whose quorum must be met too. It is not part of the configuration.
	Own []byte
	// WarnAge, MaxAge and MaxAhead are the limits of a head's age. Zero is the default
	// of each; WarnAge is at most MaxAge, by default too.
	WarnAge, MaxAge, MaxAhead time.Duration
}

// A Policy is what a verifier knows of a log before it asks: the log's keys, its VRF
// key, whose cosignatures a head needs, and how old they may be. It never
// changes, and may be used concurrently.
type Policy struct {
	params PolicyParams
	config Config
	vrf    *VRFPublicKey
	log    []*VerifierKey
	quorum *group
	own    *group // nil if there is none
	keys   map[keyID]*VerifierKey
}

// A keyID is what a signature line names a key by.
type keyID struct {
	name string
	hash uint32
}

func (k *VerifierKey) id() keyID { return keyID{k.name, k.hash} }

// NewPolicy checks and makes a policy.
//
// The text names one log, by its Ed25519 key and perhaps by an ML-DSA-44 key beside it:
// every key that is named must sign. (c2sp.org/tlog-policy accepts a checkpoint
// with any one of them.) It defines a witness or group with the name AuditorsName,
// and a quorum that can be met neither without one of those nor by those alone.
func NewPolicy(params PolicyParams) (*Policy, error) {
	if params.Number < 1 || params.Number > MaxCount {
		return nil, rule.Broken("K3-number", "the number of a policy is out of range")
	}
	params = params.clone()
	params.setAges()
	if params.WarnAge > params.MaxAge || params.WarnAge < 0 || params.MaxAge < 0 || params.MaxAhead < 0 {
		return nil, rule.Broken("K7-ages", "the ages of a policy contradict each other")
	}
	key, err := NewVRFPublicKey(params.VRFKey)
	if err != nil {
		return nil, err
	}
	text, err := parsePolicy(params.Text)
	if err != nil {
		return nil, err
	}
	p := &Policy{params: params, vrf: key, log: text.logs, quorum: text.quorum, keys: make(map[keyID]*VerifierKey)}
	if err := p.checkLog(); err != nil {
		return nil, err
	}
	if err := p.checkAuditors(text); err != nil {
		return nil, err
	}
	p.config = Config{p.log[0].name, [VRFKeySize]byte(key.Bytes()), params.Number, sha256.Sum256(params.Text)}
	cosigners := text.cosigners
	if params.Own != nil {
		own, err := parsePolicy(params.Own)
		if err != nil {
			return nil, err
		}
		if len(own.logs) > 0 {
			return nil, rule.Broken("K8-own-log", "a policy of one's own names a log")
		}
		p.own, cosigners = own.quorum, append(cosigners, own.cosigners...)
	}
	if err := p.index(append(cosigners, p.log...)); err != nil {
		return nil, err
	}
	return p, nil
}

func (p PolicyParams) clone() PolicyParams {
	p.Text, p.VRFKey, p.Own = bytes.Clone(p.Text), bytes.Clone(p.VRFKey), bytes.Clone(p.Own)
	return p
}

func (p *PolicyParams) setAges() {
	if p.MaxAge == 0 {
		p.MaxAge = DefaultMaxAge
	}
	if p.WarnAge == 0 {
		p.WarnAge = min(DefaultWarnAge, p.MaxAge)
	}
	if p.MaxAhead == 0 {
		p.MaxAhead = DefaultMaxAhead
	}
}

// checkLog checks the lines of the log.
func (p *Policy) checkLog() error {
	plain := 0
	for _, k := range p.log {
		if k.name != p.log[0].name {
			return rule.Broken("K8-one-log", "the policy names two logs")
		}
		if k.alg == Ed25519 {
			plain++
		}
		if k.alg == CosignatureEd25519 {
			return rule.Broken("K8-log-key", "the log has a key for Ed25519 cosignatures")
		}
	}
	if plain != 1 || len(p.log) > 2 {
		return rule.Broken("K12-ed25519", "the policy does not name one Ed25519 key of the log")
	}
	return nil
}

// checkAuditors checks that the quorum needs both auditors and witnesses.
func (p *Policy) checkAuditors(text *policyText) error {
	auditors := make(map[keyID]bool)
	if g := text.names[AuditorsName]; g != nil {
		g.collect(auditors)
	}
	// A head that all witnesses cosigned, and one that all auditors did.
	witnessed, audited := make(map[keyID]int64), make(map[keyID]int64)
	for _, k := range text.cosigners {
		if auditors[k.id()] {
			audited[k.id()] = 1
		} else {
			witnessed[k.id()] = 1
		}
	}
	if _, ok := p.quorum.time(witnessed); ok {
		return rule.Broken("K8-auditor", "the policy's quorum can be met without an auditor")
	}
	if _, ok := p.quorum.time(audited); ok {
		return rule.Broken("K8-witness", "the policy's quorum can be met by auditors alone")
	}
	return nil
}

// index makes the map of keys, of which the log's and one's own may repeat others.
func (p *Policy) index(keys []*VerifierKey) error {
	for _, k := range keys {
		if other := p.keys[k.id()]; other != nil && other.String() != k.String() {
			return rule.Broken("K8-collision", "two keys have one name and one hash")
		}
		p.keys[k.id()] = k
	}
	return nil
}

// Verifier implements note.Verifiers.
func (p *Policy) Verifier(name string, hash uint32) (note.Verifier, error) {
	if k := p.keys[keyID{name, hash}]; k != nil {
		return k, nil
	}
	return nil, &note.UnknownVerifierError{Name: name, KeyHash: hash}
}

// Params returns what the policy was made of.
func (p *Policy) Params() PolicyParams { return p.params.clone() }

// Config returns the configuration that the log's roots must commit to.
func (p *Policy) Config() Config { return p.config }

// Origin returns the name of the log.
func (p *Policy) Origin() string { return p.config.Origin }

// VRFKey returns the key that gives names their labels.
func (p *Policy) VRFKey() *VRFPublicKey { return p.vrf }

// cosignTimes returns the times of the cosignatures that count at now, and the reason
// why others do not, nil if all count.
func (p *Policy) cosignTimes(s *SignedCheckpoint, now time.Time) (map[keyID]int64, error) {
	times := make(map[keyID]int64)
	var ignored error
	latest := now.Add(p.params.MaxAhead).Unix()
	for _, sig := range s.signatures {
		id := keyID{sig.Name, sig.Hash}
		t, timed := p.keys[id].timestamp(sig)
		if !timed {
			continue
		}
		if err := checkTime(t, latest); err != nil {
			ignored = err
			continue
		}
		times[id] = t
	}
	return times, ignored
}

// checkTime refuses cosignature times that say nothing.
func checkTime(t, latest int64) error {
	if t == 0 {
		return rule.Broken("K7-zero", "a cosignature states no time")
	}
	if t > latest {
		return rule.BrokenBy(ErrAhead, "K7-ahead", "a cosignature is later than the clock allows")
	}
	return nil
}

// quorumTime returns the time, in Unix seconds, up to which the quorum's cosignatures
// reach: the latest at which the quorum is met by cosignatures that are not older.
func (p *Policy) quorumTime(s *SignedCheckpoint, now time.Time) (int64, error) {
	times, ignored := p.cosignTimes(s, now)
	t, ok := p.quorum.time(times)
	if !ok && ignored != nil {
		return 0, ignored
	}
	if !ok {
		return 0, rule.Broken("K8-quorum", "the checkpoint's cosignatures do not meet the policy")
	}
	if p.own == nil {
		return t, nil
	}
	own, ok := p.own.time(times)
	if !ok {
		return 0, rule.Broken("K8-own", "the checkpoint's cosignatures do not meet one's own policy")
	}
	return min(t, own), nil
}
