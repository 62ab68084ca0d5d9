// SPDX-License-Identifier: AGPL-3.0-or-later

package relay

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/vault/storage"
)

var (
	// ErrConnection reports that the server did not answer repeated requests.
	ErrConnection = errors.New("relay: the server does not answer")
	// ErrDevice reports that the server does not let this device in.
	ErrDevice = errors.New("relay: the server does not let this device use the account's vaults")
	// ErrOff reports a server whose operator keeps no vaults.
	ErrOff = errors.New("relay: this server keeps no vaults: its operator has switched them off; choose another place")
	// ErrDeletedFull reports that too much was deleted lately to keep all of it.
	ErrDeletedFull = errors.New("relay: the server keeps what was deleted for some days and has no room for more of it: run the command again when the oldest of it is gone, or have the operator raise the quota")
)

const (
	// maxRetries limits how often a request is sent again. Before each, there is a
	// pause: firstPause, then twice the last, or longer if the server asks for it.
	maxRetries = 5
	firstPause = time.Second
)

// Credentials are what a storage key signs in with.
type Credentials struct {
	Name, Host string // of the account
	Device     protocol.DeviceID
	Key        ed25519.PrivateKey
	Grant      protocol.Signature // of protocol.StorageGrant, by the device
}

// Options say how to reach the server.
type Options struct {
	URL string // such as https://chat.example
	// Dial opens a TCP connection. If it is nil, a net.Dialer does.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Wait returns after a duration, or earlier with the error of the context. If
	// it is nil, a request is sent again without a pause.
	Wait func(ctx context.Context, d time.Duration) error
}

func newClient(o Options) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: o.Dial, TLSHandshakeTimeout: 20 * time.Second, ResponseHeaderTimeout: 2 * time.Minute,
			ExpectContinueTimeout: 2 * time.Second, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute, WriteBufferSize: 256 << 10, ReadBufferSize: 256 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// A token is what a sign-in gave.
type token struct {
	mu      sync.Mutex // held while one is asked for
	text    string     // guarded by mu; "": there is none yet
	session protocol.VaultSessionID
}

// signIn returns a token that is not the one given, which the server refused.
func (s *Storage) signIn(ctx context.Context, refused string) (string, error) {
	s.token.mu.Lock()
	defer s.token.mu.Unlock()
	if s.token.text != "" && s.token.text != refused {
		return s.token.text, nil
	}
	var challenge protocol.VaultChallenge
	if err := s.exchange(ctx, http.MethodGet, "/challenge", nil, &challenge); err != nil {
		return "", err
	}
	c := s.credentials
	proof := ed25519.Sign(c.Key, protocol.StorageChallenge(c.Host, challenge.Nonce, c.Name, c.Device))
	var session protocol.VaultSession
	err := s.exchange(ctx, http.MethodPost, "/sessions", protocol.EncodeVault(&protocol.VaultSignIn{
		Nonce: challenge.Nonce, Name: c.Name, Device: c.Device, Key: protocol.AccessKey(c.Key.Public().(ed25519.PublicKey)), Grant: c.Grant,
		Proof: protocol.Signature(proof),
	}), &session)
	if err != nil {
		return "", err
	}
	s.token.text, s.token.session = base64.RawURLEncoding.EncodeToString(session.Token), session.Session
	return s.token.text, nil
}

// exchange sends a request without a token, once.
func (s *Storage) exchange(ctx context.Context, method, path string, body []byte, answer any) error {
	r, err := s.send(ctx, request{method: method, path: path, body: body, limit: protocol.MaxVaultBody}, "")
	if err != nil {
		return err
	}
	return decode(r.body, answer)
}

func decode(b []byte, answer any) error {
	if err := protocol.DecodeVault(b, answer); err != nil {
		return foreign(fmt.Errorf("its answer cannot be read (%w)", err))
	}
	return nil
}

// foreign is an error about an answer that no SecureCrypt server gives.
func foreign(err error) error {
	return &refusal{fmt.Errorf("relay: what answers there is no SecureCrypt server of a version that keeps vaults: check the address and the network: %w", err)}
}

// A refusal is an error after which another attempt would not help.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// errShort reports an object that ends before the range that was asked for. An end
// of the connection gives the plain io.ErrUnexpectedEOF.
var errShort = &refusal{io.ErrUnexpectedEOF}

type request struct {
	method, path string
	header       http.Header
	body         []byte
	limit        int64 // bytes of the answer
}

type response struct {
	status int
	header http.Header
	body   []byte
}

