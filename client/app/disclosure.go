// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/securecrypt/securecrypt/account"
)

func (a *App) disclosure(ctx context.Context, _ None) (Disclosure, error) {
	p, err := a.client()
	if err != nil {
		return Disclosure{}, err
	}
	raw, err := p.Account().Disclosure(ctx)
	if err != nil {
		return Disclosure{}, err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, raw, "", "  "); err != nil {
		return Disclosure{}, fmt.Errorf("the server's answer cannot be read (%w): update this program", err)
	}
	return Disclosure{begun(p.Address(), raw), pretty.String()}, nil
}

// begun returns when an account began, as the public record says that a server
// discloses; 0 if there is none that holds.
func begun(addr account.Address, raw []byte) Millis {
	var d struct {
		Tables []struct {
			Rows []struct {
				Statement  []byte
				Statements [][]byte // of servers that keep them in the account's row
			}
		}
	}
	if json.Unmarshal(raw, &d) != nil {
		return 0
	}
	for _, t := range d.Tables {
		for _, row := range t.Rows {
			// What follows the first statement changes nothing of when the account began.
			for _, first := range append([][]byte{row.Statement}, row.Statements...) {
				if chain, err := account.Verify(addr, [][]byte{first}); err == nil {
					return millis(chain.Created())
				}
			}
		}
	}
	return 0
}
