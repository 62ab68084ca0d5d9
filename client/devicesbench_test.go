// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/files/disk"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/sqlite"
)

// BenchmarkHistory moves the history of 1,000 conversations of 50 messages to a new
// device: until the list has the newest messages of the 100 most recent ones, and until
// all is there.
func BenchmarkHistory(b *testing.B) {
	const chats, each = 1000, 50
	for b.Loop() {
		net := fakeserver.NewNet()
		a := blankOnDisk(b, net, "alice")
		_, err := client.Create(a.cfg, client.CreateParams{Address: account.Address{Name: "alice", Host: host}})
		must(b, err)
		a.open()
		must(b, a.ConnectAll())
		must(b, a.Sync(b.Context()))
		must(b, a.FillArchive(chats, each))
		_, err = a.Direct(b.Context(), a.Address())
		must(b, err)
		phone := blankOnDisk(b, net, "phone")
		must(b, a.AddDevice(b.Context(), phone.cfg))
		start := time.Now()
		must(b, a.GiveHistory(b.Context(), phone.cfg))
		phone.open()
		must(b, phone.ConnectAll())
		listed := time.Duration(0)
		for listed == 0 {
			all, err := phone.Conversations()
			must(b, err)
			if len(all) >= chats {
				listed = time.Since(start)
			}
			time.Sleep(10 * time.Millisecond)
		}
		must(b, phone.Devices().WaitUntilTaken(b.Context()))
		whole := time.Since(start)
		b.ReportMetric(listed.Seconds(), "s/list")
		b.ReportMetric(float64(chats*each)/(whole-listed).Seconds(), "messages/s")
		n := 0
		for i := range 3 {
			n += len(phone.texts(client.ArchiveChat(i * 300)))
		}
		if n != 3*each {
			b.Fatal(fmt.Errorf("%d messages", n))
		}
		a.Close()
		phone.Close()
	}
}

// blankOnDisk returns a person without a profile whose store is a file.
func blankOnDisk(b *testing.B, net *fakeserver.Net, name string) *person {
	b.Helper()
	net.Server(host)
	store, err := sqlite.Open(filepath.Join(b.TempDir(), name))
	must(b, err)
	p := &person{t: b, way: net.Transport(name)}
	p.cfg = client.Config{Store: store, Key: keyring.NewStoreKey(), Transport: p.way, Files: disk.Files{}, OnEvent: p.note}
	return p
}
