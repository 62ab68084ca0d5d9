// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"slices"
	"strings"
	"testing"
)

func TestDisclosed(t *testing.T) {
	rows, err := disclosed([]byte(`{"address": "ana@here.example", "tables": [
		{"table": "account", "rows": [{"created_at": 12, "statements": "` + strings.Repeat("A", 300) + `"}]},
		{"table": "key_package", "rows": [{}, {}, {}]}, {"table": "letter", "rows": []}
	], "not_attributable": []}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []DisclosureRow{
		{"address", "ana@here.example"}, {"account, created at", "12"}, {"account, statements", strings.Repeat("A", 60) + "… (300 characters)"},
		{"key package", "3"}, {"letter", "0"},
	}
	if !slices.Equal(rows, want) {
		t.Errorf("got %+v", rows)
	}
	if _, err := disclosed([]byte("nonsense")); err == nil {
		t.Error("nonsense is accepted")
	}
}
