// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"context"

	"github.com/securecrypt/securecrypt/client"
)

func (a *App) settings(context.Context, None) (Settings, error) {
	p, err := a.client()
	if err != nil {
		return Settings{}, err
	}
	s, err := p.Settings()
	if err != nil {
		return Settings{}, err
	}
	out := Settings{s.ReadReports, s.DeliveryReports, s.Typing, duration(s.Timer), s.Interface}
	if out.Interface == nil {
		out.Interface = map[string]string{}
	}
	return out, nil
}

func (a *App) setSettings(ctx context.Context, q Settings) (None, error) {
	p, err := a.client()
	if err != nil {
		return None{}, err
	}
	return None{}, p.SetSettings(ctx, client.Settings{
		ReadReports: q.ReadReports, DeliveryReports: q.DeliveryReports, Typing: q.Typing, Timer: q.Timer.duration(), Interface: q.Interface,
	})
}