// send sends a request once. An answer that is a refusal is an error.
func (s *Storage) send(ctx context.Context, r request, token string) (*response, error) {
	var body io.Reader = http.NoBody
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, s.options.URL+protocol.VaultPath+r.path, body)
	if err != nil {
		return nil, &refusal{fmt.Errorf("relay: %w", err)}
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if len(r.body) > 1<<20 { // a refusal should come before it is sent
		req.Header.Set("Expect", "100-continue")
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // nothing was written
	if resp.StatusCode >= 300 || resp.StatusCode < 200 {
		b, _ := io.ReadAll(io.LimitReader(resp.Body, protocol.MaxProblem)) // what has come has to do
		if refused := protocol.ParseBlobRefusal(resp.StatusCode, resp.Header.Get("Content-Type"), resp.Header.Get(protocol.HeaderRetryAfter), b); refused != nil {
			return nil, refused
		}
		if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests { // a proxy, for the time being
			return nil, fmt.Errorf("a proxy answers with status %d", resp.StatusCode)
		}
		return nil, foreign(fmt.Errorf("status %d", resp.StatusCode))
	}
	if r.method == http.MethodHead {
		return &response{resp.StatusCode, resp.Header, nil}, nil
	}
	b := make([]byte, 0, max(0, min(resp.ContentLength, r.limit))+1)
	buffer := bytes.NewBuffer(b)
	if _, err := buffer.ReadFrom(io.LimitReader(resp.Body, r.limit+1)); err != nil {
		return nil, err
	}
	if int64(buffer.Len()) > r.limit {
		return nil, foreign(errors.New("its answer is too long"))
	}
	return &response{resp.StatusCode, resp.Header, buffer.Bytes()}, nil
}

// refusalOf returns the refusal that an error is, or none.
func refusalOf(err error) protocol.BlobRefusal {
	var refused *protocol.BlobError
	if errors.As(err, &refused) {
		return refused.Refusal
	}
	return ""
}

// isTransient reports whether the same request may succeed later, and how long the
// server asks to wait.
func isTransient(err error) (wait time.Duration, transient bool) {
	var final *refusal
	var certificate *tls.CertificateVerificationError
	var refused *protocol.BlobError
	switch {
	case err == nil, errors.As(err, &final), errors.As(err, &certificate):
		return 0, false
	case errors.As(err, &refused):
		switch refused.Refusal {
		case protocol.BlobRateLimited, protocol.BlobUnavailable, protocol.BlobInternal, protocol.VaultDamaged:
			return refused.RetryAfter, true
		}
		return 0, false
	}
	return 0, true
}

// do calls op with a token, and again while the connection or the server fails. A
// server that asks to slow down is obeyed however often.
func (s *Storage) do(ctx context.Context, op func(token string) error) error {
	pause, token, signedIn := firstPause, "", false
	for attempt := 0; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		refused := token
		token, err := s.signIn(ctx, refused)
		if err == nil {
			err = op(token)
		}
		if err == nil || refusalOf(err) != "" {
			s.reached.Store(true)
		}
		wait, transient := isTransient(err)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case refusalOf(err) == protocol.BlobUnauthorized && !signedIn:
			// The token was too old, or of a server that was started again since.
			signedIn = true
			if err := s.forget(ctx, token); err != nil {
				return err
			}
			continue
		case !transient:
			return err
		case refusalOf(err) == protocol.BlobRateLimited:
			attempt--
		case !s.reached.Load(): // a wrong address is not worth the pauses
			return fmt.Errorf("%w: check the address and the network (%w)", ErrConnection, err)
		case attempt == maxRetries:
			return fmt.Errorf("%w, also after %d more attempts: check the network and run the command again (%w)", ErrConnection, maxRetries, err)
		}
		if s.options.Wait != nil {
			if err := s.options.Wait(ctx, max(pause, wait)); err != nil {
				return err
			}
		}
		pause = min(2*pause, time.Minute)
	}
}

// forget has the next request sign in unless another one did meanwhile.
func (s *Storage) forget(ctx context.Context, refused string) error {
	s.token.mu.Lock()
	defer s.token.mu.Unlock()
	if s.token.text == refused {
		s.token.text = ""
	}
	return ctx.Err()
}

// explain maps an error to those of package storage and says what to do.
func (s *Storage) explain(doing, name string, err error) error {
	var certificate *tls.CertificateVerificationError
	switch refusalOf(err) {
	case "":
	case protocol.BlobNotFound:
		return fmt.Errorf("%w: %s", storage.ErrNotFound, name)
	case protocol.BlobExists:
		return fmt.Errorf("%w: %s", storage.ErrExists, name)
	case protocol.BlobRange:
		return io.ErrUnexpectedEOF
	case protocol.BlobQuotaExceeded:
		return fmt.Errorf("%w: the account's vaults have no room left on %s: free some with forget and prune, or have the operator raise the quota", storage.ErrFull, s.credentials.Host)
	case protocol.VaultDeletedFull:
		return fmt.Errorf("%w (%s)", ErrDeletedFull, name)
	case protocol.VaultsOff:
		return ErrOff
	case protocol.BlobUnauthorized:
		return fmt.Errorf("%w: %s@%s may not have this device any more; sign the profile in with securecrypt, and open the vault with securecrypt vault join", ErrDevice, s.credentials.Name, s.credentials.Host)
	default:
		return fmt.Errorf("relay: %s %s: %w", doing, name, err)
	}
	if errors.As(err, &certificate) {
		return fmt.Errorf("relay: the certificate of %s cannot be verified: check the address and the clock of this device (%w)", s.credentials.Host, err)
	}
	return err
}
