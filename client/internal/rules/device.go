// SPDX-License-Identifier: AGPL-3.0-or-later

package rules

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/internal/codec/order"
	"github.com/securecrypt/securecrypt/mls"
)

// ChainExtensionType is the MLS leaf extension, of the private-use range (RFC 9420,
// Section 17.3), in which a member's device names the state of its account's chain that
// it is in. Devices of earlier versions have none.
const ChainExtensionType mls.ExtensionType = 0xF5C2

// maxClaims bounds the chain heads that one commit names.
const maxClaims = 64

// ErrChainOlder means that a chain does not reach the state that a member claims: the
// server that shows it, or this device, may not know the newest one yet.
var ErrChainOlder = errors.New("the account's newest state is not known yet")

// HeadOf returns the head of a chain as members name it.
func HeadOf(c *account.Chain) records.ChainHead {
	return records.ChainHead{Length: uint64(c.Len()), Head: c.Head()}
}

// ChainExtension returns the leaf extension that names a chain's head.
func ChainExtension(head records.ChainHead) (mls.Extension, error) {
	b, err := dcbor.Marshal(head)
	return mls.Extension{Type: ChainExtensionType, Data: b}, err
}

// LeafHead returns the chain head that a leaf names; false if it names none.
func LeafHead(leaf *mls.LeafNode) (head records.ChainHead, ok bool) {
	for _, e := range leaf.Extensions() {
		if e.Type == ChainExtensionType {
			return head, dcbor.Unmarshal(e.Data, &head) == nil
		}
	}
	return head, false
}

// VouchLeaf compares a leaf with the verified chain of its account. Revoked means that
// its device was in the chain and is not any more. The error is ErrChainOlder if only a
// newer state of the chain can tell; any other one means that the leaf is not the
// account's.
func VouchLeaf(chain *account.Chain, leaf *mls.LeafNode) (revoked bool, err error) {
	cred, err := LeafCredential(leaf)
	if err != nil {
		return false, err
	}
	claim := records.Claim{Address: cred.Address.String(), Device: cred.Device, Key: leaf.SignatureKey()}
	if head, ok := LeafHead(leaf); ok {
		claim.Chain = &head
	}
	return Vouch(chain, claim)
}

// Vouch is VouchLeaf for what a leaf claimed, or for what a commit claimed that removed
// a leaf because its device was revoked.
func Vouch(chain *account.Chain, claim records.Claim) (revoked bool, err error) {
	if claim.Address != chain.Address().String() {
		return false, account.ErrWrongAddress
	}
	if len(claim.Key) != account.SignatureKeySize || account.SignatureKey(claim.Key).ID() != claim.Device {
		return false, account.ErrNotInChain
	}
	_, live := chain.Device(claim.Device)
	known := live || slices.ContainsFunc(chain.State().History(), func(r account.DeviceRecord) bool { return r.ID == claim.Device })
	switch head := claim.Chain; {
	case head == nil: // nothing newer is claimed than anybody would know
	case chain.Extends(head.Head):
		if chain.WasLive(claim.Device, head.Head) == claim.Revoked {
			return false, account.ErrNotInChain
		}
	case head.Length <= uint64(chain.Len()):
		return false, fmt.Errorf("%w: it claims another chain", account.ErrNotInChain)
	case claim.Revoked || !known:
		return false, ErrChainOlder
	}
	if !known {
		return false, account.ErrNotInChain
	}
	return !live, nil
}

// commitData is the authenticated data of a commit that removes revoked devices of
// others: the states of the accounts' chains that revoke them.
type commitData struct {
	Version uint8                `cbor:"1,keyasint"`
	Chains  []records.NamedChain `cbor:"2,keyasint"`
}

// EncodeClaims returns the authenticated data of a commit that names chain heads; none
// for none.
func EncodeClaims(all []records.NamedChain) ([]byte, error) {
	if len(all) == 0 {
		return nil, nil
	}
	return dcbor.Marshal(commitData{records.Version, all})
}

