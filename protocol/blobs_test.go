// SPDX-License-Identifier: AGPL-3.0-or-later

package protocol_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/internal/testing/cddlcheck"
	"github.com/securecrypt/securecrypt/protocol"
)

// What a server writes for each refusal is what a client reads.
func TestBlobRefusalsSurviveTheWire(t *testing.T) {
	for _, r := range protocol.BlobRefusals() {
		body := r.Problem()
		if len(body) > protocol.MaxProblem {
			t.Errorf("%s: %d bytes", r, len(body))
		}
		got := protocol.ParseBlobRefusal(r.Status(), protocol.ProblemType, protocol.RetryAfter(1500*time.Millisecond), body)
		if got == nil || got.Refusal != r || got.RetryAfter != 2*time.Second {
			t.Errorf("%s became %+v", r, got)
			continue
		}
		var general *protocol.Error
		if !errors.As(got, &general) || general.Code != r.Code() || general.RetryAfter != got.RetryAfter {
			t.Errorf("%s: %+v", r, general)
		}
		if !strings.Contains(got.Error(), r.String()+"; try again in 2s") {
			t.Errorf("%s: %s", r, got)
		}
	}
}

// The statuses and codes of the package are those of the schema, and there are
// no others.
func TestSchemaKnowsTheBlobRefusals(t *testing.T) {
	var claims []claim
	add := func(what string, problem map[string]any, valid bool) {
		b, err := dcbor.Marshal(problem)
		if err != nil {
			t.Fatal(err)
		}
		claims = append(claims, claim{what, cddlcheck.Sample{Rule: "blob-problem", Data: b}, valid})
	}
	for _, r := range protocol.BlobRefusals() {
		var problem map[string]any
		if err := json.Unmarshal(r.Problem(), &problem); err != nil {
			t.Fatal(err)
		}
		problem["status"] = int(problem["status"].(float64))
		add(string(r), problem, true)
		problem["status"] = 418
		add(string(r)+" with another status", problem, false)
	}
	add("an unknown code", map[string]any{"type": "about:blank", "title": "x", "status": 400, "code": "new"}, false)
	add("no code", map[string]any{"type": "about:blank", "title": "x", "status": 400}, false)
	verify(t, claims)
}

// Times that are none, or beyond a day, are no times.
func TestRetryAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "7": 7 * time.Second, "86400": 24 * time.Hour, "86401": 0, "-1": 0, "+1": 0, "1.5": 0, "": 0,
		"18446744073709551616": 0, "4294967295": 0, "Fri, 31 Dec 1999 23:59:59 GMT": 0,
	} {
		if got := protocol.ParseRetryAfter(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	for wait, want := range map[time.Duration]string{0: "1", time.Millisecond: "1", time.Second: "1", 1001 * time.Millisecond: "2", time.Hour: "3600"} {
		if got := protocol.RetryAfter(wait); got != want {
			t.Errorf("%v: %s, want %s", wait, got, want)
		}
	}
}

func FuzzParseBlobRefusal(f *testing.F) {
	for _, r := range protocol.BlobRefusals() {
		f.Add(r.Status(), protocol.ProblemType, "1", r.Problem())
	}
	f.Add(413, "text/html", "", []byte("<html>"))
	f.Add(math.MaxInt, protocol.ProblemType+";", "86401", []byte(`{"code":1}`))
	f.Fuzz(func(t *testing.T, status int, kind, wait string, body []byte) {
		e := protocol.ParseBlobRefusal(status, kind, wait, body)
		if e == nil {
			return
		}
		known := false
		for _, r := range protocol.BlobRefusals() {
			known = known || r == e.Refusal
		}
		if !known || e.RetryAfter < 0 || e.RetryAfter > 24*time.Hour {
			t.Errorf("%+v", e)
		}
	})
}
