// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// checkLeaf verifies what can be said of a leaf by itself (RFC 9420, Section 7.3).
// Group and index count for leaves made within a group.
func checkLeaf(s *suite.Suite, l *tree.Leaf, group []byte, index uint32) error {
	key, err := checkLeafKeys(s, l)
	if err != nil {
		return err
	}
	if !s.Verify(key, leafLabel, l.TBS(group, index), l.Signature) {
		return rule.Broken("7.3-signature", "leaf has a bad signature")
	}
	return checkLeafContent(s, l)
}

// checkOwnLeaf verifies a leaf that this client has just signed.
func checkOwnLeaf(s *suite.Suite, l *tree.Leaf) error {
	if _, err := checkLeafKeys(s, l); err != nil {
		return err
	}
	return checkLeafContent(s, l)
}

// checkLeafKeys verifies that the keys are of the suite, and returns that of signatures.
func checkLeafKeys(s *suite.Suite, l *tree.Leaf) (suite.VerifyKey, error) {
	key, err := l.VerifyKey(s)
	if err != nil {
		return key, err
	}
	return key, l.CheckEncryption(s)
}

func checkLeafContent(s *suite.Suite, l *tree.Leaf) error {
	if err := checkCertificate(l.LeafNode); err != nil {
		return err
	}
	return checkOwnCapabilities(s, l.LeafNode)
}

// checkCertificate verifies that the first certificate of an X.509 credential is for the
// leaf's signature key (RFC 9420, Section 5.3). Whether the chain is to be trusted is for
// the application to say.
func checkCertificate(l *wire.LeafNode) error {
	if l.Credential.Type != uint16(CredentialX509) {
		return nil
	}
	chain, err := l.Credential.Certificates()
	if err != nil || len(chain) == 0 || len(chain) > maxCertificates {
		return rule.Broken("5.3-certificates", "X.509 credential without a list of certificates")
	}
	key, err := suite.CertificateKey(chain[0])
	if err != nil {
		return rule.Broken("5.3-certificate", "X.509 credential with a certificate that cannot be read")
	}
	if !bytes.Equal(key, l.SignatureKey) {
		return rule.Broken("5.3-certificate-key", "X.509 credential is for another signature key")
	}
	return nil
}

// maxCertificates bounds the chain of an X.509 credential.
const maxCertificates = 16

// checkOwnCapabilities verifies that a leaf lists what it uses (RFC 9420,
// Section 7.2).
func checkOwnCapabilities(s *suite.Suite, l *wire.LeafNode) error {
	c := &l.Capabilities
	if !slices.Contains(c.Versions, wire.Version) {
		return rule.Broken("11.1-version", "leaf does not support mls10")
	}
	if !slices.Contains(c.CipherSuites, s.ID) {
		return rule.Broken("11.1-cipher-suite", "leaf does not support the cipher suite")
	}
	if l.Extensions.Duplicate() {
		return rule.Broken("13.4-leaf-extension-twice", "leaf has two extensions of one type")
	}
	if err := checkAppData(l.Extensions); err != nil {
		return err
	}
	for _, e := range l.Extensions {
		if !c.SupportsExtension(e.Type) {
			return rule.Broken("7.3-leaf-extension", "leaf has an extension that it does not support")
		}
	}
	if !c.SupportsCredential(l.Credential.Type) {
		return rule.Broken("7.2-own-credential", "leaf has a credential type that it does not support")
	}
	return nil
}

// checkKeyPackage verifies what can be said of a key package by itself (RFC 9420,
// Section 10.1).
func checkKeyPackage(s *suite.Suite, kp *wire.KeyPackage, l *tree.Leaf) error {
	if err := checkUnsigned(s, kp, l, func() error { return checkLeaf(s, l, nil, 0) }); err != nil {
		return err
	}
	key, err := l.VerifyKey(s)
	if err != nil {
		return err
	}
	if !s.Verify(key, keyPackageLabel, kp.TBS(), kp.Signature) {
		return rule.Broken("10.1-signature", "key package has a bad signature")
	}
	return nil
}

// checkOwnKeyPackage verifies a key package that this client has just signed.
func checkOwnKeyPackage(s *suite.Suite, kp *wire.KeyPackage, l *tree.Leaf) error {
	return checkUnsigned(s, kp, l, func() error { return checkOwnLeaf(s, l) })
}

