// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"
)

// configFile is a flag that reads a TOML file. A table named like a command
// may hold that command's settings.
type configFile string

// BeforeResolve implements kong's hook.
func (configFile) BeforeResolve(ctx *kong.Context, trace *kong.Path) error {
	path, ok := ctx.FlagValue(trace.Flag).(configFile)
	if !ok || path == "" {
		return nil
	}
	values := map[string]any{}
	b, err := os.ReadFile(kong.ExpandPath(string(path)))
	if err != nil {
		return usage("the configuration file cannot be read: %v", err)
	}
	if _, err := toml.Decode(string(b), &values); err != nil {
		return usage("the configuration file is not valid TOML: %v", err)
	}
	ctx.AddResolver(settings(values))
	return nil
}

// settings resolves flags from a file, unless the environment has them.
type settings map[string]any

// Validate implements [kong.Resolver]: each setting must be a flag.
func (s settings) Validate(app *kong.Application) error {
	var known []string
	_ = kong.Visit(app, func(node kong.Visitable, next kong.Next) error { // the visitor returns no error
		if flag, ok := node.(*kong.Flag); ok {
			known = append(known, flag.Name)
		}
		return next(nil)
	})
	for key := range s {
		if key == "config" || key == "help" || !slices.Contains(known, key) {
			return usage("the configuration file sets %q, which is no setting; see securecryptd serve --help", key)
		}
	}
	return nil
}

// Resolve implements [kong.Resolver].
func (s settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		if _, set := os.LookupEnv(env); set {
			return nil, nil
		}
	}
	v, ok := s[flag.Name]
	if !ok {
		return nil, nil
	}
	switch v := v.(type) {
	case string, bool:
		return v, nil
	case int64:
		return fmt.Sprint(v), nil
	}
	return nil, usage("the configuration file's %q must be a text, a number or true or false", strings.ToLower(flag.Name))
}
