// SPDX-License-Identifier: Apache-2.0

//go:build !js

package mls

import "log/slog"

// Browsers have no log, and would have to load the package.

// LogValue redacts the keys.
func (p *KeyPackagePrivate) LogValue() slog.Value { return slog.StringValue(p.String()) }

// LogValue is String, so that no secret is logged.
func (s *StagedCommit) LogValue() slog.Value { return slog.StringValue(s.String()) }

// LogValue redacts the key.
func (k *SigningKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// LogValue is String, so that no secret is logged.
func (g *Group) LogValue() slog.Value { return slog.StringValue(g.String()) }

// LogValue is String, so that no secret is logged.
func (j *StagedJoin) LogValue() slog.Value { return slog.StringValue(j.String()) }
