// SPDX-License-Identifier: AGPL-3.0-or-later

package metrics

import (
	"errors"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
)

// Metrics count. Its methods may be called concurrently.
type Metrics struct {
	requests      [][]prometheus.Counter // by operation and code
	storedCount   prometheus.Counter
	deliveryCount prometheus.Counter
	refusals      *prometheus.CounterVec
	drops         *prometheus.CounterVec
	pushes        *prometheus.CounterVec
	expired       prometheus.Counter
	blobIn        prometheus.Counter
	blobOut       prometheus.Counter
	vaultIn       prometheus.Counter
	vaultOut      prometheus.Counter
}

// Gauges are what is read each time that somebody asks. All fields must be set.
type Gauges struct {
	Shares       *fairness.Shares
	ClockTrusted func() bool
	Connections  func() int
}

// New registers the metrics of a server.
func New(r prometheus.Registerer, g Gauges) (*Metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "securecrypt", Name: name, Help: help})
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "securecrypt", Name: name, Help: help}, labels)
	}
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "securecrypt", Name: name, Help: help}, f)
	}
	requests := vec("requests_total", "Requests by operation and error code (0: success).", "operation", "code")
	m := &Metrics{
		storedCount:   counter("entries_stored_total", "Channel entries made durable."),
		deliveryCount: counter("entries_delivered_total", "Channel entries handed to connections."),
		refusals:      vec("handshakes_refused_total", "Connections refused before they began.", "reason"),
		drops:         vec("connections_dropped_total", "Connections ended by the server.", "reason"),
		pushes:        vec("pushes_total", "Devices woken through push services, by result (dropped: too many at one time).", "result"),
		expired:       counter("rows_expired_total", "Rows deleted because their time had come."),
		blobIn:        counter("blob_bytes_received_total", "Bytes of blobs received."),
		blobOut:       counter("blob_bytes_sent_total", "Bytes of blobs sent."),
		vaultIn:       counter("vault_bytes_received_total", "Bytes of vaults received."),
		vaultOut:      counter("vault_bytes_sent_total", "Bytes of vaults sent."),
	}
	for op := range protocol.Op(len(protocol.Ops()) + 1) {
		byCode := []prometheus.Counter{requests.WithLabelValues(op.String(), "0")}
		for _, code := range protocol.ErrorCodes() {
			byCode = append(byCode, requests.WithLabelValues(op.String(), strconv.Itoa(int(code))))
		}
		m.requests = append(m.requests, byCode)
	}
	var errs []error
	for held := fairness.Sockets; held < fairness.KeptRows; held++ {
		errs = append(errs, r.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "securecrypt", Name: "shared_used", Help: "What origins hold of a resource that they share.",
			ConstLabels: prometheus.Labels{"resource": held.String()},
		}, func() float64 { return float64(g.Shares.InUse(held)) })))
	}
	for _, c := range []prometheus.Collector{
		requests, m.storedCount, m.deliveryCount, m.refusals, m.drops, m.pushes, m.expired, m.blobIn, m.blobOut, m.vaultIn, m.vaultOut,
		gauge("clock_doubted", "1 while the clock is not what it should be and nothing expires.", func() float64 {
			if g.ClockTrusted() {
				return 0
			}
			return 1
		}),
		gauge("connections", "Connections now.", func() float64 { return float64(g.Connections()) }),
		gauge("request_bytes", "Bytes of requests being received or worked on, short ones excepted.", func() float64 {
			return float64(g.Shares.InUse(fairness.RequestMemory) + g.Shares.InUse(fairness.PostMemory))
		}),
		gauge("queued_bytes", "Bytes waiting to be sent.", func() float64 { return float64(g.Shares.InUse(fairness.QueuedMemory)) }),
	} {
		errs = append(errs, r.Register(c))
	}
	return m, errors.Join(errs...)
}

// Request counts a request by its result: code 0 is success.
func (m *Metrics) Request(op protocol.Op, code protocol.ErrorCode) {
	if int(op) >= len(m.requests) {
		op = 0
	}
	m.requests[op][code].Inc()
}

// Stored counts entries that were made durable.
func (m *Metrics) Stored(n int) { m.storedCount.Add(float64(n)) }

// Delivered counts entries that were handed to connections.
func (m *Metrics) Delivered(n int) { m.deliveryCount.Add(float64(n)) }

// Refused counts a connection that was refused before it began.
func (m *Metrics) Refused(reason string) { m.refusals.WithLabelValues(reason).Inc() }

// Dropped counts a connection that the server ended.
func (m *Metrics) Dropped(reason string) { m.drops.WithLabelValues(reason).Inc() }

// Pushed counts a request to a push service.
func (m *Metrics) Pushed(result string) { m.pushes.WithLabelValues(result).Inc() }

// RowsExpired counts rows that were deleted because their time had come.
func (m *Metrics) RowsExpired(n int) { m.expired.Add(float64(n)) }

// BlobReceived counts bytes of blobs that were stored.
func (m *Metrics) BlobReceived(n int64) { m.blobIn.Add(float64(n)) }

// BlobSent counts bytes of blobs that were sent.
func (m *Metrics) BlobSent(n int64) { m.blobOut.Add(float64(n)) }

// VaultReceived counts bytes of vaults that were stored.
func (m *Metrics) VaultReceived(n int64) { m.vaultIn.Add(float64(n)) }

// VaultSent counts bytes of vaults that were sent.
func (m *Metrics) VaultSent(n int64) { m.vaultOut.Add(float64(n)) }
