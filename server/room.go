// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
)

// usage returns what the store holds.
func (s *Server) usage(ctx context.Context) (u Usage, err error) {
	err = s.store.View(ctx, func(tx ReadTx) error {
		u, err = tx.Usage()
		return err
	})
	return u, err
}

// measure sets the limits of what is kept: the configured ones, or what is
// stored and what the disk can still take, where that is less.
func (s *Server) measure(ctx context.Context) error {
	rows, blobs := int64(s.limits.MaxRowBytes), int64(s.limits.MaxBlobBytes)
	if s.room != nil {
		free, err := s.room()
		if err != nil {
			return err
		}
		s.logDiskState(free)
		u, err := s.usage(ctx)
		if err != nil {
			return err
		}
		rows = min(rows, int64(u.RowBytes+free))
		blobs = min(blobs, int64(u.BlobBytes+free))
	}
	s.shares.SetLimit(fairness.KeptRows, rows)
	s.shares.SetLimit(fairness.KeptBlobs, blobs)
	return nil
}

// logDiskState logs when the free disk space falls to the reserve, and when there
// is room again. It must have a single caller.
func (s *Server) logDiskState(free uint64) {
	full := free == 0
	switch {
	case full && !s.full:
		s.log.Error("the disk has no more room than the reserve: nothing new is stored until there is")
	case !full && s.full:
		s.log.Info("the disk has room again")
	}
	s.full = full
}

// channelUse collects the channels that were opened since the last save, so that
// an opening does not write to the disk.
type channelUse struct {
	mu    sync.Mutex
	until map[protocol.ChannelID]int64
}

// maxUsed bounds the channels that wait to be noted. Others are the next time
// that they are opened; they have months until then.
const maxUsed = 1 << 16

func (u *channelUse) add(row ChannelRow, now time.Time) {
	until := channelUntil(now, row.Last)
	if until <= row.Expires {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.until == nil {
		u.until = map[protocol.ChannelID]int64{}
	}
	if len(u.until) < maxUsed {
		u.until[row.Channel] = until
	}
}

func (u *channelUse) take() map[protocol.ChannelID]int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	until := u.until
	u.until = nil
	return until
}

// saveChannelUse extends the lifetime of the channels that were opened lately.
func (s *Server) saveChannelUse(ctx context.Context) error {
	all := s.used.take()
	if len(all) == 0 {
		return nil
	}
	return s.store.Update(ctx, func(tx WriteTx) error {
		for id, until := range all {
			if err := tx.Channels().Extend(id, until); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
		}
		return nil
	})
}

// proxyWarner tells the operator, once, that a proxy stands before the server
// of which the server does not know: then all people share the limits of one
// address.
type proxyWarner struct {
	log *slog.Logger

	mu     sync.Mutex
	told   bool
	first  netip.Addr
	others bool
	count  int
}

// proxyWarnThreshold is the number of connections, all from one address, from
// which on the server warns about an untrusted proxy.
const proxyWarnThreshold = 200

func (p *proxyWarner) see(proxies *Proxies, r *http.Request) {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || proxies.Trusts(ap.Addr()) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.told {
		return
	}
	if p.count == 0 {
		p.first = ap.Addr()
	}
	p.count++
	p.others = p.others || ap.Addr() != p.first
	switch {
	case isForwarded(r.Header) && ap.Addr().Unmap().IsLoopback():
		p.told = true
		p.log.Warn("a proxy on this machine passes requests on, but it is not trusted, so that all people share the limits of one address: name it with --trusted-proxies")
	case p.count >= proxyWarnThreshold && !p.others:
		p.told = true
		p.log.Warn("all connections come from one address, and share its limits: if it is a proxy, name it with --trusted-proxies")
	}
}
