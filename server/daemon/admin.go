// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/server"
)

// orders are what other commands may ask of a running server. They take and
// give JSON.
type orders interface {
	createInvites(context.Context, newInvites) ([]string, error)
	invites(context.Context) ([]inviteInfo, error)
	disclose(ctx context.Context, address string) (*server.Disclosure, error)
}

type newInvites struct {
	Count int           `json:"count"`
	Keep  time.Duration `json:"keep"`
}

type inviteInfo struct {
	Hint    string    `json:"begins_with"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

// errNoAccount says that nothing is stored about an address.
var errNoAccount = errors.New("no such account: nothing is stored about this address")

// direct carries orders out on the store itself.
type direct struct{ store server.Store }

func (d direct) createInvites(ctx context.Context, n newInvites) ([]string, error) {
	return server.CreateInvites(ctx, d.store, rand.Reader, time.Now(), n.Count, n.Keep)
}

func (d direct) invites(ctx context.Context) ([]inviteInfo, error) {
	rows, err := server.Invites(ctx, d.store, time.Now())
	infos := []inviteInfo{}
	for _, r := range rows {
		infos = append(infos, inviteInfo{r.Hint, time.Unix(r.Created, 0).UTC(), time.Unix(r.Expires, 0).UTC()})
	}
	return infos, err
}

func (d direct) disclose(ctx context.Context, address string) (*server.Disclosure, error) {
	addr, err := account.ParseAddress(address)
	if err != nil {
		return nil, usage("an address is name@host")
	}
	out, err := server.Disclose(ctx, d.store, addr)
	if errors.Is(err, server.ErrNotFound) || errors.Is(err, account.ErrWrongAddress) {
		return nil, errNoAccount
	}
	return out, err
}

// adminFile tells other commands on this machine where the running server
// takes orders. Only the folder's owner can read it.
type adminFile struct {
	Address string `json:"address"`
	Token   string `json:"token"`

	path string
}

func adminPath(dir string) string { return filepath.Join(dir, "admin.json") }

func (d *dataFolder) startAdmin(p *process) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("cannot listen for orders on loopback: %w", err)
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	d.admin = &adminFile{Address: ln.Addr().String(), Token: base64.RawURLEncoding.EncodeToString(secret), path: adminPath(d.dir)}
	if err := d.admin.write(); err != nil {
		return errors.Join(fmt.Errorf("cannot write into the data folder: %w", err), ln.Close())
	}
	p.serve(&http.Server{Handler: adminHandler(direct{d.store}, d.admin.Token), ReadHeaderTimeout: patience}, ln)
	return nil
}

func (a *adminFile) write() error {
	b, err := json.Marshal(a)
	if err != nil {
		return err
	}
	fresh := a.path + ".new"
	if err := os.WriteFile(fresh, b, 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, a.path)
}

func (a *adminFile) remove() error {
	if err := os.Remove(a.path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func adminHandler(o orders, token string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /invites", func(w http.ResponseWriter, r *http.Request) {
		var n newInvites
		if err := json.NewDecoder(io.LimitReader(r.Body, 1<<10)).Decode(&n); err != nil || n.Count < 1 || n.Count > maxInvites {
			http.Error(w, "malformed", http.StatusBadRequest)
			return
		}
		codes, err := o.createInvites(r.Context(), n)
		reply(w, codes, err)
	})
	mux.HandleFunc("GET /invites", func(w http.ResponseWriter, r *http.Request) {
		infos, err := o.invites(r.Context())
		reply(w, infos, err)
	})
	mux.HandleFunc("GET /disclose", func(w http.ResponseWriter, r *http.Request) {
		d, err := o.disclose(r.Context(), r.FormValue("address"))
		reply(w, d, err)
	})
	want := []byte("Bearer " + token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func reply(w http.ResponseWriter, v any, err error) {
	switch {
	case errors.Is(err, errNoAccount):
		http.Error(w, "no account", http.StatusNotFound)
	case errors.Is(err, errUsage):
		http.Error(w, "malformed", http.StatusBadRequest)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		_ = json.NewEncoder(w).Encode(v) // the asker may have gone
	}
}

// remote asks the running server.
type remote struct{ file adminFile }

func (r remote) createInvites(ctx context.Context, n newInvites) (codes []string, err error) {
	return codes, r.ask(ctx, http.MethodPost, "/invites", n, &codes)
}

func (r remote) invites(ctx context.Context) (infos []inviteInfo, err error) {
	return infos, r.ask(ctx, http.MethodGet, "/invites", nil, &infos)
}

func (r remote) disclose(ctx context.Context, address string) (*server.Disclosure, error) {
	out := new(server.Disclosure)
	return out, r.ask(ctx, http.MethodGet, "/disclose?address="+address, nil, out)
}

func (r remote) ask(ctx context.Context, method, path string, body, result any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+r.file.Address+path, bytes.NewReader(b))
	if err != nil {
		return usage("an address is name@host")
	}
	req.Header.Set("Authorization", "Bearer "+r.file.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return errors.New("the server uses the data folder but does not answer; it may be starting or stopping: try again")
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	switch resp.StatusCode {
	case http.StatusOK:
		return json.NewDecoder(resp.Body).Decode(result)
	case http.StatusNotFound:
		return errNoAccount
	case http.StatusBadRequest:
		return usage("an address is name@host")
	}
	return errors.New("the running server could not do it; its log may say more")
}

// withOrders carries out fn on the folder, or has the server that uses it do so.
func withOrders(dir string, fn func(orders) error) (err error) {
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("there is no data folder at %s: say which one with --data", dir)
	}
	lock, err := lockData(dir)
	if errors.Is(err, errLocked) {
		b, readErr := os.ReadFile(adminPath(dir))
		var r remote
		if readErr != nil || json.Unmarshal(b, &r.file) != nil {
			return errors.New("the data folder is in use, but not by a server that takes orders: try again in a moment")
		}
		return fn(r)
	}
	if err != nil {
		return err
	}
	if err := lock.Close(); err != nil {
		return err
	}
	data, err := openData(dir, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.close()) }()
	return fn(direct{data.store})
}
