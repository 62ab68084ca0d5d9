// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
)

// A profile has one process at a time. While that process is one that stays
// (receive, chat), it lends its open profile to the commands that come
// meanwhile: they send it their arguments over a socket in the profile's
// folder, after proving that they know the store key, and it runs them.

const fileSocket = "socket"

// maxSocketPath is what a socket's path may have on every system.
const maxSocketPath = 100

// lendTimeout bounds the handshake.
const lendTimeout = 10 * time.Second

// lentExit is the outcome of a command of which everything was reported, by
// another process that ran it or before the end.
type lentExit struct{ code int }

func (lentExit) Error() string { return "what went wrong was reported" }

// lentRequest is what a borrower sends after the nonce.
type lentRequest struct {
	Proof []byte   `json:"proof"`
	Args  []string `json:"args"`
	Dir   string   `json:"dir"`
	// RawArgs and RawDir are the same to the last byte: paths need not be UTF-8.
	// A program of an earlier version sends and reads the two before alone.
	RawArgs [][]byte `json:"raw_args"`
	RawDir  []byte   `json:"raw_dir"`
	JSON    bool     `json:"json"`
	Stdin   []byte   `json:"stdin,omitempty"`
}

// lentOutput is a piece of what the lender answers: output, or the end.
type lentOutput struct {
	Stream int    `json:"stream,omitempty"` // 1 or 2
	Data   []byte `json:"data,omitempty"`
	Exit   *int   `json:"exit,omitempty"`
}

func proof(key keyring.StoreKey, nonce []byte) []byte {
	h := hmac.New(sha256.New, key[:])
	h.Write([]byte("securecrypt/v1/lend"))
	h.Write(nonce)
	return h.Sum(nil)
}

// hub passes events on to everybody who listens.
type hub struct {
	mu     sync.Mutex // guards queues
	queues []*queue
}

func (h *hub) push(e chat.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, q := range h.queues {
		q.push(e)
	}
}

func (h *hub) listen() *queue {
	h.mu.Lock()
	defer h.mu.Unlock()
	q := newQueue()
	h.queues = append(h.queues, q)
	return q
}

func (h *hub) leave(q *queue) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.queues = slices.DeleteFunc(h.queues, func(x *queue) bool { return x == q })
}

// lend serves borrowers until the returned function is called, which waits
// for the commands under way.
func (s *session) lend() (stop func()) {
	path := s.folder.file(fileSocket)
	if len(path) > maxSocketPath {
		return func() {}
	}
	_ = os.Remove(path) // left behind by a process that was killed: the lock is ours
	l, err := net.Listen("unix", path)
	if err != nil {
		return func() {} // others wait instead
	}
	_ = os.Chmod(path, 0o600)
	ctx, cancel := context.WithCancel(s.Ctx)
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			tasks.Go(func() {
				defer func() { _ = conn.Close() }()
				s.serve(ctx, conn)
			})
		}
	})
	return func() {
		_ = l.Close()
		cancel()
		tasks.Wait()
	}
}

// serve runs the command of one borrower.
func (s *session) serve(ctx context.Context, conn net.Conn) {
	nonce := make([]byte, 32)
	_, _ = rand.Read(nonce)
	_ = conn.SetDeadline(time.Now().Add(lendTimeout))
	if _, err := conn.Write(nonce); err != nil {
		return
	}
	var req lentRequest
	in := bufio.NewReader(conn)
	line, err := in.ReadBytes('\n')
	if err != nil || json.Unmarshal(line, &req) != nil || !hmac.Equal(req.Proof, proof(s.key, nonce)) {
		return
	}
	_ = conn.SetDeadline(time.Time{})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // the borrower hangs up when it is interrupted
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	out := &lentWriter{enc: json.NewEncoder(conn)}
	a := &app{
		Console: console.Console{Ctx: ctx, Stdin: bytes.NewReader(req.Stdin), Stdout: termtext.NewWriter(lentStream{out, 1}), Stderr: termtext.NewWriter(lentStream{out, 2}), Dir: req.Dir},
		lender:  s,
	}
	args := req.Args
	if len(req.RawArgs) > 0 {
		args, a.Dir = nil, string(req.RawDir)
		for _, arg := range req.RawArgs {
			args = append(args, string(arg))
		}
	}
	if req.JSON {
		args = append([]string{"--json"}, args...)
	}
	code := a.main(args)
	_ = out.send(lentOutput{Exit: &code}) // a borrower that hung up knows
}

type lentWriter struct {
	mu  sync.Mutex // guards enc
	enc *json.Encoder
}

func (w *lentWriter) send(o lentOutput) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.enc.Encode(o)
}

type lentStream struct {
	w      *lentWriter
	stream int
}

func (s lentStream) Write(b []byte) (int, error) {
	if err := s.w.send(lentOutput{Stream: s.stream, Data: b}); err != nil {
		return 0, err
	}
	return len(b), nil
}

// borrow has the process that uses the profile run this command. It reports
// false if there is none that lends.
func (a *app) borrow(f *folder) (lent bool, err error) {
	conn, err := net.Dial("unix", f.file(fileSocket))
	if err != nil {
		return false, nil
	}
	defer func() { _ = conn.Close() }()
	nonce := make([]byte, 32)
	if _, err := io.ReadFull(conn, nonce); err != nil {
		return false, nil
	}
	key, err := f.key()
	if err != nil {
		return true, err
	}
	req := lentRequest{Proof: proof(key, nonce), Args: a.args, JSON: a.JSON}
	for _, arg := range a.args {
		req.RawArgs = append(req.RawArgs, []byte(arg))
	}
	if req.Dir, err = os.Getwd(); err != nil {
		return true, err
	}
	req.RawDir = []byte(req.Dir)
	if slices.Contains(a.args, "-") {
		if req.Stdin, err = io.ReadAll(io.LimitReader(a.Stdin, chat.MaxText+2)); err != nil {
			return true, err
		}
	}
	if err := json.NewEncoder(conn).Encode(req); err != nil {
		return true, err
	}
	stop := context.AfterFunc(a.Ctx, func() { _ = conn.Close() })
	defer stop()
	return true, a.relay(json.NewDecoder(conn))
}

// relay prints what the lender's command prints.
func (a *app) relay(in *json.Decoder) error {
	for {
		var o lentOutput
		if err := in.Decode(&o); err != nil {
			if a.Ctx.Err() != nil {
				return a.Ctx.Err()
			}
			return errors.New("the other securecrypt ended before the command was done; run it again")
		}
		if o.Exit != nil {
			return lentExit{*o.Exit}
		}
		w := a.Stdout.Raw() // the lender's edge was passed already
		if o.Stream == 2 {
			w = a.Stderr.Raw()
		}
		if _, err := w.Write(o.Data); err != nil {
			return console.Unwritten(fmt.Errorf("the output cannot be written (%w); the command may have been done all the same: check before you run it again", err))
		}
	}
}
