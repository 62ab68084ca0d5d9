// SPDX-License-Identifier: AGPL-3.0-or-later

package interop

import (
	"errors"
	"fmt"
)

// Names of operations.
const (
	OpHello      = "hello"       // what the peer is
	OpKeyPackage = "key_package" // of Client, in Suite, for Identity
	OpCreate     = "create"      // a group by Client; the exact parameters of OpKeyPackage and Group
	OpJoin       = "join"        // by Welcome, with Tree unless the welcome holds one
	OpExternal   = "external"    // a join by GroupInfo; Resync replaces the former leaf
	OpPropose    = "propose"     // Kind, with Add or Index
	OpCommit     = "commit"      // staged until OpApply, where the library can
	OpApply      = "apply"       // the own commit
	OpProcess    = "process"     // Message: a handshake message is applied
	OpProtect    = "protect"     // Data, Count times
	OpUnprotect  = "unprotect"   // Messages
	OpState      = "state"       // what all members must agree on
	OpGroupInfo  = "group_info"  // with external_pub and the tree
	OpTree       = "tree"        // the encoded ratchet tree
	OpDrop       = "drop"        // forgets Client
)

// Kinds of proposals and of what was processed.
const (
	KindAdd         = "add"
	KindUpdate      = "update"
	KindRemove      = "remove"
	KindProposal    = "proposal"
	KindCommit      = "commit"
	KindApplication = "application"
)

// A Request asks a peer for one operation. Bytes travel in base64.
type Request struct {
	Op       string `json:"op"`
	Client   string `json:"client,omitempty"`
	Suite    uint16 `json:"suite,omitempty"`
	Identity string `json:"identity,omitempty"`
	Group    []byte `json:"group,omitempty"`

	Add      [][]byte `json:"add,omitempty"`      // key packages
	Remove   []uint32 `json:"remove,omitempty"`   // leaves
	Path     bool     `json:"path,omitempty"`     // an update path although none is needed
	Pending  bool     `json:"pending,omitempty"`  // commit what was proposed
	Public   bool     `json:"public,omitempty"`   // a handshake in a PublicMessage
	TreeInfo bool     `json:"treeInfo,omitempty"` // the welcome holds the tree
	NoTree   bool     `json:"noTree,omitempty"`   // nor is it returned beside the welcome
	Kind     string   `json:"kind,omitempty"`
	Index    uint32   `json:"index,omitempty"`

	Welcome   []byte `json:"welcome,omitempty"`
	Tree      []byte `json:"tree,omitempty"`
	GroupInfo []byte `json:"groupInfo,omitempty"`
	Resync    bool   `json:"resync,omitempty"`

	Message  []byte   `json:"message,omitempty"`
	Messages [][]byte `json:"messages,omitempty"`
	Data     []byte   `json:"data,omitempty"`
	AAD      []byte   `json:"aad,omitempty"`
	Padding  int      `json:"padding,omitempty"` // where the library takes a number of bytes
	Count    int      `json:"count,omitempty"`
	// Memory asks how much more memory is in use after the operation.
	Memory bool `json:"memory,omitempty"`
}

// A Response answers a Request.
type Response struct {
	Error string `json:"error,omitempty"`
	// Nanos is how long the library took, without reading and writing these
	// lines; for OpProtect and OpUnprotect each message by itself.
	Nanos []int64 `json:"nanos,omitempty"`

	Name     string   `json:"name,omitempty"`
	Suites   []uint16 `json:"suites,omitempty"`
	Features []string `json:"features,omitempty"`

	KeyPackage []byte   `json:"keyPackage,omitempty"`
	Message    []byte   `json:"message,omitempty"`
	Messages   [][]byte `json:"messages,omitempty"`
	Welcome    []byte   `json:"welcome,omitempty"`
	Tree       []byte   `json:"tree,omitempty"`
	GroupInfo  []byte   `json:"groupInfo,omitempty"`
	Kind       string   `json:"kind,omitempty"`
	Data       []byte   `json:"data,omitempty"` // of the last message
	AAD        []byte   `json:"aad,omitempty"`
	State      *State   `json:"state,omitempty"`
	Bytes      int64    `json:"bytes,omitempty"`
}

// Features that not every library has.
const (
	FeatureNoPath = "no-path" // commits without an update path
	FeatureAAD    = "aad"     // tells the authenticated data of what it received
	FeatureUpdate = "update"  // proposes an update of the own leaf
	FeatureResync = "resync"  // external joins that replace the former leaf
)

// Exported is what OpState exports from an epoch.
const (
	ExportLabel  = "interop"
	ExportLength = 48
)

// ExportContext is the context of what OpState exports.
var ExportContext = []byte("context")

// State is what members agree on.
type State struct {
	Active        bool     `json:"active"`
	Epoch         uint64   `json:"epoch"`
	Authenticator []byte   `json:"authenticator"`
	Exported      []byte   `json:"exported"`
	TreeHash      []byte   `json:"treeHash"`
	Own           uint32   `json:"own"`
	Members       []Member `json:"members"`
}

// A Member is a leaf that is not blank.
type Member struct {
	Index    uint32 `json:"index"`
	Identity string `json:"identity"`
}

// ErrPeer marks what a peer answered, other than that it cannot be spoken to.
var ErrPeer = errors.New("refused")

// A Peer answers requests.
type Peer interface {
	// Do returns ErrPeer where the library refuses.
	Do(Request) (Response, error)
	Close() error
}

func refusal(name string, r Request, message string) error {
	return fmt.Errorf("%s: %s of %s: %w: %s", name, r.Op, r.Client, ErrPeer, message)
}
