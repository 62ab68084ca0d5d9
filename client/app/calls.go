// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// A Call is one thing that an interface can ask for.
type Call struct {
	Name string
	// Params and Answer are the types of what crosses the border.
	Params, Answer reflect.Type
	run            func(context.Context, *App, []byte, []io.Reader) (any, error)
}

// define makes a Call of a function that takes no files. It and defineFiles are
// compiled for each call, so that they leave to others what they can.
func define[P, A any](name string, fn func(*App, context.Context, P) (A, error)) Call {
	return Call{name, reflect.TypeFor[P](), reflect.TypeFor[A](), func(ctx context.Context, a *App, params []byte, _ []io.Reader) (any, error) {
		var p P
		if err := decode(params, &p); err != nil {
			return nil, err
		}
		return fn(a, ctx, p)
	}}
}

// defineFiles makes a Call of a function that takes files.
func defineFiles[P, A any](name string, fn func(*App, context.Context, P, []io.Reader) (A, error)) Call {
	return Call{name, reflect.TypeFor[P](), reflect.TypeFor[A](), func(ctx context.Context, a *App, params []byte, files []io.Reader) (any, error) {
		var p P
		if err := decode(params, &p); err != nil {
			return nil, err
		}
		return fn(a, ctx, p, files)
	}}
}

func decode(params []byte, p any) error {
	if err := json.Unmarshal(params, p); err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	return nil
}

var errInput = errors.New("this cannot be understood")
