// SPDX-License-Identifier: AGPL-3.0-or-later

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/securecrypt/securecrypt/internal/testing/e2e/fault"
)

// A faultCase is what goes wrong: a side goes back in time, runs twice, or has a
// wrong clock.
type faultCase struct {
	// row is the fault's row of the table in docs/faults.md; variant tells
	// faults of one row apart.
	row, variant string
	// start happens before there are accounts, backup when the situation is
	// prepared, strike after alice has sent. healed is what has to be true when
	// things are right again; then people talk once more.
	start, backup, strike, healed string
	// ended says that alice's side of a conversation in which she wrote since
	// the backup is over, so that she needs the exit.
	ended bool
	// told is what the script reads in every situation.
	told []string
}

const (
	sc      = "exec securecrypt --home "
	restart = "stop-server S\n%sserver S\n"
	// Who sent something has to come back for it to be sent again.
	online = sc + "a receive --timeout 5s\n"
	// By how much clocks are wrong.
	ahead, behind, right = "960h", "-960h", "0s"
	// disagree is what alice reads while her clock disagrees with her server's.
	disagree = sc + "a receive --timeout 1s\nstderr 'the clock of this device is 40 days %s that of its server: check its date, time and time zone'\n"
	calm     = sc + "a receive --timeout 1s\n! stderr .\n"
)

var faults = append([]faultCase{
	{
		row:    "server restored",
		backup: fmt.Sprintf(restart, "exec cp -a server-S backup\n"),
		strike: fmt.Sprintf(restart, "exec rm -rf server-S\nexec mv backup server-S\n") + online,
	},
	{
		row: "server emptied",
		strike: fmt.Sprintf(restart, "exec rm -rf server-S\n") +
			"! " + sc + "a receive --timeout 5s\nstderr 'securecrypt register'\n" +
			sc + "a register\n" + sc + "b register\n" + sc + "c register\n" + online,
		told: []string{"securecrypt register"},
	},
	{
		row:    "profile restored",
		backup: "exec cp -a a old\n",
		strike: "exec rm -rf a\nexec mv old a\n! " + sc + "a receive --timeout 5s\nstderr 'securecrypt takeover'\n" + sc + "a takeover\n",
		ended:  true,
		told:   []string{"securecrypt takeover"},
	},
	{
		row:    "profile cloned",
		backup: "exec cp -a a laptop\n",
		strike: "! " + sc + "laptop receive --timeout 5s\nstderr 'two copies'\n! " + sc + "a receive --timeout 5s\nstderr 'securecrypt takeover'\n" + sc + "a takeover\n",
		told:   []string{"two copies", "securecrypt takeover"},
	},
}, clockFaults()...)

// clockFaults are clocks that are wrong by 40 days, longer than anything is kept:
// from the first moment on, until somebody sets them right, or in the middle.
func clockFaults() []faultCase {
	const doubted = "exec securecryptd clock --data server-S\nstdout 'does not trust it'\n"
	const confirmed = doubted + "exec securecryptd clock confirm --data server-S\nexec securecryptd clock --data server-S\nstdout 'trusts it'\n"
	set := func(whose, skew string) string { return "clock " + whose + " " + skew + "\n" }
	says := func(way string) string { return fmt.Sprintf(disagree, way) }
	client := []string{"the clock of this device is 40 days"}
	server := append([]string{"does not trust"}, client...)
	return []faultCase{
		{row: "client clock", variant: "ahead", start: set("a", ahead), strike: says("ahead of"), healed: set("a", right) + calm, told: client},
		{row: "client clock", variant: "behind", start: set("a", behind), strike: says("behind"), healed: set("a", right) + calm, told: client},
		{ // alice and bob are 80 days apart at last
			row: "client clock", variant: "jumps", backup: set("a", ahead) + says("ahead of"),
			strike: set("a", behind) + set("b", ahead) + says("behind"), healed: set("a", right) + set("b", right) + calm, told: client,
		},
		// The first clock that a server sees is the one that it trusts.
		{row: "server clock", variant: "ahead", start: set("server-S", ahead), strike: says("behind"), healed: set("server-S", right) + calm + confirmed, told: server},
		{row: "server clock", variant: "behind", start: set("server-S", behind), strike: says("ahead of"), healed: set("server-S", right) + calm + confirmed, told: server},
		{
			row: "server clock", variant: "jumps", backup: set("server-S", ahead) + doubted + says("behind"),
			strike: set("server-S", behind) + doubted + says("ahead of"), healed: set("server-S", right) + calm, told: server,
		},
	}
}

