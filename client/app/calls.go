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

// define makes a Call of a function that takes no files.
func define[P, A any](name string, fn func(*App, context.Context, P) (A, error)) Call {
	return defineFiles(name, func(a *App, ctx context.Context, p P, _ []io.Reader) (A, error) { return fn(a, ctx, p) })
}

// defineFiles makes a Call of a function that takes files.
func defineFiles[P, A any](name string, fn func(*App, context.Context, P, []io.Reader) (A, error)) Call {
	return Call{
		Name: name, Params: reflect.TypeFor[P](), Answer: reflect.TypeFor[A](),
		run: func(ctx context.Context, a *App, params []byte, files []io.Reader) (any, error) {
			p, err := decode[P](params)
			if err != nil {
				return nil, err
			}
			return fn(a, ctx, p, files)
		},
	}
}

func decode[P any](params []byte) (p P, err error) {
	if err := json.Unmarshal(params, &p); err != nil {
		return p, fmt.Errorf("%w: %w", errInput, err)
	}
	return p, nil
}

var errInput = errors.New("this cannot be understood")