// checkUnsigned verifies a key package but for its own signature.
func checkUnsigned(s *suite.Suite, kp *wire.KeyPackage, l *tree.Leaf, leaf func() error) error {
	if kp.Version != wire.Version {
		return rule.Broken("10.1-version", "key package of another protocol version")
	}
	if kp.CipherSuite != s.ID {
		return rule.Broken("10.1-cipher-suite", "key package of another cipher suite")
	}
	if l.Source != wire.SourceKeyPackage {
		return rule.Broken("7.3-source-key-package", "leaf of a key package has another source")
	}
	if err := leaf(); err != nil {
		return err
	}
	if _, err := s.PublicKey(kp.InitKey); err != nil {
		return rule.Broken("10-init-key", "init key is no key of the suite's KEM")
	}
	if bytes.Equal(kp.InitKey, l.EncryptionKey) {
		return rule.Broken("10.1-init-key-distinct", "init key equals the encryption key")
	}
	if kp.Extensions.Duplicate() {
		return rule.Broken("13.4-key-package-extension-twice", "key package has two extensions of one type")
	}
	return checkAppData(kp.Extensions)
}

func (p Policy) withDefaults() Policy {
	if p.MaxLifetime == 0 {
		p.MaxLifetime = DefaultMaxLifetime
	}
	if p.LateDelivery == 0 {
		p.LateDelivery = DefaultLateDelivery
	}
	if p.PastEpochs == 0 {
		p.PastEpochs = DefaultPastEpochs
	}
	if p.MaxForward == 0 {
		p.MaxForward = DefaultMaxForward
	}
	if p.OutOfOrder == 0 {
		p.OutOfOrder = DefaultOutOfOrder
	}
	return p
}

// checkTotal verifies the length of a lifetime, by no clock.
func (p Policy) checkTotal(l *wire.LeafNode) error {
	if l.Source != wire.SourceKeyPackage {
		return nil
	}
	total := l.Lifetime.NotAfter - l.Lifetime.NotBefore
	if l.Lifetime.NotAfter < l.Lifetime.NotBefore || p.MaxLifetime > 0 && total > uint64(p.MaxLifetime/time.Second) {
		return rule.Broken("7.2-lifetime-total", "leaf has a lifetime that is too long or ends before it begins")
	}
	return nil
}

// checkSent verifies the lifetime of a leaf that this client sends: it must be
// valid now (RFC 9420, Section 7.3).
func (p Policy) checkSent(l *wire.LeafNode, now time.Time) error {
	p = p.withDefaults()
	if l.Source != wire.SourceKeyPackage {
		return nil
	}
	if err := p.checkTotal(l); err != nil {
		return err
	}
	if seconds(now) < l.Lifetime.NotBefore || seconds(now) > l.Lifetime.NotAfter {
		return rule.Broken("7.3-lifetime-sent", "leaf is not valid at this time")
	}
	return nil
}

// checkReceived verifies the lifetime of a leaf that was received, allowing for the
// time the message was under way (RFC 9420, Section 7.3).
func (p Policy) checkReceived(l *wire.LeafNode, now time.Time) error {
	if l.Source != wire.SourceKeyPackage {
		return nil
	}
	if err := p.checkTotal(l); err != nil {
		return err
	}
	if p.LateDelivery < 0 {
		return nil
	}
	if seconds(now.Add(ClockSkew)) < l.Lifetime.NotBefore || seconds(now.Add(-p.LateDelivery)) > l.Lifetime.NotAfter {
		return rule.Broken("7.3-lifetime-received", "leaf was not valid at any time the message can have been sent")
	}
	return nil
}

// checkJoined verifies the lifetime of a leaf in a tree that is joined.
func (p Policy) checkJoined(l *wire.LeafNode, now time.Time) error {
	if l.Source != wire.SourceKeyPackage {
		return nil
	}
	if err := p.checkTotal(l); err != nil {
		return err
	}
	if !p.LiveTree {
		return nil
	}
	if seconds(now.Add(ClockSkew)) < l.Lifetime.NotBefore || seconds(now) > l.Lifetime.NotAfter {
		return rule.Broken("7.3-lifetime-tree", "tree holds a leaf that is not valid at this time")
	}
	return nil
}
