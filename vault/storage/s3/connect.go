// SPDX-License-Identifier: AGPL-3.0-or-later

package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/securecrypt/securecrypt/vault/storage"
)

var (
	// ErrCredentials reports that there are no credentials, or that the service
	// does not accept them.
	ErrCredentials = errors.New("s3: no credentials that the service accepts")
	// ErrConnection reports that the service did not answer repeated requests.
	ErrConnection = errors.New("s3: the service does not answer")
)

const (
	// maxRetries limits how often a request is sent again. Before each, there is a
	// pause: firstPause, then twice the last.
	maxRetries = 5
	firstPause = time.Second
)

// Options say how to reach a service.
type Options struct {
	Credentials *credentials.Credentials
	// Region is that of the bucket; if it is empty, the service is asked.
	Region string
	// Transport sends requests. If it is nil, one with the system's certificates
	// does.
	Transport http.RoundTripper
	// Dial opens a TCP connection for that transport. If it is nil, a net.Dialer
	// does.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Wait returns after a duration, or earlier with the error of the context. If
	// it is nil, a request is sent again without a pause.
	Wait func(ctx context.Context, d time.Duration) error
}

// DefaultOptions takes credentials and region from where Amazon's tools have
// them: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, or the files
// ~/.aws/credentials and ~/.aws/config with the profile of AWS_PROFILE; AWS_REGION.
func DefaultOptions() Options {
	region := os.Getenv("AWS_REGION")
	if region == "" {
		region = os.Getenv("AWS_DEFAULT_REGION")
	}
	return Options{
		Credentials: credentials.NewChainCredentials([]credentials.Provider{new(credentials.EnvAWS), new(credentials.FileAWSCredentials)}),
		Region:      region,
	}
}

// connect prepares requests. It sends none.
func connect(a Address, o Options) (*Storage, error) {
	value, err := o.Credentials.GetWithContext(&credentials.CredContext{Client: http.DefaultClient})
	if err != nil || value.AccessKeyID == "" || value.SignerType.IsAnonymous() {
		return nil, errors.Join(fmt.Errorf("%w: there are none on this device. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write them to ~/.aws/credentials, and set AWS_PROFILE if the profile there is not called default", ErrCredentials), err)
	}
	transport := o.Transport
	stop := func() {}
	if transport == nil {
		t, err := minio.DefaultTransport(!a.Plain)
		if err != nil {
			return nil, fmt.Errorf("s3: %w", err)
		}
		if o.Dial != nil {
			t.DialContext = o.Dial
		}
		transport, stop = t, t.CloseIdleConnections
	}
	// A request whose answer was lost must not be sent again unseen: Create has to
	// know. So the client does not retry.
	client, err := minio.NewCore(a.Host, &minio.Options{Creds: o.Credentials, Secure: !a.Plain, Region: o.Region, Transport: transport, MaxRetries: 1})
	if err != nil {
		return nil, fmt.Errorf("s3: %s: correct the address (%w)", a, err)
	}
	return &Storage{address: a, options: o, client: client, close: stop}, nil
}

// A refusal is an error after which another attempt would not help.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// errShort reports an object that ends before the range that was asked for.
// An end of the connection gives the plain io.ErrUnexpectedEOF.
var errShort = refusal{io.ErrUnexpectedEOF}

// answerOf returns the error that the service answered with, or a zero one.
func answerOf(err error) minio.ErrorResponse {
	var answer minio.ErrorResponse
	_ = errors.As(err, &answer) // zero if it is none
	return answer
}

// isTaken reports whether the service refused to create an object because it
// exists.
func isTaken(err error) bool { return answerOf(err).StatusCode == http.StatusPreconditionFailed }

// isTransient reports whether the same request may succeed later.
func isTransient(err error) bool {
	var refused refusal
	var certificate *tls.CertificateVerificationError
	switch {
	case err == nil, errors.As(err, &refused), errors.As(err, &certificate):
		return false
	}
	answer := answerOf(err)
	switch answer.StatusCode {
	case 0: // none, or one that is not an answer of the service
		return true
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	case http.StatusConflict: // another writer of the same name at the same time
		return answer.Code == "ConditionalRequestConflict" || answer.Code == "OperationAborted"
	case http.StatusBadRequest:
		return answer.Code == "RequestTimeout"
	}
	return false
}

// do calls op, and again while the connection or the service fails.
func (s *Storage) do(ctx context.Context, op func() error) error {
	pause := firstPause
	for attempt := 0; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := op()
		if err == nil || answerOf(err).StatusCode != 0 {
			s.reached.Store(true)
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !isTransient(err):
			return err
		case !s.reached.Load(): // a wrong address is not worth the pauses
			return fmt.Errorf("%w: check the address and the network (%w)", ErrConnection, err)
		case attempt == maxRetries:
			return fmt.Errorf("%w, also after %d more attempts: check the network and run the command again (%w)", ErrConnection, maxRetries, err)
		}
		if s.options.Wait != nil {
			if err := s.options.Wait(ctx, pause); err != nil {
				return err
			}
		}
		pause *= 2
	}
}

// explain maps an error to those of package storage and says what to do.
func (s *Storage) explain(doing, name string, err error) error {
	answer := answerOf(err)
	var certificate *tls.CertificateVerificationError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &certificate):
		return fmt.Errorf("s3: the certificate of %s cannot be verified: check the address; if the certificate is one of your own, set SSL_CERT_FILE to it (%w)", s.address.Host, err)
	case answer.Code == minio.NoSuchBucket:
		return fmt.Errorf("s3: there is no bucket %s at %s: check the address (%w)", s.address.Bucket, s.address.Host, storage.ErrNotFound)
	case answer.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%w: %s", storage.ErrNotFound, name)
	case answer.StatusCode == http.StatusInsufficientStorage, answer.Code == "QuotaExceeded", answer.Code == "XMinioStorageFull", answer.Code == "XMinioAdminBucketQuotaExceeded":
		return fmt.Errorf("%w: %w", storage.ErrFull, err)
	case answer.Code == "RequestTimeTooSkewed":
		return fmt.Errorf("s3: %s %s: the clock of this device is wrong: set it (%w)", doing, name, err)
	case answer.StatusCode == http.StatusForbidden, answer.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("%w, or they do not allow %s %s: check them, and the policy of the bucket %s (%w)", ErrCredentials, doing, name, s.address.Bucket, err)
	case answer.StatusCode != 0:
		return fmt.Errorf("s3: %s %s: %s answers %d %s: %w", doing, name, s.address.Host, answer.StatusCode, answer.Code, err)
	}
	return err
}
