// SPDX-License-Identifier: AGPL-3.0-or-later

package webpush

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
)

const (
	timeout    = 10 * time.Second // of one push in all
	keep       = 24 * time.Hour   // how long a push service tries to reach a device
	maxAnswer  = 4 << 10          // bytes of an answer's body that are read
	maxHeader  = 16 << 10         // bytes of an answer's header
	maxPerHost = 32               // connections to one push service

	// A token holds for as long as RFC 8292, Section 2 allows at most, halved,
	// and is used for half of that.
	tokenLasts = 12 * time.Hour
	tokenUsed  = 6 * time.Hour
)

var errElsewhere = errors.New("webpush: this is not at a push service")

// Options are what a Pusher is made from. Key, Services and Now must be set.
type Options struct {
	Key *ecdsa.PrivateKey // of P-256
	// Services are the push services that may be contacted: names, names with
	// "*." in front, or loopback hosts with a port.
	Services []string
	Now      func() time.Time
	// Contact is an https or mailto URL at which the makers of push services
	// reach the operator.
	Contact string
	// Roots are whose certificates are believed; nil stands for the system's.
	Roots *x509.CertPool
}

// A Pusher implements [server.Pusher].
type Pusher struct {
	key      *ecdsa.PrivateKey
	public   protocol.PushKey
	services services
	contact  string
	now      func() time.Time
	client   *http.Client

	mu     sync.Mutex // guards tokens
	tokens map[string]token
}

// A token is a JWT for one push service.
type token struct {
	text  string
	until time.Time
}

// New returns a Pusher, or an error that says what is wrong with the options.
func New(o Options) (*Pusher, error) {
	allowed, err := parseServices(o.Services)
	if err != nil {
		return nil, err
	}
	if o.Key == nil || o.Key.Curve != elliptic.P256() || o.Now == nil {
		return nil, errors.New("webpush: Options lack a key of P-256 or Now")
	}
	public, err := o.Key.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("webpush: %w", err)
	}
	dialer := &net.Dialer{Timeout: timeout, Control: allowed.control}
	return &Pusher{
		key: o.Key, public: protocol.PushKey(public), services: allowed, contact: o.Contact, now: o.Now,
		tokens: map[string]token{},
		client: &http.Client{
			Timeout:       timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
				ForceAttemptHTTP2: true, DisableCompression: true, MaxResponseHeaderBytes: maxHeader, MaxConnsPerHost: maxPerHost,
				IdleConnTimeout: time.Minute,
			},
		},
	}, nil
}

// Key implements [server.Pusher].
func (p *Pusher) Key() protocol.PushKey { return p.public }

// Allows implements [server.Pusher].
func (p *Pusher) Allows(endpoint string) bool {
	_, ok := p.services.parse(endpoint)
	return ok
}

// Push implements [server.Pusher]. Its errors do not name the endpoint.
func (p *Pusher) Push(ctx context.Context, endpoint string) error {
	u, ok := p.services.parse(endpoint)
	if !ok {
		return errElsewhere // it was allowed when the device registered
	}
	t, err := p.token("https://" + u.Host)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), http.NoBody)
	if err != nil {
		return errElsewhere
	}
	r.Header.Set("Authorization", "vapid t="+t+", k="+base64.RawURLEncoding.EncodeToString(p.public[:]))
	r.Header.Set("TTL", fmt.Sprint(int(keep/time.Second)))
	r.Header.Set("Topic", "wake") // of several that wait, one arrives
	r.Header.Set("Urgency", "high")
	answer, err := p.client.Do(r)
	if err != nil {
		return reason(err)
	}
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer) // so that the connection can serve again
	_ = answer.Body.Close()
	return verdict(answer.StatusCode)
}

// reason is an error of net/http without the URL that it names.
func reason(err error) error {
	var named *url.Error
	if errors.As(err, &named) {
		err = named.Err
	}
	return fmt.Errorf("webpush: %w", err)
}

func verdict(status int) error {
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusNotFound, status == http.StatusGone:
		return server.ErrPushGone
	case status >= 500, status == http.StatusTooManyRequests:
		return errors.New("webpush: the push service is busy")
	}
	return server.ErrPushRefused
}

// token returns what shows a push service who is asking (RFC 8292, Section 2).
func (p *Pusher) token(origin string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if t, ok := p.tokens[origin]; ok && now.Before(t.until) {
		return t.text, nil
	}
	for of, t := range p.tokens { // a wildcard allows any number of them
		if !now.Before(t.until) {
			delete(p.tokens, of)
		}
	}
	claims := jwt.MapClaims{"aud": origin, "exp": now.Add(tokenLasts).Unix()}
	if p.contact != "" {
		claims["sub"] = p.contact
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodES256, claims).SignedString(p.key)
	if err != nil {
		return "", fmt.Errorf("webpush: %w", err)
	}
	if len(p.tokens) < maxTokens {
		p.tokens[origin] = token{text, now.Add(tokenUsed)}
	}
	return text, nil
}

// maxTokens bounds the memory for tokens.
const maxTokens = 1024
