// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"slices"

	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// The components that draft-ietf-mls-extensions defines.
const (
	ComponentAppComponents     ComponentID = 0x0001 // a ComponentList: supported, or required
	ComponentSafeAAD           ComponentID = 0x0002 // a ComponentList: those with data in AAD
	ComponentContentMediaTypes ComponentID = 0x0003
	ComponentLastResort        ComponentID = 0x0004
	ComponentAppAck            ComponentID = 0x0005
)

// ComponentList encodes a list of components.
func ComponentList(ids ...ComponentID) []byte { return wire.MarshalU16s(u16s(ids)) }

// ParseComponentList decodes what ComponentList encodes.
func ParseComponentList(b []byte) ([]ComponentID, error) {
	list, err := wire.ParseU16s(b)
	if err != nil {
		return nil, malformed("list of components", err)
	}
	return fromU16s[ComponentID](list), nil
}

// SafeAAD encodes authenticated data of components. In a group whose context holds
// ComponentSafeAAD, all AAD must be of this form. No component may occur twice.
func SafeAAD(items ...ComponentData) []byte { return AppDataDictionary(items...).Data }

// ParseSafeAAD decodes what SafeAAD encodes.
func ParseSafeAAD(b []byte) ([]ComponentData, error) { return ParseAppDataDictionary(b) }

// framesAAD tells whether a group context demands that AAD be a SafeAAD.
func framesAAD(e wire.Extensions) bool {
	data, ok := e.Find(wire.ExtAppDataDictionary)
	if !ok {
		return false
	}
	list, err := wire.ParseAppData(data)
	return err == nil && slices.ContainsFunc(list, func(c wire.ComponentData) bool { return ComponentID(c.ID) == ComponentSafeAAD })
}

func checkAAD(framed bool, aad []byte) error {
	if !framed {
		return nil
	}
	if _, err := wire.ParseAppData(aad); err != nil {
		return rule.Broken("ext-safe-aad", "authenticated data is not that of components")
	}
	return nil
}
