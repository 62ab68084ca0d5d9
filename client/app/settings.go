// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"context"
	"encoding/base64"
	"errors"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/protocol"
)

func (a *App) settings(context.Context, None) (Settings, error) {
	p, err := a.client()
	if err != nil {
		return Settings{}, err
	}
	a.setting.Lock()
	defer a.setting.Unlock()
	s, err := p.Account().Settings()
	if err != nil {
		return Settings{}, err
	}
	waking, err := p.Account().Waking()
	if err != nil {
		return Settings{}, err
	}
	out := Settings{s.ReadReports, s.DeliveryReports, s.Typing, duration(s.Timer), s.Interface, waking}
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
	a.setting.Lock()
	defer a.setting.Unlock()
	return None{}, p.Account().SetSettings(ctx, chat.Settings{
		ReadReports: q.ReadReports, DeliveryReports: q.DeliveryReports, Typing: q.Typing, Timer: q.Timer.duration(), Interface: q.Interface,
	})
}

// wakeKey answers without an endpoint.
func (a *App) wakeKey(ctx context.Context, _ None) (Wake, error) {
	p, err := a.client()
	if err != nil {
		return Wake{}, err
	}
	key, err := p.Account().WakeKey(ctx)
	if errors.Is(err, &protocol.Error{Code: protocol.CodeUnsupported}) {
		return Wake{}, nil
	}
	return Wake{Key: base64.RawURLEncoding.EncodeToString(key)}, err
}

// setWake needs no key. It answers with the settings: the device is not woken
// if the server does not use that push service.
func (a *App) setWake(ctx context.Context, q Wake) (Settings, error) {
	p, err := a.client()
	if err != nil {
		return Settings{}, err
	}
	err = p.Account().SetWake(ctx, q.Endpoint)
	if err != nil && !errors.Is(err, &protocol.Error{Code: protocol.CodeInvalid}) && !errors.Is(err, &protocol.Error{Code: protocol.CodeUnsupported}) {
		return Settings{}, err
	}
	return a.settings(ctx, None{})
}
