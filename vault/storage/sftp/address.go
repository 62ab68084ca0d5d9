// SPDX-License-Identifier: AGPL-3.0-or-later

package sftp

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// Scheme begins every address.
const Scheme = "sftp://"

const defaultPort = "22"

// Address names a folder on a server.
type Address struct {
	User string
	Host string // a name or an IP address, without brackets
	Port string
	// Path is absolute, or begins with "~/" for the user's home folder.
	Path string
}

// ParseAddress parses sftp://user@host:port/path. A missing user is user, a
// missing port is 22. A path that begins with /~/ lies in the home folder of the
// user on the server.
func ParseAddress(s, user string) (Address, error) {
	const form = "an address looks like sftp://user@host:port/path"
	u, err := url.Parse(s)
	if err != nil || !strings.HasPrefix(s, Scheme) {
		return Address{}, fmt.Errorf("sftp: not an address of a folder on an SFTP server: %s", form) // the error of url.Parse would show a password
	}
	a := Address{User: user, Host: u.Hostname(), Port: u.Port(), Path: path.Clean(u.Path)}
	if u.User != nil {
		if _, ok := u.User.Password(); ok {
			return Address{}, fmt.Errorf("sftp: the address has a password in it: remove it, and log in with a key; %s", form)
		}
		a.User = u.User.Username()
	}
	if a.Port == "" {
		a.Port = defaultPort
	}
	switch n, err := strconv.ParseUint(a.Port, 10, 16); {
	case err != nil || n == 0:
		return Address{}, fmt.Errorf("sftp: %q is not a port: %s", a.Port, form)
	case a.Host == "" || a.User == "" || strings.HasPrefix(a.Host, "-") || strings.HasPrefix(a.User, "-"):
		return Address{}, fmt.Errorf("sftp: the address needs a user and a host: %s", form)
	case u.RawQuery != "" || u.Fragment != "":
		return Address{}, fmt.Errorf("sftp: the address has a '?' or '#' in it: write them as %%3F and %%23; %s", form)
	case !strings.HasPrefix(u.Path, "/") || a.Path == "/" || a.Path == "/~":
		return Address{}, fmt.Errorf("sftp: the address needs the path of a folder: %s", form)
	}
	if inHome, ok := strings.CutPrefix(a.Path, "/~/"); ok {
		a.Path = "~/" + inHome
	}
	return a, nil
}

// String returns the address in the form that ParseAddress takes.
func (a Address) String() string {
	host := a.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if a.Port != defaultPort {
		host += ":" + a.Port
	}
	p := a.Path
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	return (&url.URL{Scheme: "sftp", User: url.User(a.User), Host: host, Path: p}).String()
}

// remotePath returns the path as the server takes it: relative paths begin in
// the home folder.
func (a Address) remotePath() string { return strings.TrimPrefix(a.Path, "~/") }

// dialAddress returns host and port as package net takes them.
func (a Address) dialAddress() string { return net.JoinHostPort(a.Host, a.Port) }

// sshCommand returns the command line that logs in to the server.
func (a Address) sshCommand() string {
	if a.Port == defaultPort {
		return fmt.Sprintf("ssh %s@%s", a.User, a.Host)
	}
	return fmt.Sprintf("ssh -p %s %s@%s", a.Port, a.User, a.Host)
}