// claimsOf returns the chain heads that a commit names, by address.
func claimsOf(s *mls.StagedCommit) (map[string]records.ChainHead, error) {
	aad := s.AAD()
	if len(aad) == 0 {
		return nil, nil
	}
	var data commitData
	if err := dcbor.Unmarshal(aad, &data); err != nil || data.Version != records.Version || len(data.Chains) > maxClaims {
		return nil, fmt.Errorf("%w: authenticated data of a commit", ErrRule)
	}
	all := map[string]records.ChainHead{}
	for _, c := range data.Chains {
		all[c.Address] = c.Chain
	}
	return all, nil
}

// Revocations returns what a commit claims of the devices that it removes for having
// been revoked.
func Revocations(s *mls.StagedCommit) (all []records.Claim) {
	heads, err := claimsOf(s)
	if err != nil || len(heads) == 0 {
		return nil
	}
	again := addedAgain(s)
	for _, m := range s.Removed() {
		cred, err := LeafCredential(m.Leaf)
		if err != nil || again[cred] {
			continue
		}
		if head, ok := heads[cred.Address.String()]; ok {
			all = append(all, records.Claim{
				Address: cred.Address.String(), Device: cred.Device, Key: m.Leaf.SignatureKey(), Chain: &head, Revoked: true,
			})
		}
	}
	return all
}

// leavers returns the addresses of those who leave by a commit: of whom a device asked
// to be removed. All their devices go.
func leavers(s *mls.StagedCommit) map[string]bool {
	all := map[string]bool{}
	for _, p := range s.Proposals() {
		if p.Type != mls.ProposalSelfRemove {
			continue
		}
		for _, m := range s.Removed() {
			if m.Index != p.Sender {
				continue
			}
			if cred, err := LeafCredential(m.Leaf); err == nil {
				all[cred.Address.String()] = true
			}
		}
	}
	return all
}

// Movements are who comes and who goes by a commit, each sorted.
type Movements struct {
	Joined, Left, Removed []string             // people
	NewDevices            []account.Credential // of people who were in the group before and after
	LostDevices           []account.Credential
}

// MovementsOf returns who comes and goes by a commit; before are the leaves that it
// changes, by address. A device that a commit removes and adds did neither.
func MovementsOf(s *mls.StagedCommit, before map[string][]mls.LeafIndex) (m Movements) {
	left, after := leavers(s), map[string]int{}
	for address, leaves := range before {
		after[address] = len(leaves)
	}
	added, removed := map[account.Credential]bool{}, map[account.Credential]bool{}
	for _, one := range s.Added() {
		if cred, err := LeafCredential(one.Leaf); err == nil {
			added[cred] = true
			after[cred.Address.String()]++
		}
	}
	for _, one := range s.Removed() {
		if cred, err := LeafCredential(one.Leaf); err == nil {
			removed[cred] = true
			after[cred.Address.String()]--
		}
	}
	people := map[string]bool{}
	for cred := range added {
		address := cred.Address.String()
		switch {
		case removed[cred]:
		case len(before[address]) > 0:
			m.NewDevices = append(m.NewDevices, cred)
		case !people[address]:
			people[address] = true
			m.Joined = append(m.Joined, address)
		}
	}
	for cred := range removed {
		address := cred.Address.String()
		switch {
		case added[cred]:
		case after[address] > 0:
			m.LostDevices = append(m.LostDevices, cred)
		case people[address]:
		case left[address]:
			people[address] = true
			m.Left = append(m.Left, address)
		default:
			people[address] = true
			m.Removed = append(m.Removed, address)
		}
	}
	for _, all := range [][]string{m.Joined, m.Left, m.Removed} {
		slices.Sort(all)
	}
	for _, all := range [][]account.Credential{m.NewDevices, m.LostDevices} {
		order.By(all, func(a, b account.Credential) int {
			return cmp.Or(cmp.Compare(a.Address.String(), b.Address.String()), bytes.Compare(a.Device[:], b.Device[:]))
		})
	}
	return m
}
