// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/protocol"
)

func TestDisclosure(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a := join(t, net, "alice", host)
		got, err := a.Account().Disclosure(soon(t))
		must(t, err)
		if string(got) != `{"address":"alice@here.example"}` {
			t.Errorf("got %s", got)
		}

		asked := 0
		net.Server(host).SetFaults(fakeserver.Faults{
			Disclosure: func(string) string { // letters come and go meanwhile
				asked++
				return `{"letters":"` + strings.Repeat("x", max(0, 30-10*asked)) + `"}`
			},
			Request: func(_ string, op protocol.Op, _ protocol.Body) fakeserver.Verdict {
				return fakeserver.Verdict{DropAfter: op == protocol.OpAccountDisclose && asked == 5}
			},
		})
		got, err = a.Account().Disclosure(soon(t))
		must(t, err)
		if string(got) != `{"letters":""}` {
			t.Errorf("got %s", got)
		}

		for _, lie := range []string{"{", strings.Repeat("x", 20)} {
			net.Server(host).SetFaults(fakeserver.Faults{Disclosure: func(string) string { return lie }})
			if got, err := a.Account().Disclosure(soon(t)); err == nil {
				t.Errorf("%q was taken for %s", lie, got)
			}
		}
		net.Server(host).SetFaults(fakeserver.Faults{Disclosure: func(string) string {
			asked++
			return strings.Repeat("1", 20+asked)
		}})
		if _, err := a.Account().Disclosure(soon(t)); err == nil || !strings.Contains(err.Error(), "changes") {
			t.Errorf("a disclosure that never holds still: %v", err)
		}

		a.way.Partition("", true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := a.Account().Disclosure(ctx); !errors.Is(err, backend.ErrOffline) {
			t.Errorf("without a network: %v", err)
		}
	})
}
