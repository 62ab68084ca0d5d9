// SPDX-License-Identifier: AGPL-3.0-or-later

package foreign

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The errors of a repository.
var (
	// ErrNoProgram is returned if the program is not installed.
	ErrNoProgram = errors.New("the program is not installed")
	// ErrProgram is returned if the program ends with an error, which has what it said.
	ErrProgram = errors.New("it ended with an error")
)

// A Snapshot is one of another program's repository.
type Snapshot struct {
	ID    string // in hexadecimal digits
	Name  string // what people call it: the beginning of the ID, or the name of an archive
	Time  time.Time
	Host  string
	Paths []string
	Tags  []string
}

// A program is one whose repositories can be read.
type program struct {
	name string
	// address and password are the environment variables for these; passwords are
	// all variables that can have one or say where it is.
	address, password string
	passwords         []string
	list              []string // arguments
	parse             func([]byte) ([]Snapshot, error)
	// mount returns the arguments that mount a snapshot on a directory, and where it
	// then is in there.
	mount func(s *Snapshot, dir string) (args []string, below string)
}

// programs are restic and borg.
var programs = map[string]*program{
	"restic": {
		name: "restic", address: "RESTIC_REPOSITORY", password: "RESTIC_PASSWORD",
		passwords: []string{"RESTIC_PASSWORD", "RESTIC_PASSWORD_FILE", "RESTIC_PASSWORD_COMMAND"},
		list:      []string{"snapshots", "--json", "--quiet"},
		parse:     parseRestic,
		mount: func(s *Snapshot, dir string) ([]string, string) {
			return []string{"mount", "--quiet", dir}, "ids/" + s.ID[:8]
		},
	},
	"borg": {
		name: "borg", address: "BORG_REPO", password: "BORG_PASSPHRASE",
		passwords: []string{"BORG_PASSPHRASE", "BORG_PASSCOMMAND"},
		list:      []string{"list", "--json", "--format", "{command_line}{hostname}{start}", "::"},
		parse:     parseBorg,
		mount: func(s *Snapshot, dir string) ([]string, string) {
			// The modes of files do not keep the user who mounts from reading them.
			return []string{"mount", "--foreground", "-o", "ignore_permissions", "::" + s.Name, dir}, ""
		},
	},
}

// A Repository is one of restic or borg.
type Repository struct {
	*program
	path string
	env  []string
}

// Open returns a repository of "restic" or "borg". Nothing is read yet.
func Open(name, address string) (*Repository, error) {
	p := programs[name]
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, ErrNoProgram)
	}
	r := &Repository{program: p, path: path}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "SECURECRYPT_") { // they are none of its business
			r.env = append(r.env, v)
		}
	}
	r.env = append(r.env, p.address+"="+address, "TZ=UTC") // borg writes times without their zone
	return r, nil
}

// HasPassword reports whether the environment tells the program a password.
func (r *Repository) HasPassword() bool {
	return slices.ContainsFunc(r.passwords, func(name string) bool { return os.Getenv(name) != "" })
}

// PasswordVariable returns the name of the variable that the program takes a
// password from.
func (r *Repository) PasswordVariable() string { return r.password }

// SetPassword has the program told a password.
func (r *Repository) SetPassword(password string) {
	r.env = append(r.env, r.password+"="+password)
}

// List returns the snapshots of the repository, the oldest first.
func (r *Repository) List(ctx context.Context) ([]Snapshot, error) {
	cmd := exec.CommandContext(ctx, r.path, r.list...)
	var out bytes.Buffer
	said := new(tail)
	cmd.Env, cmd.Stdout, cmd.Stderr = r.env, &out, said
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, r.failure(said, err)
	}
	all, err := r.parse(out.Bytes())
	if err != nil {
		return nil, fmt.Errorf("%s: its list of snapshots cannot be understood (%w): install a newer version of it", r.name, err)
	}
	slices.SortStableFunc(all, func(a, b Snapshot) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID)) })
	return all, nil
}

// failure says what the program said.
func (r *Repository) failure(said *tail, err error) error {
	if text := said.String(); text != "" {
		return fmt.Errorf("%s: %w: %s", r.name, ErrProgram, text)
	}
	return fmt.Errorf("%s: %w (%w)", r.name, ErrProgram, err)
}

// digits are what identifiers are made of: they become parts of paths.
var digits = regexp.MustCompile(`^[0-9a-f]{64}$`)

func parseRestic(b []byte) (out []Snapshot, err error) {
	var list []struct {
		ID       string    `json:"id"`
		Time     time.Time `json:"time"`
		Hostname string    `json:"hostname"`
		Paths    []string  `json:"paths"`
		Tags     []string  `json:"tags"`
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, err
	}
	for _, x := range list {
		if !digits.MatchString(x.ID) {
			return nil, fmt.Errorf("%q is no identifier", x.ID)
		}
		out = append(out, Snapshot{ID: x.ID, Name: x.ID[:8], Time: x.Time, Host: x.Hostname, Paths: x.Paths, Tags: x.Tags})
	}
	return out, nil
}

func parseBorg(b []byte) (out []Snapshot, err error) {
	var list struct {
		Archives []struct {
			ID          string   `json:"id"`
			Name        string   `json:"name"`
			Start       string   `json:"start"`
			Hostname    string   `json:"hostname"`
			CommandLine []string `json:"command_line"`
		} `json:"archives"`
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, err
	}
	for _, x := range list.Archives {
		if !digits.MatchString(x.ID) {
			return nil, fmt.Errorf("%q is no identifier", x.ID)
		}
		at, err := time.Parse("2006-01-02T15:04:05.999999", x.Start)
		if err != nil {
			return nil, err
		}
		out = append(out, Snapshot{ID: x.ID, Name: x.Name, Time: at, Host: x.Hostname, Paths: pathsOf(x.CommandLine), Tags: []string{x.Name}})
	}
	return out, nil
}

// pathsOf finds the paths in the command that made an archive: what follows its
// name and is no option. Archives with the same paths are of one series.
func pathsOf(command []string) (out []string) {
	at := slices.IndexFunc(command, func(s string) bool { return strings.Contains(s, "::") })
	for _, s := range command[at+1:] {
		if at >= 0 && !strings.HasPrefix(s, "-") {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		out = []string{"/"}
	}
	return out
}

// tail keeps the end of what a program says.
type tail struct{ b []byte }

// maxTail bounds what is kept, in bytes.
const maxTail = 2 << 10

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.b = append(t.b, b...)
	t.b = t.b[max(0, len(t.b)-maxTail):]
	return len(b), nil
}

// String returns it on one line.
func (t *tail) String() string { return strings.Join(strings.Fields(string(t.b)), " ") }