// A situation is what the fault meets: what there is when the backup is made,
// what happens until the fault, what must have arrived afterwards, and how the
// conversation goes on.
type situation struct {
	column                 string // of the table in docs/faults.md
	before, after, arrived string
	onward, exit           string
	// once is what must be true at last of what was sent before the fault.
	once string
}

const (
	direct = sc + "a send bob@$S_HOST hello\n" + sc + "b accept alice@$S_HOST\n" + sc + "b receive\n"
	group  = sc + "a group create Desk bob@$S_HOST carol@$S_HOST\n" + sc + "b accept Desk\n" + sc + "c accept Desk\n" +
		sc + "a receive --timeout 1s\n" + sc + "a group role Desk bob@$S_HOST owner\n" + sc + "b receive --timeout 1s\n" + sc + "c receive --timeout 1s\n"
	// Who finds a conversation over begins another one by writing again.
	directExit   = "! " + sc + "a send bob@$S_HOST lost\nstderr 'begin a new conversation'\n"
	directOnward = sc + "a send bob@$S_HOST from-alice\n" + sc + "b receive --json\nstdout -count=1 '\"text\":\"from-alice\"'\n" +
		sc + "b send alice@$S_HOST from-bob\n" + sc + "a receive --json\nstdout -count=1 '\"text\":\"from-bob\"'\n"
	groupOnward = sc + "a send Desk from-alice\n" + sc + "b receive --json\nstdout -count=1 '\"text\":\"from-alice\"'\n" +
		sc + "c send Desk from-carol\n" + sc + "a receive --json\nstdout -count=1 '\"text\":\"from-carol\"'\n"
	// Nobody has anything twice.
	onceThere  = " --json\nstdout -count=1 '\"text\":\"after-backup\"'\n"
	directOnce = sc + "a history bob@$S_HOST" + onceThere + sc + "b history alice@$S_HOST" + onceThere
	groupOnce  = sc + "a history Desk" + onceThere + sc + "b history Desk" + onceThere + sc + "c history Desk" + onceThere
	// Who went on with an older profile is removed and added again.
	groupExit = sc + "b group role Desk alice@$S_HOST member\n" + sc + "b group remove Desk alice@$S_HOST\n" + sc + "b group add Desk alice@$S_HOST\n" + sc + "a receive --timeout 15s\n"
)

var situations = []situation{
	{
		column: "pair", before: direct, after: sc + "a send bob@$S_HOST after-backup\n",
		arrived: sc + "b receive --json\nstdout -count=1 '\"text\":\"after-backup\"'\n", onward: directOnward, exit: directExit, once: directOnce,
	},
	{
		column: "group of three", before: group, after: sc + "a send Desk after-backup\n",
		arrived: sc + "b receive --json\nstdout -count=1 '\"text\":\"after-backup\"'\n" + sc + "c receive --json\nstdout -count=1 '\"text\":\"after-backup\"'\n",
		onward:  groupOnward, exit: groupExit, once: groupOnce,
	},
	{
		column: "pending request", after: sc + "a send bob@$S_HOST after-backup\n",
		arrived: sc + "b requests\nstdout 'alice@'\n" + sc + "b accept alice@$S_HOST\n" + sc + "b receive --json\nstdout -count=1 '\"text\":\"after-backup\"'\n",
		onward:  directOnward, once: directOnce,
	},
	{
		column: "file on its way", before: direct, after: sc + "a send bob@$S_HOST --attach file after-backup\n",
		arrived: sc + "b receive --json --save in\nstdout -count=1 '\"text\":\"after-backup\"'\nsame file in/file\n", onward: directOnward, exit: directExit, once: directOnce,
	},
	{
		column: "commit on its way", before: group, after: sc + "a group rename Desk 'The Desk'\n" + sc + "a group rename 'The Desk' Newsroom\n" + sc + "a group rename Newsroom Desk\n" + sc + "a send Desk after-backup\n",
		arrived: sc + "b receive --json\nstdout -count=1 '\"text\":\"after-backup\"'\n" + sc + "c receive --json\nstdout -count=1 '\"text\":\"after-backup\"'\n",
		onward:  groupOnward, exit: groupExit, once: groupOnce,
	},
	{
		column: "disappearing messages", before: direct + sc + "a timer bob@$S_HOST 1h\n" + sc + "b receive --timeout 1s\n", after: sc + "a send bob@$S_HOST after-backup\n",
		arrived: sc + "b receive --json\nstdout -count=1 '\"text\":\"after-backup\"'\n" + sc + "b conversations --json\nstdout '\"timer\":3600'\n", onward: directOnward, exit: directExit, once: directOnce,
	},
}

