// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/securecrypt/securecrypt/internal/product/loopback"
	"github.com/securecrypt/securecrypt/internal/product/webapp"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/internal/pace"
	"github.com/securecrypt/securecrypt/server/push/webpush"
)

// Where the server listens unless told otherwise.
const (
	plainListen = "localhost:7480"
	tlsListen   = ":443"
)

// shutdownTimeout is how long a stopping server lets requests finish.
const shutdownTimeout = 10 * time.Second

type serveCmd struct {
	Listen       string   `help:"Address and port to listen on. Port 0 lets the system choose. Default: ${plainListen}, or ${tlsListen} with TLS." placeholder:"ADDRESS"`
	Host         string   `help:"The server's name in addresses (name@HOST). Default: localhost:PORT where nothing but this machine can connect." placeholder:"HOST"`
	TLS          string   `help:"auto: get certificates for --host by ACME; files: use --tls-cert and --tls-key; plain: none, for loopback only." enum:"auto,files,plain" default:"plain"`
	TLSCert      string   `help:"Certificate chain in PEM." type:"path" placeholder:"FILE"`
	TLSKey       string   `help:"Its private key in PEM." type:"path" placeholder:"FILE"`
	ACMEEmail    string   `name:"acme-email" help:"Where the certificate authority may write about problems." placeholder:"EMAIL"`
	Registration string   `help:"Who may create an account: ${enum}." enum:"open,invite,closed" default:"open"`
	Web          bool     `help:"Serve the application for browsers." default:"true" negatable:""`
	PushServices []string `help:"Push services that may be asked to wake a browser whose page is closed: names, with or without *. in front, or localhost:PORT; none switches it off (${pushServices})." default:"${pushServices}" placeholder:"NAME"`
	Metrics      string   `help:"Loopback address and port for /metrics, or off. Default: a port that the system chooses." default:"127.0.0.1:0" placeholder:"ADDRESS"`
	LogFormat    string   `help:"${enum}." enum:"text,json" default:"text"`
	LogLevel     string   `help:"${enum}." enum:"debug,info,warn,error" default:"info"`

	ReserveMiB uint64 `name:"reserve-mib" help:"MiB of the disk that stay free: with less nothing new is stored, with less than twice as much no files." default:"${reserveMiB}" placeholder:"N"`

	VaultQuotaMiB uint64 `name:"vault-quota-mib" help:"MiB of backups that an account may keep, and as many again of what was deleted lately; 0 switches backups off." default:"${vaultQuotaMiB}" placeholder:"N"`
	VaultKeepDays uint64 `name:"vault-keep-days" help:"Days for which what is deleted from a backup can be taken back." default:"${vaultKeepDays}" placeholder:"N"`

	Proxy     proxyFlags `embed:"" group:"Reverse proxies"`
	Limit     limitFlags `embed:"" prefix:"max-" group:"Limits"`
	HeldShare int        `help:"Percent of the free memory, places and connections that one address may hold." default:"${heldShare}" placeholder:"N" group:"Limits"`
	KeptShare int        `help:"Percent of the free room that one address may fill." default:"${keptShare}" placeholder:"N" group:"Limits"`
	Rates     []string   `help:"Rates of one address: NAME=BURST+PERSECOND (${rates})." placeholder:"RATE" group:"Limits"`

	level       slog.LevelVar
	certificate *pair // of --tls files
}

// limitFlags are the limits that operators most often change. Zero stands for
// the default.
type limitFlags struct {
	Connections        int    `help:"Connections at one time (${maxConnections})." placeholder:"N"`
	AddressConnections int    `help:"Connections of one remote address (${maxAddressConnections})." placeholder:"N"`
	Openings           int    `help:"Channels that all connections have open (${maxOpenings})." placeholder:"N"`
	Transfers          int    `help:"Uploads and downloads at one time (${maxTransfers})." placeholder:"N"`
	Accounts           uint64 `help:"Accounts (${maxAccounts})." placeholder:"N"`
	Channels           uint64 `help:"Channels (${maxChannels})." placeholder:"N"`
	ChannelMiB         uint64 `name:"channel-mib" help:"MiB kept in one channel (${maxChannelMiB})." placeholder:"N"`
	MailboxLetters     uint64 `help:"Letters waiting for one device (${maxMailboxLetters})." placeholder:"N"`
	BlobMiB            uint64 `name:"blob-mib" help:"MiB of one blob (${maxBlobMiB})." placeholder:"N"`
	BlobsMiB           uint64 `name:"blobs-mib" help:"MiB of all blobs together (${maxBlobsMiB})." placeholder:"N"`
	VaultsMiB          uint64 `name:"vaults-mib" help:"MiB of all backups together (${maxVaultsMiB})." placeholder:"N"`
	RowsMiB            uint64 `name:"rows-mib" help:"MiB of all messages, letters and other rows together (${maxRowsMiB})." placeholder:"N"`
	MemoryMiB          int64  `name:"memory-mib" help:"MiB of requests being worked on, and of frames waiting to be sent (${maxMemoryMiB})." placeholder:"N"`
}

