// SPDX-License-Identifier: AGPL-3.0-or-later

// Package apigen writes the TypeScript side of package client/app: its types,
// calls and events, made from the Go types by reflection.
package apigen

import (
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/securecrypt/securecrypt/client/app"
)

// unions are the string types that take few values.
var unions = map[reflect.Type][]string{
	reflect.TypeFor[app.Phase]():           {string(app.PhaseNone), string(app.PhaseLocked), string(app.PhaseLinking), string(app.PhaseOpen)},
	reflect.TypeFor[app.Where]():           {string(app.Newest), string(app.Unread), string(app.Before), string(app.After), string(app.Around)},
	reflect.TypeFor[app.ErrorCode]():       app.ErrorCodes,
	reflect.TypeFor[app.NoticeKind]():      app.NoticeKinds,
	reflect.TypeFor[app.LinkingState]():    app.LinkingStates,
	reflect.TypeFor[app.RecoveryState]():   {string(app.RecoveryCurrent), string(app.RecoveryReplaced), string(app.RecoveryUnknown), string(app.RecoveryMalformed)},
	reflect.TypeFor[app.RecoveryOutcome](): {string(app.OutcomeDone), string(app.OutcomeWaits), string(app.OutcomeDiffers), string(app.OutcomeGone)},
}

// Write writes the TypeScript module.
func Write(w io.Writer) error {
	g := generator{known: map[reflect.Type]bool{}}
	g.line("// Made from package client/app; do not edit.\n")
	g.line("/** Of each call the parameters and the answer. */")
	calls := "export interface Calls {\n"
	for _, c := range app.Calls {
		if c.Answer == reflect.TypeFor[app.Body]() {
			continue // a file: see Core.attachment
		}
		calls += fmt.Sprintf("  %s: [%s, %s];\n", c.Name, g.name(c.Params), g.name(c.Answer))
	}
	events := "export interface Events {\n"
	for _, name := range slices.Sorted(maps.Keys(app.Events)) {
		events += fmt.Sprintf("  %s: %s;\n", name, g.name(app.Events[name]))
	}
	g.line("%s}\n\n/** What each event says. */\n%s}", calls, events)
	g.name(reflect.TypeFor[app.AttachmentRef]())
	g.name(reflect.TypeFor[app.Problem]())
	_, err := io.WriteString(w, g.out.String()+g.types.String())
	return err
}

type generator struct {
	out, types strings.Builder
	known      map[reflect.Type]bool
}

func (g *generator) line(format string, args ...any) {
	fmt.Fprintf(&g.out, format+"\n", args...)
}

// name returns the TypeScript type of t and declares it once.
func (g *generator) name(t reflect.Type) string {
	if values, ok := unions[t]; ok {
		if !g.known[t] {
			g.known[t] = true
			fmt.Fprintf(&g.types, "\nexport type %s = '%s';\n", t.Name(), strings.Join(values, "' | '"))
		}
		return t.Name()
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return "number"
	case reflect.Slice:
		return g.name(t.Elem()) + "[]"
	case reflect.Map:
		return "Record<" + g.name(t.Key()) + ", " + g.name(t.Elem()) + ">"
	case reflect.Pointer:
		return g.name(t.Elem()) + " | null"
	case reflect.Struct:
		g.declare(t)
		return t.Name()
	default:
		panic("apigen: no TypeScript for " + t.String())
	}
}

func (g *generator) declare(t reflect.Type) {
	if g.known[t] {
		return
	}
	g.known[t] = true
	body := ""
	for f := range t.Fields() {
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		if option == "omitempty" {
			name += "?"
		}
		body += fmt.Sprintf("  %s: %s;\n", name, g.name(f.Type))
	}
	fmt.Fprintf(&g.types, "\nexport interface %s {\n%s}\n", t.Name(), body)
}
