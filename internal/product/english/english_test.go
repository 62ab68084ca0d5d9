// SPDX-License-Identifier: AGPL-3.0-or-later

package english

import (
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Second: "1 second", 90 * time.Second: "90 seconds", 5 * time.Minute: "5 minutes", time.Hour: "1 hour", 90 * time.Minute: "90 minutes",
		24 * time.Hour: "24 hours", 25 * time.Hour: "25 hours", 48 * time.Hour: "2 days", 7 * 24 * time.Hour: "1 week", 28 * 24 * time.Hour: "4 weeks", 365 * 24 * time.Hour: "365 days",
	} {
		if got := Duration(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestNotice(t *testing.T) {
	me, ana, bo := account.Address{Name: "me", Host: "x.example"}, account.Address{Name: "ana", Host: "x.example"}, account.Address{Name: "bo", Host: "x.example"}
	name := func(a account.Address) string {
		return map[account.Address]string{ana: "Ana", bo: "Bo", me: "me@x.example"}[a]
	}
	for _, c := range []struct {
		from   account.Address
		notice client.Notice
		want   string
	}{
		{ana, client.Notice{Kind: client.NoticeAdded, Whom: bo}, "Ana added Bo"},
		{ana, client.Notice{Kind: client.NoticeAdded, Whom: me}, "Ana added you"},
		{me, client.Notice{Kind: client.NoticeRemoved, Whom: bo}, "You removed Bo"},
		{bo, client.Notice{Kind: client.NoticeLeft}, "Bo left"},
		{me, client.Notice{Kind: client.NoticeLeft}, "You left"},
		{ana, client.Notice{Kind: client.NoticeRenamed, Title: `a "b"`}, `Ana renamed the group to "a \"b\""`},
		{ana, client.Notice{Kind: client.NoticeTimer, Timer: 24 * time.Hour}, "Ana set messages to disappear after 24 hours"},
		{ana, client.Notice{Kind: client.NoticeTimer}, "Ana set messages to stay"},
		{ana, client.Notice{Kind: client.NoticeRole, Whom: bo, Role: client.RoleAdmin}, "Ana made Bo an administrator"},
		{ana, client.Notice{Kind: client.NoticeRole, Whom: me}, "Ana made you an ordinary member"},
		{me, client.Notice{Kind: client.NoticeRole, Whom: bo, Role: client.RoleOwner}, "You made Bo an owner"},
		{me, client.Notice{Kind: client.NoticeNotAdded, Whom: bo, Reason: "no such account"}, "Bo could not be added: no such account"},
		{ana, client.Notice{Kind: client.NoticeProfile, Title: "Bo"}, `Ana now goes by "Bo"; here they keep the name that you verified`},
		{me, client.Notice{}, "what was stored"},
	} {
		m := client.Message{From: c.from, Text: "what was stored", Notice: &c.notice}
		if got := Notice(&m, me, name); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	m := client.Message{From: me, Notice: &client.Notice{Kind: client.NoticeLeft}}
	if got := Notice(&m, account.Address{}, name); got != "me@x.example left" {
		t.Errorf("without a reader: %q", got)
	}
}
