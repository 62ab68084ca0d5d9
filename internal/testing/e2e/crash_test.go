// SPDX-License-Identifier: AGPL-3.0-or-later

package e2e_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/sqlite"
	"github.com/securecrypt/securecrypt/client/transport/websocket"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// childVar makes the test binary run as a client that is going to be killed.
const childVar = "SECURECRYPT_TEST_CLIENT"

// crashes is how often the clients are killed; CRASHES overrides it.
func crashes() int {
	if n, err := strconv.Atoi(os.Getenv("CRASHES")); err == nil {
		return n
	}
	return 20
}

// openStored opens the profile in a folder, which another process may have
// used before.
func openStored(dir string) (*client.Client, func(), error) {
	raw, err := os.ReadFile(filepath.Join(dir, "key"))
	if err != nil {
		return nil, nil, err
	}
	key, err := hex.DecodeString(string(raw))
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlite.Open(filepath.Join(dir, "profile.db"))
	if err != nil {
		return nil, nil, err
	}
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	transport := websocket.New()
	c, err := client.Open(client.Config{
		Store: store, Key: keyring.StoreKey(key), Transport: transport, Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	return c, func() {
		c.Close()
		transport.Close()
		_ = store.Close()
		_ = log.Close()
	}, err
}

// child sends numbered messages as fast as it can, until it is killed. It
// prints each number once the core has taken the message.
func child(dir string) int {
	c, closeAll, err := openStored(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer closeAll()
	if err := c.ConnectAll(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	all, err := c.Conversations()
	if err != nil || len(all) != 1 {
		fmt.Fprintln(os.Stderr, "conversations:", len(all), err)
		return 1
	}
	next := len(own(c, all[0].ID)) + 1
	for {
		if _, err := c.Send(context.Background(), all[0].ID, chat.Draft{Text: strconv.Itoa(next)}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(next)
		next++
	}
}

func own(c *client.Client, id chat.ConversationID) (texts []string) {
	_ = c.Messages().History(id, func(m chat.Message) bool {
		if m.Own && m.Notice == nil {
			texts = append(texts, m.Text)
		}
		return true
	})
	slices.Reverse(texts)
	return texts
}

// TestClientsAreKilled kills two clients that talk to each other, again and
// again at random moments. In the end each has every message of the other
// once, in order, and no entry of the channel was unreadable: no key was used
// twice, none was lost.
func TestClientsAreKilled(t *testing.T) {
	s := servertest.Start(t, servertest.Options{})
	dirs := []string{t.TempDir(), t.TempDir()}
	prepare(t, s.Host, dirs)
	last := []int{0, 0}
	for range crashes() {
		type report struct{ who, last int }
		reports := make(chan report, 2)
		for who, dir := range dirs {
			life := 30*time.Millisecond + rand.N(250*time.Millisecond)
			go func() { reports <- report{who, liveAndDie(t, dir, life)} }()
		}
		for range 2 {
			r := <-reports
			last[r.who] = max(last[r.who], r.last)
		}
	}
	t.Logf("%d crashes each; at least %d messages taken", crashes(), last)
	compare(t, dirs, last)
}

func prepare(t *testing.T, host string, dirs []string) {
	t.Helper()
	people := make([]*person, 2)
	for i, dir := range dirs {
		key := keyring.NewStoreKey()
		must(t, os.WriteFile(filepath.Join(dir, "key"), []byte(hex.EncodeToString(key[:])), 0o600))
		store, err := sqlite.Open(filepath.Join(dir, "profile.db"))
		must(t, err)
		people[i] = registered(t, host, number("p", i), client.Config{Store: store, Key: key, Transport: newTransport(t)})
		defer func() { _ = store.Close() }()
		defer people[i].Close()
	}
	id, err := people[0].Direct(soon(t), people[1].Address())
	must(t, err)
	must(t, people[0].ConnectAll())
	must(t, people[0].WaitUntilSent(soon(t), id))
	people[1].accept()
	must(t, people[1].WaitUntilSent(soon(t), id))
}

// liveAndDie runs a child for a while, kills it and returns the last number
// that it printed.
func liveAndDie(t *testing.T, dir string, life time.Duration) (last int) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVar+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Error(err)
		return 0
	}
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return 0
	}
	timer := time.AfterFunc(life, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		if n, err := strconv.Atoi(scanner.Text()); err == nil {
			last = n
		}
	}
	_ = cmd.Wait() // it was killed
	return last
}

func compare(t *testing.T, dirs []string, last []int) {
	t.Helper()
	var clients []*client.Client
	for _, dir := range dirs {
		c, closeAll, err := openStored(dir)
		must(t, err)
		defer closeAll()
		must(t, c.ConnectAll())
		clients = append(clients, c)
	}
	all, err := clients[0].Conversations()
	must(t, err)
	id := all[0].ID
	for _, c := range clients {
		must(t, c.WaitUntilSent(soon(t), id))
	}
	for i, c := range clients {
		sent := own(c, id)
		if len(sent) < last[i] {
			t.Errorf("client %d took %d messages and remembers %d", i, last[i], len(sent))
		}
		eventually(t, func() error { return heard(clients[1-i], id, sent) })
		log, err := os.ReadFile(filepath.Join(dirs[i], "log"))
		must(t, err)
		if strings.Contains(string(log), "could not be read") {
			t.Errorf("client %d met unreadable entries:\n%s", i, log)
		}
	}
}

// heard compares what somebody received with what was sent: each number once,
// in order.
func heard(c *client.Client, id chat.ConversationID, sent []string) error {
	var got []string
	err := c.Messages().History(id, func(m chat.Message) bool {
		if !m.Own && m.Notice == nil {
			got = append(got, m.Text)
		}
		return true
	})
	slices.Reverse(got)
	if err == nil && !slices.Equal(got, sent) {
		for i := range min(len(got), len(sent)) {
			if got[i] != sent[i] {
				return fmt.Errorf("message %d is %q, want %q", i, got[i], sent[i])
			}
		}
		err = fmt.Errorf("%d messages arrived, want %d", len(got), len(sent))
	}
	return err
}
