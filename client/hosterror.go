// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"errors"
	"strings"
)

// A HostError says which server an error is about. It wraps ErrOffline.
type HostError struct {
	Host string
	Own  bool // it is the account's own server
	Err  error
}

// Error names the server.
func (e *HostError) Error() string {
	var copied *CopiedError
	if errors.As(e.Err, &copied) {
		return copied.Error() // the server is there
	}
	who := "the server "
	if e.Own {
		who = "your server "
	}
	kind, what := ErrOffline, " cannot be reached"
	if errors.Is(e.Err, ErrTurnedAway) {
		kind, what = ErrTurnedAway, " answers, but takes no connections at the moment"
	}
	why := strings.TrimPrefix(strings.TrimPrefix(e.Err.Error(), kind.Error()), ": ")
	if why != "" {
		why = ": " + why
	}
	return who + e.Host + what + why
}

// Unwrap returns what is wrong.
func (e *HostError) Unwrap() error { return e.Err }

// named says which server an error of the network is about.
func (l *link) named(err error) error {
	err = offline(err)
	if !errors.Is(err, ErrOffline) || errors.As(err, new(*HostError)) {
		return err
	}
	return &HostError{Host: l.host, Own: l.own, Err: err}
}
