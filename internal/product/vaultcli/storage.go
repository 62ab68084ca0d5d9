// SPDX-License-Identifier: AGPL-3.0-or-later

package vaultcli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/bandwidth"
	vaultfolder "github.com/securecrypt/securecrypt/vault/storage/folder"
	"github.com/securecrypt/securecrypt/vault/storage/relay"
	"github.com/securecrypt/securecrypt/vault/storage/s3"
	"github.com/securecrypt/securecrypt/vault/storage/sftp"
)

// place says where a vault lies, as it was given on the command line: a
// folder, sftp://user@host:port/path, s3://host:port/bucket/prefix, or server:NUMBER.
type place string

// Decode implements kong.MapperValue. It keeps bytes that are not UTF-8.
func (p *place) Decode(ctx *kong.DecodeContext) error {
	token, err := ctx.Scan.PopValue("place")
	if err == nil {
		*p = place(token.String())
	}
	return err
}

// openedStorage is a storage that a command has opened.
type openedStorage interface {
	storage.Storage
	// Clean removes what processes that were killed left beside the objects.
	Clean(ctx context.Context) error
	Close() error
}

// scheme matches the beginning of an address. A drive letter of Windows is none.
var scheme = regexp.MustCompile(`^[a-z][a-z0-9+.-]+:`)

// location returns an absolute path or an address in its normal form, by
// which this device knows the vault; nothing for an empty place.
func (a *app) location(p place) (string, error) {
	s := string(p)
	isAddress, err := false, error(nil)
	switch {
	case s == "":
		return "", nil
	case strings.HasPrefix(s, sftp.Scheme):
		var address sftp.Address
		address, err = sftp.ParseAddress(s, loginName())
		s, isAddress = address.String(), true
	case strings.HasPrefix(s, s3.Scheme), strings.HasPrefix(s, s3.SchemePlain):
		var address s3.Address
		address, err = s3.ParseAddress(s)
		s, isAddress = address.String(), true
	case strings.HasPrefix(s, relay.Scheme):
		var address relay.Address
		address, err = relay.ParseAddress(s)
		s, isAddress = address.String(), true
		if address.Host == "" && err == nil {
			s = a.accountOf(address)
		}
	case scheme.MatchString(s) && strings.Contains(s, "://"):
		err = errors.New("vaults know no such address: enter a folder, sftp://user@host:port/path, s3://host:port/bucket/prefix or server: for the account's own server")
	}
	if err != nil {
		return "", console.WithCode(err, console.ExitUsage)
	}
	if isAddress {
		return s, nil
	}
	s = kong.ExpandPath(s)
	if a.Dir != "" && !filepath.IsAbs(s) {
		s = filepath.Join(a.Dir, s)
	}
	return s, nil
}

