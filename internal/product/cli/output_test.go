// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
)

// A notice has in JSON what docs/cli.md says of its kind.
func TestNoticesInJSON(t *testing.T) {
	bob := account.Address{Name: "bob", Host: "chat.example"}
	for _, one := range []struct {
		notice client.Notice
		want   string
	}{
		{client.Notice{Kind: client.NoticeOther}, `{"kind":"other"}`},
		{client.Notice{Kind: client.NoticeAdded, Whom: bob}, `{"kind":"added","whom":"bob@chat.example"}`},
		{client.Notice{Kind: client.NoticeRemoved, Whom: bob}, `{"kind":"removed","whom":"bob@chat.example"}`},
		{client.Notice{Kind: client.NoticeLeft}, `{"kind":"left"}`},
		{client.Notice{Kind: client.NoticeRenamed, Title: "Desk"}, `{"kind":"renamed","title":"Desk"}`},
		{client.Notice{Kind: client.NoticeTimer, Timer: time.Hour}, `{"kind":"timer","timer":3600}`},
		{client.Notice{Kind: client.NoticeTimer}, `{"kind":"timer","timer":0}`},
		{client.Notice{Kind: client.NoticeRole, Whom: bob, Role: client.RoleAdmin}, `{"kind":"role","whom":"bob@chat.example","role":"admin"}`},
		{client.Notice{Kind: client.NoticeNotAdded, Whom: bob, Reason: "no such account"}, `{"kind":"not-added","whom":"bob@chat.example","reason":"no such account"}`},
		{client.Notice{Kind: client.NoticeServerWentBack, Count: 3}, `{"kind":"server-went-back","count":3}`},
		{client.Notice{Kind: client.NoticeServerWentBack}, `{"kind":"server-went-back","count":0}`},
		{client.Notice{Kind: client.NoticeUnreadable}, `{"kind":"unreadable"}`},
		{client.Notice{Kind: client.NoticeProfile, Title: "Bobby"}, `{"kind":"profile","title":"Bobby"}`},
	} {
		got, err := json.Marshal(noticeJSON(&one.notice))
		if err != nil || string(got) != one.want {
			t.Errorf("%s, %v; want %s", got, err, one.want)
		}
	}
}
