// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/internal/clock"
	"github.com/securecrypt/securecrypt/server/internal/origin"
)

// Registration says who may create an account.
type Registration string

// The kinds of registration.
const (
	RegistrationOpen   Registration = "open"
	RegistrationInvite Registration = "invite"
	RegistrationClosed Registration = "closed"
)

// Config is what a server is made from. Host, Store, Blobs, Now and Random
// must be set.
type Config struct {
	// Host is the host part of the addresses of this server's accounts, in
	// its canonical form.
	Host         string
	Store        Store
	Blobs        Blobs
	Bus          Bus // nil: this is the only node
	Now          func() time.Time
	Uptime       clock.Uptime // nil: jumps of the clock are told by Now's monotonic readings
	Random       io.Reader
	Log          *slog.Logger          // nil: no log
	Metrics      prometheus.Registerer // nil: no metrics
	Registration Registration          // "": open
	// Pusher wakes devices whose application is closed; nil: none are woken.
	Pusher Pusher
	// Limits are DefaultLimits if nil.
	Limits *fairness.Limits
	// Proxies are the reverse proxies that are trusted to say where requests
	// come from.
	Proxies origin.Proxies
	// Room returns how many bytes the disk can still take before nothing more
	// is stored; nil: that is not known.
	Room func() (uint64, error)
	// Noted is told what was stored each time that the store's state changes; nil:
	// nobody is.
	Noted func(StateRow)
	// Page answers what is not the protocol's: the application for browsers.
	// It is nil if there is none.
	Page http.Handler
}

func (c *Config) check() error {
	if c.Store == nil || c.Blobs == nil || c.Now == nil || c.Random == nil {
		return errors.New("server: Config lacks Store, Blobs, Now or Random")
	}
	if err := (account.Address{Name: "aa", Host: c.Host}).Validate(); err != nil {
		return fmt.Errorf("server: %q cannot be the host of an address", c.Host)
	}
	switch c.Registration {
	case "":
		c.Registration = RegistrationOpen
	case RegistrationOpen, RegistrationInvite, RegistrationClosed:
	default:
		return fmt.Errorf("server: registration is open, invite or closed, not %q", c.Registration)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Limits == nil {
		limits := fairness.DefaultLimits()
		c.Limits = &limits
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	return nil
}