func (f limitFlags) limits() fairness.Limits {
	l := fairness.DefaultLimits()
	set(&l.MaxConnections, f.Connections, 1)
	set(&l.MaxAddressConnections, f.AddressConnections, 1)
	set(&l.MaxAllOpenings, f.Openings, 1)
	set(&l.MaxTransfers, f.Transfers, 1)
	set(&l.MaxAccounts, f.Accounts, 1)
	set(&l.MaxChannels, f.Channels, 1)
	set(&l.MaxChannelBytes, f.ChannelMiB, 1<<20)
	set(&l.MaxMailboxLetters, f.MailboxLetters, 1)
	set(&l.MaxBlob, f.BlobMiB, 1<<20)
	set(&l.MaxBlobBytes, f.BlobsMiB, 1<<20)
	set(&l.MaxVaultBytes, f.VaultsMiB, 1<<20)
	set(&l.MaxRowBytes, f.RowsMiB, 1<<20)
	set(&l.MaxMemory, f.MemoryMiB, 1<<20)
	return l
}

func set[N int | int64 | uint64](to *N, from, unit N) {
	if from > 0 {
		*to = from * unit
	}
}

// limits returns the server's limits as the flags set them.
func (c *serveCmd) limits() (fairness.Limits, error) {
	l := c.Limit.limits()
	if c.ReserveMiB < 1 {
		return l, usage("--reserve-mib is 1 or more")
	}
	if c.HeldShare < 1 || c.KeptShare < 1 {
		return l, usage("--held-share and --kept-share are percentages of 1 or more")
	}
	if c.VaultKeepDays < 1 || c.VaultKeepDays > 3650 || c.VaultQuotaMiB > 1<<40 {
		return l, usage("--vault-keep-days is 1 to 3650, and --vault-quota-mib at most %d", uint64(1<<40))
	}
	l.VaultQuota, l.VaultKeep = c.VaultQuotaMiB<<20, time.Duration(c.VaultKeepDays)*24*time.Hour
	l.HeldPart, l.KeptPart = float64(c.HeldShare)/100, float64(c.KeptShare)/100
	return l, setRates(&l, c.Rates)
}

// Run serves until ctx ends.
func (c *serveCmd) Run(ctx context.Context, w *console, all *cli, args commandLine) (err error) {
	hangUps := make(chan os.Signal, 1) // from now on none of them ends the process
	signal.Notify(hangUps, syscall.SIGHUP)
	defer signal.Stop(hangUps)
	logger := c.logger(w.err)
	limits, err := c.limits()
	if err != nil {
		return err
	}
	proxies, err := c.Proxy.proxies()
	if err != nil {
		return err
	}
	if err := enoughRoom(all.Data, c.ReserveMiB<<20); err != nil {
		return err
	}
	data, err := openData(all.Data, logger, c.ReserveMiB<<20)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.close()) }()
	ln, err := c.listen(ctx)
	if err != nil {
		return err
	}
	host, err := c.hostFor(ln, hostOf(all.Data))
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	security, err := c.security(ctx, host, all.Data)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	if err := data.rememberHost(host); err != nil {
		return errors.Join(err, ln.Close())
	}
	if err := data.renewIncarnationIfRestored(ctx, logger); err != nil {
		return errors.Join(err, ln.Close())
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limits.HeapMemory())
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s, err := c.newServer(data, server.Config{Host: host, Now: w.now, Log: logger, Metrics: metrics, Limits: &limits, Proxies: proxies})
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	p := &process{log: logger, server: s, main: s.HTTPServer(), hangUps: hangUps, reload: func() { c.reload(logger, args) }}
	guarded, scheme := c.Proxy.accept(s.Guard(ln), &proxies), "http"
	if security != nil { // above the guard: HTTP/2 wants to see the TLS connection
		guarded, scheme = tls.NewListener(guarded, security), "https"
	}
	p.main.Handler = hardenHandler(p.main.Handler, host, scheme, portOf(ln))
	p.serve(p.main, guarded)
	if err := c.startLocalListeners(p, data, metrics); err != nil {
		return errors.Join(err, p.stop(s))
	}
	c.announce(w.out, ln, scheme, host, p, data)
	return p.run(ctx, s)
}

// newServer returns a server of a data folder. The configuration lacks what comes
// from that and from the flags.
func (c *serveCmd) newServer(data *dataFolder, config server.Config) (s *server.Server, err error) {
	config.Store, config.Blobs, config.Room, config.Noted = data.store, data.blobs, data.free, data.markerUpdater(config.Log)
	config.Uptime, config.Random = uptime, rand.Reader
	config.Registration = server.Registration(c.Registration)
	if c.Web {
		config.Page = webapp.Handler(webapp.Options{Server: config.Host, Loopback: onLoopback(config.Host)})
	}
	if config.Pusher, err = c.pusher(data, config.Host); err != nil {
		return nil, err
	}
	return server.New(config)
}

// hardenHandler adds protections that depend on the name of the server: on
// loopback no other Host is answered, elsewhere HSTS is set with TLS.
func hardenHandler(h http.Handler, host, scheme, port string) http.Handler {
	switch here := onLoopback(host); {
	case here && scheme == "http":
		return loopback.Only(h, port, host) // a proxy may have the name's port
	case !here && scheme == "https": // of localhost, all ports would have to speak TLS
		return withHSTS(h)
	}
	return h
}

