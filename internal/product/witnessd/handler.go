// SPDX-License-Identifier: AGPL-3.0-or-later

package witnessd

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/witness"
)

// Limits of a server of a witness, which anybody can reach.
const (
	// maxRequests bounds the requests under way, and maxPerAddress those of one address
	// (IPv6: of one /64 network).
	maxRequests   = 256
	maxPerAddress = 16
	// requestTime is how long a request and its answer may take.
	requestTime = 10 * time.Second
	idleTime    = time.Minute
	maxHeader   = 8 << 10
)

// Options are what a Handler needs.
type Options struct {
	Folder *Folder
	Keys   []*keytrans.SignerKey
	Now    func() time.Time
	Log    *slog.Logger
	// BehindProxy: all requests come from the address of a proxy, whose task it then is
	// to bound those of one address.
	BehindProxy bool
}

// Handler answers the requests of logs and monitors.
func Handler(o Options) http.Handler {
	f, log := o.Folder, o.Log
	w := &witness.Witness{Keys: o.Keys, Logs: f.Logs, Store: f}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, witness.MaxRequest))
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			http.Error(rw, "the request is too long", http.StatusRequestEntityTooLarge)
			return
		}
		if err != nil {
			return // the connection ended
		}
		lines, err := w.AddCheckpoint(body, o.Now())
		answer(rw, lines, err, log)
	})
	mux.HandleFunc("GET /{log}/checkpoint", func(rw http.ResponseWriter, r *http.Request) {
		b, err := f.latestOf(r.PathValue("log"))
		switch {
		case err != nil:
			log.Error("a checkpoint cannot be read", "error", err)
			http.Error(rw, "the checkpoint cannot be read; try again later", http.StatusInternalServerError)
		case b == nil:
			http.Error(rw, "no checkpoint of such a log was cosigned", http.StatusNotFound)
		default:
			rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = rw.Write(b) // the monitor may have gone
		}
	})
	perAddress := maxPerAddress
	if o.BehindProxy {
		perAddress = maxRequests
	}
	return hardened(limited(mux, perAddress))
}

// answer writes what came of an add-checkpoint request.
func answer(rw http.ResponseWriter, lines []byte, err error, log *slog.Logger) {
	if conflict, ok := errors.AsType[*witness.ConflictError](err); ok {
		rw.Header().Set("Content-Type", witness.ConflictType)
		rw.WriteHeader(http.StatusConflict)
		_, _ = rw.Write(witness.ConflictBody(conflict)) // the log may have gone
		return
	}
	switch status := witness.Status(err); {
	case err == nil:
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = rw.Write(lines) // as above
	case status == http.StatusInternalServerError:
		log.Error("nothing can be cosigned", "error", err)
		http.Error(rw, "the witness cannot store the checkpoint; try again later", status)
	default:
		http.Error(rw, err.Error(), status)
	}
}

// latestOf returns the checkpoint whose file has a name.
func (f *Folder) latestOf(name string) ([]byte, error) {
	for _, c := range []byte(name) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return nil, nil
		}
	}
	if len(name) != 64 {
		return nil, nil
	}
	return readCheckpoint(f.fileNamed(name))
}

// hardened sets the headers that keep browsers from making anything of an answer.
func hardened(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		h.ServeHTTP(w, r)
	})
}

// limited bounds the requests under way, in all and of one address.
func limited(h http.Handler, perAddress int) http.Handler {
	var (
		mu    sync.Mutex
		total int
		by    = map[netip.Addr]int{}
	)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := addressOf(r)
		mu.Lock()
		full := total >= maxRequests || by[from] >= perAddress
		if !full {
			total++
			by[from]++
		}
		mu.Unlock()
		if full {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too many requests at the same time; try again in a second", http.StatusTooManyRequests)
			return
		}
		defer func() {
			mu.Lock()
			defer mu.Unlock()
			total--
			if by[from]--; by[from] == 0 {
				delete(by, from)
			}
		}()
		h.ServeHTTP(w, r)
	})
}

// addressOf returns the address of a request, of IPv6 the /64 network.
func addressOf(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := at.Addr().Unmap().WithZone("")
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return addr
}

// Server returns an HTTP server with the limits of a witness.
func Server(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadTimeout: requestTime, WriteTimeout: requestTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader}
}
