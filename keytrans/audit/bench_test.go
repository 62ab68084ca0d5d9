// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/audit"
	"github.com/securecrypt/securecrypt/keytrans/logtest"
)

// BenchmarkReplay replays a log of 20,000 mutations under ten roots, and reports the time for
// each mutation.
func BenchmarkReplay(b *testing.B) {
	const mutations = 20_000
	l := logtest.New("example.org/log")
	for i := range mutations {
		l.Mutate(fmt.Sprintf("name%d@example.org", i%(mutations/2)), []keytrans.Kind{keytrans.KindCreate, keytrans.KindAddDevice}[i/(mutations/2)])
		if (i+1)%(mutations/10) == 0 {
			l.Root(start)
		}
	}
	for b.Loop() {
		r := audit.New(l.Policy, new(audit.Memory), 0)
		r.Follow(time.Time{}, start)
		for _, leaf := range l.Leaves {
			if err := r.Add(leaf); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(mutations)*float64(b.N)/b.Elapsed().Seconds(), "mutations/s")
}