// withHSTS makes browsers use TLS only (RFC 6797) for a year. It excludes
// subdomains, which may belong to somebody else.
func withHSTS(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		h.ServeHTTP(w, r)
	})
}

// pusher returns what wakes browsers, nil if nothing is to.
func (c *serveCmd) pusher(data *dataFolder, host string) (server.Pusher, error) {
	if len(c.PushServices) == 1 && c.PushServices[0] == "none" {
		return nil, nil
	}
	key, err := data.pushKey()
	if err != nil {
		return nil, err
	}
	p, err := webpush.New(webpush.Options{Key: key, Services: c.PushServices, Now: time.Now, Contact: "https://" + host})
	if err != nil {
		return nil, usage("--push-services: %s", strings.TrimPrefix(err.Error(), "webpush: "))
	}
	return p, nil
}

func (c *serveCmd) logger(w io.Writer) *slog.Logger {
	c.setLevel(c.LogLevel)
	o := &slog.HandlerOptions{Level: &c.level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// startLocalListeners starts the listeners for this machine only: metrics and
// admin.
func (c *serveCmd) startLocalListeners(p *process, data *dataFolder, metrics *prometheus.Registry) error {
	if err := data.startAdmin(p); err != nil {
		return err
	}
	if c.Metrics == "off" {
		return nil
	}
	ln, err := net.Listen("tcp", c.Metrics)
	if err != nil {
		return fmt.Errorf("cannot listen for /metrics on %s: %w. Choose another address with --metrics, or --metrics=off", c.Metrics, err)
	}
	if !isLoopback(ln.Addr()) {
		return errors.Join(usage("--metrics must be a loopback address such as 127.0.0.1:9480"), ln.Close())
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	p.metrics = ln.Addr().String()
	p.serve(newLocalServer(loopback.Only(mux, portOf(ln))), ln)
	return nil
}

// newLocalServer returns an HTTP server with short timeouts, for clients on this
// machine.
func newLocalServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: pace.Brief(h, time.Now, shutdownTimeout, shutdownTimeout), ReadHeaderTimeout: shutdownTimeout, IdleTimeout: shutdownTimeout,
		ErrorLog: log.New(io.Discard, "", 0),
	}
}

func (c *serveCmd) announce(out io.Writer, ln net.Listener, scheme, host string, p *process, data *dataFolder) {
	url := fmt.Sprintf("%s://%s", scheme, host)
	if scheme == "http" {
		url = fmt.Sprintf("http://%s", net.JoinHostPort("localhost", portOf(ln)))
	}
	free, err := data.free()
	p.log.Info("server ready", "listen_port", portOf(ln), "version", Version, "pid", os.Getpid(), "reserve_mib", c.ReserveMiB, "free_mib", free>>20)
	_, _ = fmt.Fprintf(out, "SecureCrypt server ready at %s\n  listening: %s\n  addresses: name@%s\n  registration: %s\n", url, ln.Addr(), host, c.Registration)
	if c.Web && webapp.Built() {
		_, _ = fmt.Fprintf(out, "  in a browser: %s\n", url)
	}
	if err == nil {
		_, _ = fmt.Fprintf(out, "  room: %d MiB, and a reserve of %d MiB that stays free\n", free>>20, c.ReserveMiB)
	}
	if p.metrics != "" {
		_, _ = fmt.Fprintf(out, "  metrics: http://%s/metrics\n", p.metrics)
	}
}

// process is the running server with its listeners.
type process struct {
	log     *slog.Logger
	server  *server.Server
	main    *http.Server
	metrics string // address of the metrics listener
	hangUps <-chan os.Signal
	reload  func() // what a hang-up asks for

	servers []*http.Server
	failed  chan error
}

func (p *process) serve(h *http.Server, ln net.Listener) {
	if p.failed == nil {
		p.failed = make(chan error, 4)
	}
	p.servers = append(p.servers, h)
	if h.ErrorLog == nil { // which would name addresses on standard error
		h.ErrorLog = log.New(io.Discard, "", 0)
	}
	go func() {
		if err := h.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			p.failed <- fmt.Errorf("the listener failed: %w. Start the server again", err)
		}
	}()
}

func (p *process) run(ctx context.Context, s *server.Server) error {
	running, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.DropOrphans(running); err != nil && running.Err() == nil {
			p.log.Warn("looking for content without an owner failed")
		}
		s.Run(running)
	}()
	err := p.wait(ctx)
	p.log.Info("server stops")
	stop()
	<-done
	return errors.Join(err, p.stop(s))
}

// wait waits until the server is to stop, or a listener failed.
func (p *process) wait(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-p.failed:
			return err
		case <-p.hangUps:
			p.reload()
		}
	}
}

func (p *process) stop(s *server.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		p.log.Warn("some connections did not finish in time")
	}
	for _, h := range p.servers {
		if h.Shutdown(ctx) != nil {
			_ = h.Close() // cut what did not finish
		}
	}
	return nil
}
