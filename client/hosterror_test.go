// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
)

// A server that answers and takes no connections is not said to be out of reach.
func TestHostErrors(t *testing.T) {
	for want, err := range map[string]error{
		"your server chat.example cannot be reached: connection refused":                                  fmt.Errorf("%w: connection refused", backend.ErrOffline),
		"your server chat.example answers, but takes no connections at the moment: too many (status 429)": fmt.Errorf("%w: too many (status 429)", backend.ErrTurnedAway),
		"your server chat.example cannot be reached":                                                      backend.ErrOffline,
		"your server chat.example cannot be reached: the server did not say hello":                        errors.New("the server did not say hello"),
	} {
		if got := (&chat.HostError{Host: "chat.example", Own: true, Err: err}).Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
