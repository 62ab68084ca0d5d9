// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build !linux && !darwin

package mountfs

import (
	"context"

	"github.com/securecrypt/securecrypt/vault"
)

// A Server serves a file system that is mounted. There is none on this system.
type Server struct{}

// Mount returns ErrUnsupported.
func Mount(context.Context, string, *vault.Vault, Options) (*Server, error) {
	return nil, ErrUnsupported
}

// Wait returns at once.
func (*Server) Wait(context.Context) {}

// Unmount does nothing.
func (*Server) Unmount() (busy bool, err error) { return false, nil }
