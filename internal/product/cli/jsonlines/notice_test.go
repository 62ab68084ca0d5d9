// SPDX-License-Identifier: AGPL-3.0-or-later

package jsonlines

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
)

// A notice has in JSON what docs/cli.md says of its kind.
func TestNoticesInJSON(t *testing.T) {
	bob := account.Address{Name: "bob", Host: "chat.example"}
	for _, one := range []struct {
		notice chat.Notice
		want   string
	}{
		{chat.Notice{Kind: chat.NoticeOther}, `{"kind":"other"}`},
		{chat.Notice{Kind: chat.NoticeAdded, Whom: bob}, `{"kind":"added","whom":"bob@chat.example"}`},
		{chat.Notice{Kind: chat.NoticeRemoved, Whom: bob}, `{"kind":"removed","whom":"bob@chat.example"}`},
		{chat.Notice{Kind: chat.NoticeLeft}, `{"kind":"left"}`},
		{chat.Notice{Kind: chat.NoticeRenamed, Title: "Desk"}, `{"kind":"renamed","title":"Desk"}`},
		{chat.Notice{Kind: chat.NoticeTimer, Timer: time.Hour}, `{"kind":"timer","timer":3600}`},
		{chat.Notice{Kind: chat.NoticeTimer}, `{"kind":"timer","timer":0}`},
		{chat.Notice{Kind: chat.NoticeRole, Whom: bob, Role: chat.RoleAdmin}, `{"kind":"role","whom":"bob@chat.example","role":"admin"}`},
		{chat.Notice{Kind: chat.NoticeNotAdded, Whom: bob, Reason: "no such account"}, `{"kind":"not-added","whom":"bob@chat.example","reason":"no such account"}`},
		{chat.Notice{Kind: chat.NoticeServerWentBack, Count: 3}, `{"kind":"server-went-back","count":3}`},
		{chat.Notice{Kind: chat.NoticeServerWentBack}, `{"kind":"server-went-back","count":0}`},
		{chat.Notice{Kind: chat.NoticeUnreadable}, `{"kind":"unreadable"}`},
		{chat.Notice{Kind: chat.NoticeMissing}, `{"kind":"missing"}`},
		{chat.Notice{Kind: chat.NoticeDeviceAdded}, `{"kind":"device-added"}`},
		{chat.Notice{Kind: chat.NoticeDeviceRemoved}, `{"kind":"device-removed"}`},
		{chat.Notice{Kind: chat.NoticeProfile, Title: "Bobby"}, `{"kind":"profile","title":"Bobby"}`},
	} {
		got, err := json.Marshal(noticeOf(&one.notice))
		if err != nil || string(got) != one.want {
			t.Errorf("%s, %v; want %s", got, err, one.want)
		}
	}
}
