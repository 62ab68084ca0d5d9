// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon

import (
	"io"
	"log/slog"
	"reflect"

	"github.com/alecthomas/kong"
)

func (c *serveCmd) setLevel(text string) {
	var level slog.Level
	_ = level.UnmarshalText([]byte(text)) // the flag allows valid ones alone
	c.level.Set(level)
}

// reload reads the certificate and the settings again, and says what needs a
// restart. Nothing that is wrong there ends the server.
func (c *serveCmd) reload(log *slog.Logger, args commandLine) {
	if c.certificate != nil {
		if err := c.certificate.reload(); err != nil {
			log.Error("the certificate cannot be used; the one before stays: put both files right and send SIGHUP again")
		} else {
			log.Info("the certificate was read again")
		}
	}
	fresh, err := parseAgain(args)
	if err != nil {
		log.Error("the settings cannot be used; the ones before stay: see securecryptd serve --help, put them right and send SIGHUP again")
		return
	}
	c.LogLevel = fresh.LogLevel
	c.setLevel(c.LogLevel)
	if changed := c.differences(fresh); len(changed) > 0 {
		log.Warn("settings have changed that need a restart", "settings", changed)
	}
	log.Info("reloaded", "log_level", c.LogLevel)
}

// parseAgain reads flags, environment and file as they are now.
func parseAgain(args commandLine) (*serveCmd, error) {
	var c cli
	parser, err := newParser(&c, io.Discard, io.Discard, kong.Exit(func(int) {}))
	if err != nil {
		return nil, err
	}
	if _, err := parser.Parse(args); err != nil {
		return nil, err
	}
	return &c.Serve, nil
}

// differences names the settings that differ.
func (c *serveCmd) differences(other *serveCmd) (names []string) {
	a, b := reflect.ValueOf(c).Elem(), reflect.ValueOf(other).Elem()
	for i := range a.NumField() {
		field := a.Type().Field(i)
		if field.IsExported() && !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			names = append(names, field.Name)
		}
	}
	return names
}
