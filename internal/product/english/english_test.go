// SPDX-License-Identifier: AGPL-3.0-or-later

package english

import (
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
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

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		-1: "0 B", 0: "0 B", 9: "9 B", 999: "999 B", 1000: "1.0 kB", 1024: "1.0 kB", 1_540_000: "1.5 MB", 9_960_000: "10 MB", 83_400_000: "83 MB",
		2 << 30: "2.1 GB", 1 << 62: "4.6 EB",
	} {
		if got := Size(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
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
		notice chat.Notice
		want   string
	}{
		{ana, chat.Notice{Kind: chat.NoticeAdded, Whom: bo}, "Ana added Bo"},
		{ana, chat.Notice{Kind: chat.NoticeAdded, Whom: me}, "Ana added you"},
		{me, chat.Notice{Kind: chat.NoticeRemoved, Whom: bo}, "You removed Bo"},
		{bo, chat.Notice{Kind: chat.NoticeLeft}, "Bo left"},
		{me, chat.Notice{Kind: chat.NoticeLeft}, "You left"},
		{ana, chat.Notice{Kind: chat.NoticeRenamed, Title: `a "b"`}, `Ana renamed the group to "a \"b\""`},
		{ana, chat.Notice{Kind: chat.NoticeTimer, Timer: 24 * time.Hour}, "Ana set messages to disappear after 24 hours"},
		{ana, chat.Notice{Kind: chat.NoticeTimer}, "Ana set messages to stay"},
		{ana, chat.Notice{Kind: chat.NoticeRole, Whom: bo, Role: chat.RoleAdmin}, "Ana made Bo an administrator"},
		{ana, chat.Notice{Kind: chat.NoticeRole, Whom: me}, "Ana made you an ordinary member"},
		{me, chat.Notice{Kind: chat.NoticeRole, Whom: bo, Role: chat.RoleOwner}, "You made Bo an owner"},
		{me, chat.Notice{Kind: chat.NoticeNotAdded, Whom: bo, Reason: "no such account"}, "Bo could not be added: no such account"},
		{ana, chat.Notice{Kind: chat.NoticeMissing}, "What was said here for a while did not reach this device; if you need it, ask somebody to repeat it"},
		{ana, chat.Notice{Kind: chat.NoticeDeviceAdded}, "Ana added a device"},
		{ana, chat.Notice{Kind: chat.NoticeDeviceRemoved}, "One of the devices of Ana was removed"},
		{ana, chat.Notice{Kind: chat.NoticeProfile, Title: "Bo"}, `Ana now goes by "Bo"; here they keep the name that you verified`},
		{me, chat.Notice{}, "what was stored"},
	} {
		m := chat.Message{From: c.from, Text: "what was stored", Notice: &c.notice}
		if got := Notice(&m, me, name); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	m := chat.Message{From: me, Notice: &chat.Notice{Kind: chat.NoticeLeft}}
	if got := Notice(&m, account.Address{}, name); got != "me@x.example left" {
		t.Errorf("without a reader: %q", got)
	}
}
