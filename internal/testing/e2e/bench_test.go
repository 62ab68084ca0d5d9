// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build unix

package e2e_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/sqlite"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// BenchmarkMessage sends messages of 1 KiB from one client to another, each
// with its SQLite file, and waits for the last to arrive. cpu-µs/msg is what
// sending, relaying and receiving one cost together: the server runs in the
// same process, with its store in memory.
func BenchmarkMessage(b *testing.B) {
	s := servertest.Start(b, servertest.Options{Memory: true})
	var arrived atomic.Int64
	people := make([]*person, 2)
	for i := range people {
		store, err := sqlite.Open(b.TempDir() + "/profile.db")
		must(b, err)
		defer func() { _ = store.Close() }()
		people[i] = registered(b, s.Host, number("p", i), client.Config{
			Store: store, Key: keyring.NewStoreKey(), Transport: newTransport(b), OnEvent: func(e chat.Event) {
				if m, ok := e.(chat.MessageEvent); ok && m.New && !m.Message.Own && m.Message.Notice == nil {
					arrived.Add(1)
				}
			},
		})
		defer people[i].Close()
	}
	id, err := people[0].Direct(soon(b), people[1].Address())
	must(b, err)
	must(b, people[0].WaitUntilSent(soon(b), id))
	people[1].accept()
	text := strings.Repeat("x", 1024)
	before, began := cpu(b), time.Now()
	for b.Loop() {
		_, err := people[0].Send(soon(b), id, chat.Draft{Text: text})
		must(b, err)
	}
	eventually(b, func() error {
		if got := arrived.Load(); got < int64(b.N) {
			return fmt.Errorf("%d of %d arrived", got, b.N)
		}
		return nil
	})
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/msg")
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "msg/s")
}

// cpu returns the time that this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
