// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/attachments"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

// OneBlob is a transport with one blob at every address.
type OneBlob struct {
	nowhere
	Hosts []string
	Data  []byte
	Cut   int  // bytes after which a download ends, 0 for none
	Stuck bool // a download does not end there, and nothing comes any more
}

func (o *OneBlob) Blobs(host string) backend.Blobs {
	o.Hosts = append(o.Hosts, host)
	return oneBlobs{o}
}

type oneBlobs struct{ *OneBlob }

func (o oneBlobs) Create(context.Context, protocol.UploadToken, int64, time.Duration) (int64, error) {
	return 0, nil
}

func (o oneBlobs) Append(ctx context.Context, _ protocol.UploadToken, _ int64, body io.Reader) error {
	buf := make([]byte, 1000)
	if _, err := io.ReadFull(body, buf); err != nil {
		return err
	}
	<-ctx.Done() // and reads no further
	return context.Cause(ctx)
}

func (o oneBlobs) Fetch(_ context.Context, _ protocol.BlobID, offset int64) (io.ReadCloser, error) {
	data := o.Data[offset:]
	if o.Cut > 0 {
		data = data[:min(o.Cut, len(data))]
	}
	if o.Stuck {
		r, w := io.Pipe()
		go func() { _, _ = w.Write(data) }()
		return r, nil
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// Sent is a file that a client was sent.
type Sent struct {
	*Client
	Blob  *OneBlob
	Conv  chat.ConversationID
	ID    content.MessageID
	Index int
}

// SendFile returns a client to which a file was sent under some name, from
// some host.
func SendFile(t *testing.T, name, host string, plain []byte) *Sent {
	t.Helper()
	u := records.Upload{Name: name, Size: int64(len(plain)), Hash: sha256.Sum256(plain), Secret: attach.NewSecret()}
	keys, err := attach.DeriveKeys(u.Secret, u.Hash)
	fatal(t, err)
	box, err := attach.Seal(keys, plain)
	fatal(t, err)
	s := &Sent{Client: lonely(t), Blob: &OneBlob{Data: box}}
	s.transfers.Transport = s.Blob
	part, err := attachments.ExternalPart(u, host, time.Now().Add(time.Hour))
	fatal(t, err)
	s.Conv, err = s.begin(rules.State{Group: true, Title: "T"}, "", nil)
	fatal(t, err)
	s.ID = s.enter(t, content.Attach("see", part))
	got, err := s.Messages().Message(s.Conv, s.ID)
	fatal(t, err)
	s.Index = got.Attachments[0].Index
	return s
}

// enter puts a message into the history.
func (s *Sent) enter(t *testing.T, message content.Message) content.MessageID {
	t.Helper()
	var m chat.Message
	fatal(t, s.store.Update(func(tx *records.Tx) error {
		conv, err := machine.Load(tx, s.environment(), s.place(s.Conv))
		if err != nil {
			return err
		}
		conv.Begin(tx, &machine.Outcome{})
		if err := conv.Step(tx, machine.CommandSend{Message: message, Sent: &m}); err != nil {
			return err
		}
		return conv.End(tx)
	}))
	return m.ID
}

// Use gives the client files.
func (s *Sent) Use(files backend.Files) { s.transfers.Files = files }

func TestBadExternalParts(t *testing.T) {
	good := func() *content.External {
		id := protocol.BlobID{1}
		return &content.External{URL: "https://here" + protocol.BlobPath + "/" + id.String(), Key: make([]byte, attach.KeySize), Nonce: make([]byte, attach.NonceSize), Size: 1}
	}
	if _, _, err := records.BlobOf(good()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*content.External){
		"scheme":      func(e *content.External) { e.URL = strings.Replace(e.URL, "https", "file", 1) },
		"no host":     func(e *content.External) { e.URL = strings.Replace(e.URL, "here", "", 1) },
		"other path":  func(e *content.External) { e.URL += "/../x" },
		"no url":      func(e *content.External) { e.URL = "" },
		"short key":   func(e *content.External) { e.Key = e.Key[1:] },
		"no key":      func(e *content.External) { e.Key = nil },
		"long nonce":  func(e *content.External) { e.Nonce = make([]byte, 12) },
		"huge":        func(e *content.External) { e.Size = attach.MaxSize + 1 },
		"most bits":   func(e *content.External) { e.Size = 1 << 63 },
		"broken url":  func(e *content.External) { e.URL = "https://%zz" },
		"credentials": func(e *content.External) { e.URL = "https://here@there/v1/blobs/x" },
	} {
		e := good()
		change(e)
		if host, _, err := records.BlobOf(e); err == nil {
			t.Errorf("%s: accepted, at %q", name, host)
		}
	}
}

// oneFile is a file system where every path is the same file.
type oneFile []byte

type closing struct{ *bytes.Reader }

func (closing) Close() error { return nil }

func (f oneFile) Open(path string) (backend.Source, error) {
	return backend.Source{ReadSeekCloser: closing{bytes.NewReader(f)}, Path: path, Name: path}, nil
}

func (oneFile) Part(string, string) (backend.Part, error) { return nil, attachments.ErrNoFiles }

// An upload to a server that does not take it ends, to be tried again.
func TestStalledUploadsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transfers := &attachments.Transfers{Transport: &OneBlob{}, Files: oneFile(make([]byte, 100_000))}
		u, err := transfers.PrepareUpload("file")
		fatal(t, err)
		began := time.Now()
		if err := transfers.Upload(t.Context(), "here", u, 0, chat.ProgressEvent{}); !link.Retryable(err) {
			t.Errorf("a stalled upload ended with %v", err)
		}
		if err := transfers.UploadStash(t.Context(), "here", u.Token, make([]byte, 2000)); !link.Retryable(err) {
			t.Errorf("a stalled stash ended with %v", err)
		}
		if took := time.Since(began); took > 10*time.Minute {
			t.Errorf("it took %v", took)
		}
	})
}

// A download of which nothing comes any more ends, and goes on from there.
func TestStalledDownloadsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plain := make([]byte, 300_000)
		s := SendFile(t, "film", "here", plain)
		defer s.Close()
		s.Blob.Cut, s.Blob.Stuck = 200_000, true
		began := time.Now()
		_, _, err := s.Files().Open(t.Context(), s.Conv, s.ID, s.Index)
		if took := time.Since(began); !link.Retryable(err) || took > 2*attachments.StallTime {
			t.Errorf("after %v: %v", took, err)
		}
		s.Blob.Cut, s.Blob.Stuck = 0, false
		f, size, err := s.Files().Open(t.Context(), s.Conv, s.ID, s.Index)
		fatal(t, err)
		fatal(t, f.Close())
		if size != int64(len(plain)) {
			t.Errorf("%d bytes", size)
		}
	})
}