// The table in docs/faults.md has the cases that are tested, and says what people
// read in them.
func TestFaultTable(t *testing.T) {
	tables, err := fault.Read()
	must(t, err)
	tests := map[fault.Case][]string{}
	for _, f := range faults {
		for _, s := range situations {
			told := f.told
			if f.ended && s.exit == directExit {
				told = append(slices.Clone(told), "begin a new conversation")
			}
			for _, words := range told {
				if script := faultScript(f, s); !strings.Contains(script, words) {
					t.Errorf("the script of %s, %s does not read %q", f.row, s.column, words)
				}
			}
			tests[fault.Case{Row: f.row, Column: s.column}] = told
		}
	}
	for _, difference := range tables.Differences("Command line", tests) {
		t.Error(difference)
	}
}

// TestFaults has each fault meet each situation, with the real programs: nothing
// that was acknowledged is lost, nothing comes twice, and people can go on. The
// table stands in docs/faults.md.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes minutes; make test runs it without -short")
	}
	dir := t.TempDir()
	for _, f := range faults {
		for _, s := range situations {
			name := strings.ReplaceAll(strings.TrimSuffix(f.row+" "+f.variant, " ")+"-"+s.column, " ", "-")
			must(t, os.WriteFile(filepath.Join(dir, name+".txt"), []byte(faultScript(f, s)), 0o600))
		}
	}
	runScripts(t, dir)
}

// runScripts runs the scripts of a folder, with profiles without a passphrase.
func runScripts(t *testing.T, dir string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			err := setUp(env)
			env.Setenv("SECURECRYPT_PASSPHRASE", "")
			return err
		},
		Cmds: scriptCommands, Deadline: time.Now().Add(25 * time.Minute),
	})
}

// TestFaultsEndLater has what takes until the other one's device notices that a profile
// was put back: a quarter of an hour later it finds that nothing was heard since.
func TestFaultsEndLater(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute; make test runs it without -short")
	}
	const people = "[!exec:cp] skip 'cp copies the folders'\nserver S\n" +
		sc + "a init --server $S_URL --name alice --no-passphrase\n" + sc + "b init --server $S_URL --name bob --no-passphrase\n"
	const putBack = "exec rm -rf a\nexec mv old a\n" + sc + "a takeover\n"
	const later = "clock b 15m\n" + sc + "b receive --timeout 3s\n" + sc + "a receive --timeout 3s\n"
	dir := t.TempDir()
	for name, script := range map[string]string{
		// A request that the newer copy has fetched.
		"request": people + "exec cp -a a old\n" + sc + "b send alice@$S_HOST hello\n" + sc + "a requests\n" + sc + "a receive --timeout 3s\n" + sc + "a requests\nstdout bob@\n" +
			putBack + sc + "a receive --timeout 3s\n" + sc + "a requests\n! stdout bob@\n" +
			later + sc + "a requests\nstdout bob@\n" + sc + "a accept bob@$S_HOST\n" + sc + "a history bob@$S_HOST\nstdout -count=1 hello\n",
		// What bob writes into a conversation that is over for alice.
		"old conversation": people + direct + "exec cp -a a old\n" + sc + "a send bob@$S_HOST one\n" + putBack + sc + "a receive --timeout 3s\n" + sc + "b receive\n" +
			sc + "b send alice@$S_HOST two\n" + sc + "a receive --timeout 3s\n! stdout two\n" + sc + "b history alice@$S_HOST --json\nstdout '\"text\":\"two\".*\"state\":\"sent\"'\n" +
			"clock b 15m\n" + sc + "b receive --timeout 3s\n" + sc + "a receive --timeout 3s\nstdout -count=1 two\n" + sc + "a receive --timeout 3s\n" + sc + "b receive --timeout 3s\n" +
			sc + "b history alice@$S_HOST --json\nstdout '\"text\":\"two\".*\"state\":\"delivered\"'\n" + sc + "a send bob@$S_HOST three\n" + sc + "b receive --timeout 3s\nstdout three\n",
	} {
		must(t, os.WriteFile(filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".txt"), []byte(script), 0o600))
	}
	runScripts(t, dir)
}

func faultScript(f faultCase, s situation) string {
	var script strings.Builder
	script.WriteString("[!exec:cp] skip 'cp copies the folders'\n" + f.start + "server S\nmkfile file 1\n")
	for home, name := range map[string]string{"a": "alice", "b": "bob", "c": "carol"} {
		fmt.Fprintf(&script, "%s%s init --server $S_URL --name %s --no-passphrase\n", sc, home, name)
	}
	script.WriteString(s.before + f.backup + s.after + f.strike + s.arrived)
	if f.ended {
		script.WriteString(s.exit)
	}
	script.WriteString(s.onward)
	if f.healed != "" {
		script.WriteString(f.healed + s.onward)
	}
	if !f.ended {
		script.WriteString(s.once)
	}
	return script.String()
}
