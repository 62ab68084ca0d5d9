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
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/internal/invites"
)

// adminAPI has the commands for a running server. Requests and answers are JSON.
type adminAPI interface {
	createInvites(context.Context, newInvites) ([]string, error)
	invites(context.Context) ([]inviteInfo, error)
	disclose(ctx context.Context, address string) (*server.Disclosure, error)
	// freeName returns errNoName for a name that is not reserved, and errInUse
	// for one that an account has.
	freeName(ctx context.Context, name string) error
	// clock returns the state of the clock, after it was confirmed if need be.
	clock(ctx context.Context, confirm bool) (server.ClockState, error)
	// archive returns a backup as a stream, which is to be closed.
	archive(context.Context) (io.ReadCloser, error)
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
var errNoAccount = errors.New("no such account: nothing is stored about this address; check its spelling")

// Refusals of freeName.
var (
	errNoName = errors.New("no such name is reserved: there is nothing to free. An account's name is reserved once the account was deleted")
	errInUse  = errors.New("an account has this name: only its owner can delete it, by erasing everything in the settings of the application")
)

// localAdmin runs admin commands on the data folder itself. server is nil if none
// runs.
type localAdmin struct {
	*dataFolder
	server *server.Server
	log    *slog.Logger // of that server
}

func (d localAdmin) freeName(ctx context.Context, name string) error {
	return d.store.Update(server.Freeing(ctx), func(tx server.WriteTx) error {
		_, err := tx.Accounts().Account(name)
		switch {
		case err == nil:
			return errInUse
		case !errors.Is(err, server.ErrNotFound):
			return err
		}
		err = tx.Names().Free(name)
		if errors.Is(err, server.ErrNotFound) {
			return errNoName
		}
		// Whoever has the name next is somebody else.
		return errors.Join(err, tx.Vaults().Close(name, 1))
	})
}

func (d localAdmin) clock(ctx context.Context, confirm bool) (server.ClockState, error) {
	if d.server != nil {
		if confirm {
			d.server.ConfirmClock(ctx)
		}
		return d.server.Clock(), nil
	}
	row, err := d.state(ctx)
	if err == nil && confirm {
		row, err = d.confirmTime(ctx, row)
	}
	return server.ReadClock(time.Now, uptime, row), err
}

// confirmTime makes the clock's time the newest that was trusted, in the marker,
// too: with an earlier time alone, the store would look like one that was put back.
func (d *dataFolder) confirmTime(ctx context.Context, row server.StateRow) (server.StateRow, error) {
	original, err := isOriginal(d.dir, row)
	if err != nil {
		return row, err
	}
	boot, up := uptime()
	if row, err = server.NoteTime(ctx, d.store, time.Now(), boot, up); err != nil || !original {
		return row, err
	}
	return row, writeMarker(d.dir, row)
}

// archive makes the backup while it is read.
func (d localAdmin) archive(ctx context.Context) (io.ReadCloser, error) {
	r, w := io.Pipe()
	go func() {
		err := d.dataFolder.archive(ctx, w)
		if err != nil && d.log != nil {
			d.log.Warn("a backup was not completed", "error", err.Error())
		}
		_ = w.CloseWithError(err) // returns nil
	}()
	return r, nil
}

func (d localAdmin) createInvites(ctx context.Context, n newInvites) ([]string, error) {
	return invites.Create(ctx, d.store, rand.Reader, time.Now(), n.Count, n.Keep)
}

func (d localAdmin) invites(ctx context.Context) ([]inviteInfo, error) {
	rows, err := invites.List(ctx, d.store, time.Now())
	infos := []inviteInfo{}
	for _, r := range rows {
		infos = append(infos, inviteInfo{r.Hint, time.Unix(r.Created, 0).UTC(), time.Unix(r.Expires, 0).UTC()})
	}
	return infos, err
}

func (d localAdmin) disclose(ctx context.Context, address string) (*server.Disclosure, error) {
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
		return fmt.Errorf("cannot listen for orders on loopback: %w. Allow this program to listen on 127.0.0.1", err)
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	d.admin = &adminFile{Address: ln.Addr().String(), Token: base64.RawURLEncoding.EncodeToString(secret), path: adminPath(d.dir)}
	if err := d.admin.write(); err != nil {
		return errors.Join(fmt.Errorf("cannot write into the data folder: %w. Check whose it is and whether there is room", err), ln.Close())
	}
	p.serve(newLocalServer(adminHandler(localAdmin{d, p.server, p.log}, d.admin.Token)), ln)
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

func adminHandler(o adminAPI, token string) http.Handler {
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
	mux.HandleFunc("DELETE /names", func(w http.ResponseWriter, r *http.Request) {
		reply(w, struct{}{}, o.freeName(r.Context(), r.FormValue("name")))
	})
	mux.HandleFunc("GET /clock", func(w http.ResponseWriter, r *http.Request) {
		state, err := o.clock(r.Context(), false)
		reply(w, state, err)
	})
	mux.HandleFunc("POST /clock", func(w http.ResponseWriter, r *http.Request) {
		state, err := o.clock(r.Context(), true)
		reply(w, state, err)
	})
	mux.HandleFunc("GET /backup", func(w http.ResponseWriter, r *http.Request) { sendArchive(w, r, o) })
	want := []byte("Bearer " + token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// archiveWriteTimeout is how long the receiver of a backup may take for one
// piece: its disk may be slow.
const archiveWriteTimeout = 10 * time.Minute

// sendArchive answers with a backup. One that fails is cut, which the command that
// asked for it notices.
func sendArchive(w http.ResponseWriter, r *http.Request, o adminAPI) {
	in, err := o.archive(r.Context())
	if err != nil {
		reply(w, nil, err)
		return
	}
	defer func() { _ = in.Close() }() // only read from
	if paced, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
		w = paced.Unwrap() // which would not wait for a slow disk
	}
	rc := http.NewResponseController(w)
	buf := make([]byte, 256<<10)
	for {
		n, err := in.Read(buf)
		if errors.Is(err, errBusy) {
			reply(w, nil, err)
			return
		}
		if n > 0 {
			_ = rc.SetWriteDeadline(time.Now().Add(archiveWriteTimeout)) // supported by HTTP/1
			if _, err := w.Write(buf[:n]); err != nil {
				return // the command has gone
			}
		}
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

func reply(w http.ResponseWriter, v any, err error) {
	switch {
	case errors.Is(err, errNoName):
		http.Error(w, "no name", http.StatusGone)
	case errors.Is(err, errInUse):
		http.Error(w, "in use", http.StatusConflict)
	case errors.Is(err, errBusy):
		http.Error(w, "busy", http.StatusTooManyRequests)
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

// remoteAdmin sends admin commands to the running server.
type remoteAdmin struct{ file adminFile }

func (r remoteAdmin) createInvites(ctx context.Context, n newInvites) (codes []string, err error) {
	return codes, r.ask(ctx, http.MethodPost, "/invites", n, &codes)
}

func (r remoteAdmin) invites(ctx context.Context) (infos []inviteInfo, err error) {
	return infos, r.ask(ctx, http.MethodGet, "/invites", nil, &infos)
}

func (r remoteAdmin) disclose(ctx context.Context, address string) (*server.Disclosure, error) {
	out := new(server.Disclosure)
	return out, r.ask(ctx, http.MethodGet, "/disclose?address="+address, nil, out)
}

func (r remoteAdmin) freeName(ctx context.Context, name string) error {
	return r.ask(ctx, http.MethodDelete, "/names?name="+url.QueryEscape(name), nil, &struct{}{})
}

func (r remoteAdmin) clock(ctx context.Context, confirm bool) (state server.ClockState, err error) {
	method := http.MethodGet
	if confirm {
		method = http.MethodPost
	}
	return state, r.ask(ctx, method, "/clock", nil, &state)
}

func (r remoteAdmin) archive(ctx context.Context) (io.ReadCloser, error) {
	resp, err := r.do(ctx, http.MethodGet, "/backup", nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

func (r remoteAdmin) ask(ctx context.Context, method, path string, body, result any) error {
	resp, err := r.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	return json.NewDecoder(resp.Body).Decode(result)
}

// do asks for something and returns the answer, whose body is to be closed, or
// the refusal as an error.
func (r remoteAdmin) do(ctx context.Context, method, path string, body any) (*http.Response, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+r.file.Address+path, bytes.NewReader(b))
	if err != nil {
		return nil, usage("an address is name@host")
	}
	req.Header.Set("Authorization", "Bearer "+r.file.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, errors.New("the server uses the data folder but does not answer; it may be starting or stopping: try again")
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	return nil, errors.Join(refusalOf(resp.StatusCode), resp.Body.Close())
}

func refusalOf(status int) error {
	switch status {
	case http.StatusNotFound:
		return errNoAccount
	case http.StatusGone:
		return errNoName
	case http.StatusConflict:
		return errInUse
	case http.StatusTooManyRequests:
		return errBusy
	case http.StatusBadRequest:
		return usage("an address is name@host")
	}
	return errors.New("the running server could not do it: read its log")
}

// withAdmin calls fn with the data folder, or with the running server that uses
// it.
func withAdmin(dir string, fn func(adminAPI) error) (err error) {
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("there is no data folder at %s: say which one with --data", dir)
	}
	lock, err := lockData(dir)
	if errors.Is(err, errLocked) {
		b, readErr := os.ReadFile(adminPath(dir))
		var r remoteAdmin
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
	data, err := openData(dir, nil, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.close()) }()
	return fn(localAdmin{dataFolder: data})
}
