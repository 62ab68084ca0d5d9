// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"slices"
	"testing"
)

func TestTargetsAreFoundInTestFiles(t *testing.T) {
	all, err := targets("../../..", "./internal/codec/dcbor")
	if err != nil {
		t.Fatal(err)
	}
	want := target{"github.com/securecrypt/securecrypt/internal/codec/dcbor", "FuzzUnmarshal"}
	if !slices.Contains(all, want) {
		t.Errorf("%v is missing in %v", want, all)
	}
}

func TestUnknownTargetIsAnError(t *testing.T) {
	if err := run(0, "NoSuchTarget$", 0); err == nil {
		t.Error("nothing was run and nobody was told")
	}
}

func TestDrawnTargetsAreDistinct(t *testing.T) {
	all := []target{{"p", "A"}, {"p", "B"}, {"q", "C"}}
	for _, c := range []struct {
		few  int
		want []target
	}{
		{0, all}, {3, all}, {7, all}, {2, []target{{"q", "C"}, {"p", "A"}}},
	} {
		if got := draw(all, c.few, []int{2, 0, 1}); !slices.Equal(got, c.want) {
			t.Errorf("%d: got %v, want %v", c.few, got, c.want)
		}
	}
}
