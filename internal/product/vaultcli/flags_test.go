// SPDX-License-Identifier: AGPL-3.0-or-later

package vaultcli

import (
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/vault/storage/s3"
)

func TestFlags(t *testing.T) {
	for text, want := range map[string]byteRate{"4096": 4096, "100000": 100_000, "500K": 500 << 10, "2M": 2 << 20, "1G": 1 << 30, "4095": 0, "1K": 0, "": 0, "M": 0, "-5": 0, "5T": 0, "99999999999999999999": 0, "1.5M": 0} {
		var r byteRate
		if err := r.UnmarshalText([]byte(text)); (err == nil) != (want > 0) || r != want {
			t.Errorf("--limit-upload %q: %d, %v", text, r, err)
		}
	}
	for text, want := range map[string]cacheSize{"4M": 4 << 20, "5000000": 5_000_000, "1G": 1 << 30, "3M": 0, "": 0, "-4M": 0, "64MB": 0} {
		var c cacheSize
		if err := c.UnmarshalText([]byte(text)); (err == nil) != (want > 0) || c != want {
			t.Errorf("--cache %q: %d, %v", text, c, err)
		}
	}
	for text, want := range map[string]share{"2%": 2, "0.5%": 0.5, "100": 100, "0%": 0, "-1%": 0, "101%": 0, "": 0, "%": 0, "NaN": 0} {
		var s share
		if err := s.UnmarshalText([]byte(text)); (err == nil) != (want > 0) || s != want {
			t.Errorf("--sample %q: %v, %v", text, s, err)
		}
	}
}

func TestBucketProtectionIsSaid(t *testing.T) {
	for p, want := range map[s3.Protection]string{
		{Erasable: true}:                 "Have the bucket keep old versions",
		{Versions: true, Erasable: true}: "Use credentials that cannot",
		{Versions: true}:                 "no rule that these credentials may see ends that",
		{Versions: true, Days: 30}:       "can be brought back for 30 days",
	} {
		if got := bucketProtection(p); !strings.Contains(got, want) {
			t.Errorf("%+v: %s", p, got)
		}
	}
}
