// SPDX-License-Identifier: AGPL-3.0-or-later

package relay

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/securecrypt/securecrypt/protocol"
)

// Scheme begins addresses.
const Scheme = "server:"

// Address names a vault of an account.
type Address struct {
	// Name and Host are those of the account; both are empty for that of the profile.
	Name, Host string
	Vault      uint8 // from 1 on
}

// ParseAddress parses server:, server:NUMBER and server:name@host/NUMBER. The number
// of a vault is 1 if it is not given.
func ParseAddress(s string) (Address, error) {
	const form = "an address looks like server:, server:2 or server:name@host/2"
	rest, ok := strings.CutPrefix(s, Scheme)
	if !ok {
		return Address{}, errors.New("relay: not an address of a vault on a server: " + form)
	}
	a := Address{Vault: 1}
	account, number, both := strings.Cut(rest, "/")
	if !both && !strings.Contains(account, "@") {
		account, number = "", account
	}
	if account != "" {
		a.Name, a.Host, ok = strings.Cut(account, "@")
		if !ok || a.Name == "" || a.Host == "" || strings.ContainsAny(account, " /?#") {
			return Address{}, fmt.Errorf("relay: %q is no address of an account: %s", account, form)
		}
	}
	if number != "" {
		n, err := strconv.ParseUint(number, 10, 8)
		if err != nil || protocol.CheckVault(n) != nil {
			return Address{}, fmt.Errorf("relay: %q is no number of a vault: an account has the vaults 1 to %d; %s", number, protocol.MaxVaults, form)
		}
		a.Vault = uint8(n)
	}
	return a, nil
}

// String returns the address in the form that ParseAddress takes.
func (a Address) String() string {
	if a.Host == "" {
		return Scheme + strconv.Itoa(int(a.Vault))
	}
	return fmt.Sprintf("%s%s@%s/%d", Scheme, a.Name, a.Host, a.Vault)
}
