// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import (
	"crypto/rand"

	"github.com/securecrypt/securecrypt/protocol"
)

// A WakeTokens is what the members of a conversation know of each other's
// tokens.
type WakeTokens struct {
	// Told is what the others were told last; Again: some joined since.
	Told  []byte `cbor:"1,keyasint,omitempty"`
	Again bool   `cbor:"2,keyasint,omitempty"`
	// Peers are the others' tokens by address.
	Peers map[string][]byte `cbor:"3,keyasint,omitempty"`
}

// wakeForgotten is how many tokens wait to be forgotten by the server, which
// forgets them by itself one day.
const wakeForgotten = 8

// A Wake is how this device is woken while its application is closed. It
// has one token for everybody: one for each conversation would tell the server
// how many there are.
type Wake struct {
	Version uint8 `cbor:"1,keyasint"`
	// Endpoint is where the push service takes pushes, "" if the device is not
	// to be woken.
	Endpoint string `cbor:"2,keyasint,omitempty"`
	// Token is registered; the others know it. Next is to take its place.
	Token []byte `cbor:"3,keyasint,omitempty"`
	Next  []byte `cbor:"4,keyasint,omitempty"`
	// Since is when Token took its place, Registered when it was registered
	// last, 0 if it is to be now; in Unix seconds.
	Since      int64 `cbor:"5,keyasint,omitempty"`
	Registered int64 `cbor:"6,keyasint,omitempty"`
	// Stale: somebody who knows Token should not any more.
	Stale bool `cbor:"7,keyasint,omitempty"`
	// Forget lists tokens that the server is to forget.
	Forget [][]byte `cbor:"8,keyasint,omitempty"`
}

// LoadWake returns how this device is woken.
func LoadWake(tx *Tx) (rec Wake, err error) {
	rec.Version = Version
	_, err = tx.Load([]byte(TableWake), &rec)
	return rec, err
}

// ForgetToken has the server forget a token.
func (r *Wake) ForgetToken(token []byte) {
	if token != nil {
		r.Forget = append(r.Forget, token)
		r.Forget = r.Forget[max(0, len(r.Forget)-wakeForgotten):]
	}
}

// Renew has another token take the place of the present one.
func (r *Wake) Renew() error {
	r.ForgetToken(r.Next)
	r.Next, r.Stale = make([]byte, len(protocol.WakeToken{})), false
	_, err := rand.Read(r.Next)
	return err
}

// RenewWake has the token replaced: at once, or once it was kept for a while.
func RenewWake(tx *Tx, atOnce bool) error {
	rec, err := LoadWake(tx)
	if err != nil || rec.Token == nil || rec.Stale && !atOnce {
		return err
	}
	rec.Stale = true
	if atOnce {
		rec.Since = 0
	}
	return tx.Save([]byte(TableWake), &rec)
}