// loginName returns the name of the current user without the domain of Windows.
func loginName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username[strings.LastIndex(u.Username, `\`)+1:]
}

// An opener opens storages of vaults, which share its limits.
type opener struct {
	app         *app
	limits      *bandwidth.Limits
	credentials *relay.Credentials // of an account's server; nil for other storages
}

func (a *app) opener(cmd *Commands) *opener { return &opener{app: a, limits: cmd.limits()} }

// queued is how much may be on its way to a server at a time: keep-alive requests
// wait behind it.
const queued = 8 << 20

// open opens the storage of a vault that exists, or one for a new vault.
func (o *opener) open(location string, create bool) (openedStorage, error) {
	a := o.app
	if strings.HasPrefix(location, relay.Scheme) {
		return o.openServer(location, create)
	}
	u, err := url.Parse(location)
	if err != nil { // a path may have anything in it
		u = new(url.URL)
	}
	switch u.Scheme + "://" {
	case sftp.Scheme:
		address, err := sftp.ParseAddress(location, "")
		if err != nil {
			return nil, err
		}
		options, err := sftp.DefaultOptions()
		if err != nil {
			return nil, err
		}
		options.Wait, options.Dial, options.Slow = wait, o.limits.Dial(dialer.DialContext), o.limits.Longest(queued)
		return asStorage(choose(create, sftp.Create, sftp.Open)(a.Ctx, address, options))
	case s3.Scheme, s3.SchemePlain:
		address, err := s3.ParseAddress(location)
		if err != nil {
			return nil, err
		}
		options := s3.DefaultOptions()
		options.Wait, options.Dial = wait, o.limits.Dial(dialer.DialContext)
		return asStorage(choose(create, s3.Create, s3.Open)(a.Ctx, address, options))
	}
	f, err := choose(create, vaultfolder.Create, vaultfolder.Open)(location)
	if err == nil {
		f.Limit(o.limits)
	}
	return asStorage(f, err)
}

// dialer opens connections to servers with vaults.
var dialer = net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}

// byteRate is a number of bytes a second, also in KiB, MiB and GiB: 500K, 2M, 1G.
type byteRate int64

// slowestRate is the smallest limit: with less, logins take longer than servers wait.
const slowestRate = 4 << 10

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *byteRate) UnmarshalText(text []byte) error {
	n, err := parseBytes(string(text))
	if err != nil || n < slowestRate {
		return fmt.Errorf("%q is no limit: enter the bytes a second, at least %d, such as 100000, 500K or 2M", text, slowestRate)
	}
	*r = byteRate(n)
	return nil
}

// parseBytes reads a number of bytes, also in KiB, MiB and GiB.
func parseBytes(s string) (int64, error) {
	unit := int64(1)
	for i, suffix := range []string{"K", "M", "G"} {
		if digits, ok := strings.CutSuffix(s, suffix); ok {
			s, unit = digits, 1<<(10*(i+1))
		}
	}
	n, err := strconv.ParseUint(s, 10, 32)
	return int64(n) * unit, err
}

// rateLimits are the flags that limit the bandwidth of a command.
type rateLimits struct {
	LimitUpload   byteRate `help:"Send at most so many bytes a second to the vault, such as 500K." placeholder:"RATE"`
	LimitDownload byteRate `help:"Fetch at most so many bytes a second from the vault." placeholder:"RATE"`
}

func (l *rateLimits) limits() *bandwidth.Limits {
	return bandwidth.New(bandwidth.Options{Upload: int64(l.LimitUpload), Download: int64(l.LimitDownload), Now: time.Now, Wait: wait})
}

func choose[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

// asStorage returns no storage, rather than a nil pointer in an interface, when there
// is an error.
func asStorage[S openedStorage](s S, err error) (openedStorage, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// wait returns after d, or when the context is done.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// probeRounds is how often the probe has two writers race. What a storage says of
// itself needs no race.
const probeRounds = 20

// probe reports whether several devices may use a vault: it opens another
// connection to the storage and has both create the same names. The first error
// is storage.ErrNotAtomic or nil, the second that the probe could not be made.
func (o *opener) probe(store openedStorage, location string, create bool) (atomic, err error) {
	second, err := o.open(location, create)
	if err != nil {
		return nil, err
	}
	err = errors.Join(storage.Probe(o.app.Ctx, store, second, probeRounds), second.Close())
	if errors.Is(err, storage.ErrNotAtomic) {
		return err, nil
	}
	return nil, err
}

// warnOfLosses says what a storage cannot promise.
func (a *app) warnOfLosses(store openedStorage) error {
	s, ok := store.(*sftp.Storage)
	if !ok {
		return nil
	}
	flushes, err := s.Flushes(a.Ctx)
	if err == nil && !flushes {
		a.Say("the server cannot be asked to write to its disk: if it loses power, what was backed up shortly before may be lost; securecrypt vault check finds that")
	}
	return err
}

// whoCanDelete says who can destroy a vault, and whether what is deleted with what
// this device has can be brought back.
func (a *app) whoCanDelete(store openedStorage) (text string, protected bool) {
	switch store := store.(type) {
	case *sftp.Storage:
		return "Whoever can log in to the server as that user can delete the vault", false
	case *s3.Storage:
		p, err := store.Protection(a.Ctx)
		if err != nil {
			return fmt.Sprintf("Whether the bucket keeps what is deleted could not be found out (%v), so take it that whoever has these credentials can delete the vault", err), false
		}
		return bucketProtection(p), p.Versions && !p.Erasable
	case *relay.Storage:
		state, err := store.State(a.Ctx)
		if err != nil {
			return fmt.Sprintf("For how long the server keeps what is deleted could not be found out (%v), so take it that a stolen device can delete the vault", err), false
		}
		return fmt.Sprintf("What a device of the account deletes, the server keeps for %d days, and securecrypt vault deleted takes it back; the operator of the server can delete all of it", state.KeepSeconds/86400), true
	}
	return "Whoever can write to the folder can delete the vault", false
}

// bucketProtection says what a bucket does against somebody with its credentials.
func bucketProtection(p s3.Protection) string {
	switch {
	case !p.Versions:
		return "Whoever has these credentials can delete the vault. Have the bucket keep old versions, and use credentials that cannot delete versions (s3:DeleteObjectVersion): then what is deleted can be brought back"
	case p.Erasable:
		return "The bucket keeps old versions, but whoever has these credentials can delete those, too. Use credentials that cannot (without s3:DeleteObjectVersion): then what is deleted can be brought back"
	case p.Days > 0:
		return fmt.Sprintf("What is deleted with these credentials can be brought back for %d days from the bucket's old versions; whoever owns the bucket can delete all of it", p.Days)
	}
	return "What is deleted with these credentials can be brought back from the bucket's old versions, as no rule that these credentials may see ends that; whoever owns the bucket can delete all of it"
}

// errOneDevice is why join refuses a storage that the probe has found wanting.
func errOneDevice(reason error) error {
	return console.WithCode(fmt.Errorf("this storage cannot keep the changes of two devices apart, and this would be another device of the vault. If no other device uses the vault any more, run the command again with --alone (%w)", reason), console.ExitRefused)
}
