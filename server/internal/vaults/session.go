// SPDX-License-Identifier: AGPL-3.0-or-later

package vaults

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
)

// For how long challenges and tokens hold, and what tells them apart.
const (
	challengeFor = 2 * time.Minute
	tokenFor     = 12 * time.Hour

	challengeLabel = "challenge"
	tokenLabel     = "token"
)

// sealed returns a payload that open accepts until a time has passed. Times are
// those since the handler was made, which no clock changes.
func (h *Handler) sealed(label string, lasts time.Duration, payload []byte) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(h.Now().Sub(h.began)+lasts))
	b = append(b, payload...)
	return append(b, h.mac(label, b)...)
}

func (h *Handler) mac(label string, b []byte) []byte {
	m := hmac.New(sha256.New, h.key[:])
	_, _ = io.WriteString(m, label) // it never fails
	_, _ = m.Write(b)
	return m.Sum(nil)
}

// open returns the payload of what sealed returned.
func (h *Handler) open(label string, b []byte) (payload []byte, ok bool) {
	if len(b) < 8+sha256.Size {
		return nil, false
	}
	b, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if !hmac.Equal(sum, h.mac(label, b)) || time.Duration(binary.BigEndian.Uint64(b)) < h.Now().Sub(h.began) {
		return nil, false
	}
	return b[8:], true
}

func (h *Handler) challenge(w http.ResponseWriter, _ *http.Request, _ *fairness.Origin) error {
	var random [16]byte
	if _, err := io.ReadFull(h.Random, random[:]); err != nil {
		return err
	}
	return answer(w, &protocol.VaultChallenge{Nonce: h.sealed(challengeLabel, challengeFor, random[:])})
}

// signIn returns a token for who has a storage key that a device has signed.
func (h *Handler) signIn(w http.ResponseWriter, r *http.Request, from *fairness.Origin) error {
	if wait, ok := from.Take(fairness.RateAuthenticate, 1, h.Now()); !ok {
		return later(protocol.BlobRateLimited, wait)
	}
	var in protocol.VaultSignIn
	if err := h.readBody(w, r, &in); err != nil {
		return err
	}
	if _, ok := h.open(challengeLabel, in.Nonce); !ok {
		return refuse(protocol.BlobUnauthorized)
	}
	device, err := h.Index.Key(r.Context(), in.Name, in.Device)
	if err != nil {
		return err
	}
	grant := protocol.StorageGrant(h.Host, in.Name, in.Device, in.Key)
	proof := protocol.StorageChallenge(h.Host, in.Nonce, in.Name, in.Device)
	if !ed25519.Verify(device[:], grant, in.Grant[:]) || !ed25519.Verify(in.Key[:], proof, in.Proof[:]) {
		return refuse(protocol.BlobUnauthorized)
	}
	var session protocol.VaultSessionID
	if _, err := io.ReadFull(h.Random, session[:]); err != nil {
		return err
	}
	payload := append(append(session[:], in.Device[:]...), in.Name...)
	return answer(w, &protocol.VaultSession{
		Token: h.sealed(tokenLabel, tokenFor, payload), Session: session, Seconds: uint64(tokenFor / time.Second),
	})
}

// callerOf returns in whose name a request is made.
func (h *Handler) callerOf(r *http.Request) (c Caller, err error) {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	token, decodeErr := base64.RawURLEncoding.DecodeString(text)
	if !ok || decodeErr != nil {
		return c, refuse(protocol.BlobUnauthorized)
	}
	b, ok := h.open(tokenLabel, token)
	if !ok || len(b) < len(c.Session)+len(c.Device) {
		return c, refuse(protocol.BlobUnauthorized)
	}
	b = b[copy(c.Session[:], b):]
	b = b[copy(c.Device[:], b):]
	c.Name = string(b)
	return c, nil
}
