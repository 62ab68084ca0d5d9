// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/securecrypt/securecrypt/mls"
)

func TestParseHeader(t *testing.T) {
	a, b := pair(t)
	c := newClient(t, quick, "c")
	aad := []byte("aad")
	private := a.send("x")
	info := must[[]byte](t)(a.GroupInfo(mls.GroupInfoOptions{}))
	join := c.stageExternal(a.info(), func(p *mls.ExternalJoinParams) { p.AAD = aad })
	s := b.stage(mls.CommitOptions{Add: []*mls.KeyPackage{c.kp}, WireFormat: mls.PublicWire, AAD: aad})
	id, epoch := a.GroupID(), a.Epoch()
	for _, x := range []struct {
		msg  []byte
		want mls.Header
	}{
		{private, mls.Header{Type: mls.MessagePrivate, GroupID: id, Epoch: epoch, ContentType: mls.ContentApplication, AAD: aad}},
		{s.Message(), mls.Header{
			Type: mls.MessagePublic, GroupID: id, Epoch: epoch, ContentType: mls.ContentCommit, AAD: aad,
			SenderType: mls.SenderMember, Sender: b.OwnLeaf(),
		}},
		{join.Message(), mls.Header{
			Type: mls.MessagePublic, GroupID: id, Epoch: epoch, ContentType: mls.ContentCommit, AAD: aad,
			SenderType: mls.SenderNewMemberCommit,
		}},
		{s.WelcomeAll(), mls.Header{Type: mls.MessageWelcome, CipherSuite: quick}},
		{info, mls.Header{Type: mls.MessageGroupInfo, GroupID: id, Epoch: epoch, CipherSuite: quick}},
		{c.kp.Bytes(), mls.Header{Type: mls.MessageKeyPackage, CipherSuite: quick}},
	} {
		got := must[mls.Header](t)(mls.ParseHeader(x.msg))
		if !reflect.DeepEqual(got, x.want) {
			t.Errorf("got %+v instead of %+v", got, x.want)
		}
		for n := range min(len(x.msg), 6) {
			if _, err := mls.ParseHeader(x.msg[:n]); !errors.Is(err, mls.ErrMalformed) {
				t.Fatalf("%d bytes of a message are a header", n)
			}
		}
	}
	if _, err := mls.ParseHeader(bytes.Replace(private, []byte{0, 2}, []byte{0, 9}, 1)); !errors.Is(err, mls.ErrMalformed) {
		t.Fatal(err)
	}
}
