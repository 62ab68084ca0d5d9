// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// longValue is how long a value may be to be shown as it is, in bytes.
const longValue = 120

func (a *App) disclosure(ctx context.Context, _ None) (Disclosure, error) {
	p, err := a.client()
	if err != nil {
		return Disclosure{}, err
	}
	raw, err := p.Disclosure(ctx)
	if err != nil {
		return Disclosure{}, err
	}
	rows, err := disclosed(raw)
	if err != nil {
		return Disclosure{}, err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, raw, "", "  "); err != nil {
		return Disclosure{}, fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	return Disclosure{rows, pretty.String()}, nil
}

// disclosed makes a table for people of a server's disclosure: of what is there
// once its fields, of what is there often how often.
func disclosed(raw []byte) ([]DisclosureRow, error) {
	var d struct {
		Address string `json:"address"`
		Tables  []struct {
			Table string           `json:"table"`
			Rows  []map[string]any `json:"rows"`
		} `json:"tables"`
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil, fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	rows := []DisclosureRow{{"address", d.Address}}
	for _, t := range d.Tables {
		if len(t.Rows) != 1 {
			rows = append(rows, DisclosureRow{words(t.Table), fmt.Sprint(len(t.Rows))})
			continue
		}
		for _, field := range slices.Sorted(maps.Keys(t.Rows[0])) {
			rows = append(rows, DisclosureRow{words(t.Table + ", " + field), brief(t.Rows[0][field])})
		}
	}
	return rows, nil
}

func words(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", " ")) }

func brief(value any) string {
	s, ok := value.(string)
	if !ok {
		b, err := json.Marshal(value)
		if err != nil {
			return ""
		}
		s = string(b)
	}
	if len(s) > longValue {
		return fmt.Sprintf("%s… (%d characters)", s[:longValue/2], len(s))
	}
	return s
}
