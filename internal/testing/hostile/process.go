// SPDX-License-Identifier: AGPL-3.0-or-later

package hostile

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/securecrypt/securecrypt/server/servertest"
)

// attackerEnv holds the orders of a process that attacks.
const attackerEnv = "SECURECRYPT_ATTACKER"

// orders are what an attacking process is told.
type orders struct {
	Attacks     []string // by name
	URL, Host   string
	Victim      string // name
	Device      [16]byte
	Addresses   []string
	Connections int // of each attack
	For         time.Duration
}

// AttackIfOrdered attacks, and ends the process, if it was started by Launch. Tests
// and commands that use Launch call it first.
func AttackIfOrdered() {
	text := os.Getenv(attackerEnv)
	if text == "" {
		return
	}
	var o orders
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// Attackers have machines of their own: here they must not take the processor
	// from those who are measured.
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, 19)
	ctx, cancel := context.WithTimeout(context.Background(), o.For)
	defer cancel()
	s := &Siege{
		Daemon: &Daemon{URL: o.URL, Host: o.Host}, Victim: servertest.Person{Name: o.Victim, Device: o.Device},
		Addresses: o.Addresses, Connections: o.Connections,
	}
	done := make(chan struct{})
	running := 0
	for _, attack := range Attacks() {
		for _, name := range o.Attacks {
			if name == attack.Name {
				running++
				go func() {
					attack.Run(ctx, s)
					done <- struct{}{}
				}()
			}
		}
	}
	for range running {
		<-done
	}
	os.Exit(0)
}

// Launch starts a process that attacks for a time, and returns what waits for
// its end.
func Launch(ctx context.Context, h *Honest, attacks []string, addresses []string, connections int, d time.Duration) (wait func() error, err error) {
	text, err := json.Marshal(orders{
		Attacks: attacks, URL: h.d.URL, Host: h.d.Host, Victim: h.victim.Name, Device: h.victim.Device,
		Addresses: addresses, Connections: connections, For: d,
	})
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = append(os.Environ(), attackerEnv+"="+string(text))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() error {
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("the attacking process: %w: %s", err, strings.TrimSpace(out.String()))
		}
		return nil
	}, nil
}
