// SPDX-License-Identifier: AGPL-3.0-or-later

package cddlcheck

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrMissing means that cddl-verifier is not installed on this machine.
var ErrMissing = errors.New("cddl-verifier is not installed; `make cddl` installs it")

//go:embed check.py
var script string

// A Sample is an encoded value and the name of the rule that it should match.
type Sample struct {
	Rule string
	Data []byte
}

// Check returns for each sample what is wrong with it, "" if it matches.
func Check(ctx context.Context, schema string, samples []Sample) ([]string, error) {
	python, err := interpreter()
	if err != nil {
		return nil, err
	}
	var in, out, stderr bytes.Buffer
	for _, s := range samples {
		fmt.Fprintf(&in, "%s %s\n", s.Rule, hex.EncodeToString(s.Data))
	}
	cmd := exec.CommandContext(ctx, python, "-c", script, schema)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("cddlcheck: %w: %s", err, stderr.Bytes())
	}
	problems := make([]string, 0, len(samples))
	lines := bufio.NewScanner(&out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var problem string
		if err := json.Unmarshal(lines.Bytes(), &problem); err != nil {
			return nil, fmt.Errorf("cddlcheck: %w", err)
		}
		problems = append(problems, problem)
	}
	if len(problems) != len(samples) {
		return nil, fmt.Errorf("cddlcheck: %d answers to %d samples: %s", len(problems), len(samples), stderr.Bytes())
	}
	return problems, nil
}

// interpreter finds the Python that has cddl-verifier: CDDL_PYTHON, or what
// `make cddl` put below the root of the module.
func interpreter() (string, error) {
	if python := os.Getenv("CDDL_PYTHON"); python != "" {
		if _, err := os.Stat(python); err == nil {
			return python, nil
		}
		return "", ErrMissing
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		found, err := filepath.Glob(filepath.Join(dir, ".tools", "cddl-verifier-*", "bin", "python"))
		if err == nil && len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	return "", ErrMissing
}
