// SPDX-License-Identifier: AGPL-3.0-or-later

package vaultcli

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/internal/product/english"
	"github.com/securecrypt/securecrypt/vault"
)

// fileProofs keeps when this device found each pack intact.
const fileProofs = "proofs"

// share is a part of the packs in percent, such as 2%.
type share float64

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *share) UnmarshalText(text []byte) error {
	n, err := strconv.ParseFloat(strings.TrimSuffix(string(text), "%"), 64)
	if err != nil || !(n > 0 && n <= 100) { // NaN is neither
		return fmt.Errorf("%q is no share of the packs: enter one such as 2%%", text)
	}
	*s = share(n)
	return nil
}

// proofs reads when this device found packs intact. Without the file, no pack was.
func (d *device) proofs() *vault.Proofs {
	var b []byte
	err := d.read(fileProofs, &b)
	if err == nil {
		var p *vault.Proofs
		if p, err = vault.ParseProofs(b); err == nil {
			return p
		}
	}
	if !errors.Is(err, os.ErrNotExist) {
		d.app.Say("when this device read the packs of the vault last cannot be read (%v): it begins again, as if it had read none", err)
	}
	return new(vault.Proofs)
}

// keepProofs writes when this device found packs intact. A check that could not
// keep them has still checked.
func (d *device) keepProofs(p *vault.Proofs) {
	if err := d.write(fileProofs, p.Encode()); err != nil {
		d.app.Say("which packs were read cannot be kept on this device (%v): make room there, or the next sample reads the same packs again", err)
	}
}

// printProofs says when the packs were last found intact, each by itself if all is
// set.
func (a *app) printProofs(v *vault.Vault, p *vault.Proofs, all bool) error {
	packs, err := v.Proved(a.Ctx, p)
	if err != nil {
		return err
	}
	never, oldest := 0, int64(0)
	for _, x := range packs {
		if x.Time == 0 {
			never++
		} else if oldest == 0 || x.Time < oldest {
			oldest = x.Time
		}
	}
	switch {
	case a.JSON:
		a.PrintJSON(map[string]any{"type": "proofs", "packs": len(packs), "never": never, "oldest": proofTime(oldest)})
	case len(packs) == 0:
	case oldest == 0:
		_, _ = fmt.Fprintf(a.Stdout, "this device has not read any pack yet: securecrypt vault check --sample 2%% reads a part of them each time\n")
	default:
		_, _ = fmt.Fprintf(a.Stdout, "this device has read %d packs and found them intact, the first of them on %s; it has never read %d\n", len(packs)-never,
			time.Unix(oldest, 0).Local().Format("2006-01-02"), never)
	}
	for i := range packs {
		if !all {
			break
		}
		a.printProof(&packs[i])
	}
	return a.Stdout.Err()
}

func (a *app) printProof(p *vault.Proof) {
	if a.JSON {
		a.PrintJSON(map[string]any{"type": "pack", "pack": p.Pack, "bytes": p.Size, "proved": proofTime(p.Time)})
		return
	}
	when := "never     "
	if p.Time != 0 {
		when = time.Unix(p.Time, 0).Local().Format("2006-01-02")
	}
	_, _ = fmt.Fprintf(a.Stdout, "%s  %s  %s\n", when, p.Pack, english.Size(p.Size))
}

// proofTime returns a time for JSON, nil for none.
func proofTime(seconds int64) any {
	if seconds == 0 {
		return nil
	}
	return time.Unix(seconds, 0).UTC()
}
