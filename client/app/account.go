// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import "context"

// takeOver has this copy of the profile go on.
func (a *App) takeOver(ctx context.Context, _ None) (None, error) {
	p, err := a.client()
	if err == nil {
		err = p.Account().TakeOver(ctx)
	}
	return None{}, err
}

// registerAgain creates the account again on a server that lost it.
func (a *App) registerAgain(ctx context.Context, _ None) (None, error) {
	p, err := a.client()
	if err == nil {
		err = p.Account().RegisterAgain(ctx, "")
	}
	return None{}, err
}
