// SPDX-License-Identifier: AGPL-3.0-or-later

package e2e_test

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/securecrypt/securecrypt/internal/product/cli"
	"github.com/securecrypt/securecrypt/server/daemon"
)

// raceOptions has programs that were built with the race detector end as fast as
// others do. By default each of them waits for a second at its end, in case what
// still runs then has a race; scripts run five hundred programs.
const raceOptions = "atexit_sleep_ms=0"

func TestMain(m *testing.M) {
	if err := os.Setenv("GORACE", raceOptions+" "+os.Getenv("GORACE")); err != nil { // the last counts
		panic(err)
	}
	if dir := os.Getenv(childVar); dir != "" {
		os.Exit(child(dir))
	}
	testscript.Main(m, map[string]func(){
		"securecrypt": func() { os.Exit(cli.MainAt(skewedClock("--home"), os.Args[1:])) },
		"securecryptd": func() {
			os.Exit(daemon.MainAt(skewedClock("--data"), os.Args[1:], os.Stdout, os.Stderr))
		},
	})
}

// pictures are those that the package picture is tested with.
var pictures = func() string {
	path, err := filepath.Abs(filepath.Join("..", "..", "..", "client", "files", "picture", "testdata"))
	if err != nil {
		panic(err)
	}
	return path
}()

// TestScripts runs the scripts. Those that are not about passphrases have profiles
// without one: each command opens a profile, which with a passphrase takes half a
// second of a processor (Argon2id), several times what the rest of the command takes.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:       filepath.Join("..", "..", "..", "testdata", "script"),
		Setup:     setUp,
		Cmds:      scriptCommands,
		Condition: has,
		Deadline:  time.Now().Add(25 * time.Minute),
	})
}

func setUp(env *testscript.Env) error {
	env.Setenv("SECURECRYPT_PASSPHRASE", "correct horse battery staple")
	env.Values[serversKey{}] = map[string]*process{}
	env.Values[lossyKey{}] = map[string]*lossyNetwork{}
	env.Setenv("GORACE", os.Getenv("GORACE"))
	env.Defer(func() { // after the servers have ended
		if err := findRaces(env.WorkDir); err != nil {
			env.T().Log(err)
			env.T().FailNow()
		}
	})
	return nil
}

// findRaces returns an error if a server of a script wrote of a data race. A
// client that has one ends with an error of its own; a server is killed.
func findRaces(dir string) error {
	logs, err := filepath.Glob(filepath.Join(dir, "server-*.log"))
	for _, path := range logs {
		log, rerr := os.ReadFile(path)
		err = errors.Join(err, rerr)
		if _, report, ok := strings.Cut(string(log), "WARNING: DATA RACE"); ok {
			err = errors.Join(err, fmt.Errorf("%s: WARNING: DATA RACE%s", filepath.Base(path), report))
		}
	}
	return err
}

// TestRacesOfServersAreFound has the race detector's report looked for where it
// is written.
func TestRacesOfServersAreFound(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "server-S.log"), []byte("level=INFO\n"), 0o600))
	must(t, findRaces(dir))
	must(t, os.WriteFile(filepath.Join(dir, "server-T.log"), []byte("==================\nWARNING: DATA RACE\nWrite at 0x1\n"), 0o600))
	if err := findRaces(dir); err == nil || !strings.Contains(err.Error(), "server-T.log: WARNING: DATA RACE\nWrite at 0x1") {
		t.Errorf("the report is not found: %v", err)
	}
}

type serversKey struct{}

// The commands that scripts may use beside those of testscript.
var scriptCommands = map[string]func(*testscript.TestScript, bool, []string){
	"server":      startServer,
	"stop-server": func(ts *testscript.TestScript, neg bool, args []string) { endServer(ts, args, syscall.SIGTERM) },
	"kill-server": func(ts *testscript.TestScript, neg bool, args []string) { endServer(ts, args, syscall.SIGKILL) },
	"capture":     capture,
	"mkfile":      makeFile,
	"picture":     copyPicture,
	"same":        sameFiles,
	"crash":       crash,
	"lines":       countLines,
	"waitfor":     waitForFile,
	"hostile":     startHostile,
	"harmless":    checkHarmless,
	"certificate": makeCertificate,
	"proxy":       startProxy,
	"lossy":       lossy,
	"within":      within,
	"exits":       exits,
	"until":       until,
	"clock":       setClock,
	"sshd":        startSSHD,
	"s3":          startS3,
}

// A process is a server that a script started.
type process struct {
	cmd     *exec.Cmd
	dir     string
	listens string
	args    []string
	done    chan struct{} // closed when it has ended
}

func servers(ts *testscript.TestScript) map[string]*process {
	return ts.Value(serversKey{}).(map[string]*process)
}

var (
	readyLine     = regexp.MustCompile(`ready at (https?://(\S+))`)
	listeningLine = regexp.MustCompile(`listening: (\S+)`)
)

// startServer starts a server: server NAME [flags]. It sets $NAME_URL,
// $NAME_HOST and $NAME_LISTENS. A server that was stopped starts again at the same place.
func startServer(ts *testscript.TestScript, neg bool, args []string) {
	name := args[0]
	p := servers(ts)[name]
	if p == nil {
		p = &process{dir: ts.MkAbs("server-" + name), args: args[1:]}
		servers(ts)[name] = p
	}
	listen := "localhost:0" // both addresses, so that clients reach no other test's server
	if p.listens != "" {
		listen = strings.Replace(p.listens, "127.0.0.1:", "localhost:", 1)
	}
	serve := append([]string{"serve", "--data", p.dir, "--listen", listen}, p.args...)
	p.cmd = exec.Command(filepath.Join(binDir(ts), "securecryptd"), serve...)
	stdout, err := p.cmd.StdoutPipe()
	ts.Check(err)
	log, err := os.OpenFile(ts.MkAbs("server-"+name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	p.cmd.Stderr = log
	ts.Check(p.cmd.Start())
	ts.Defer(func() { _ = p.cmd.Process.Kill() })
	p.done = make(chan struct{})
	ready := make(chan []string, 1)
	go func() {
		defer func() { _ = log.Close() }()
		scanner := bufio.NewScanner(stdout)
		var url []string
		for scanner.Scan() {
			if m := readyLine.FindStringSubmatch(scanner.Text()); m != nil {
				url = m
			}
			if m := listeningLine.FindStringSubmatch(scanner.Text()); m != nil {
				ready <- append(url, m[1])
			}
		}
		_ = p.cmd.Wait() // how it ended is the script's business
		close(p.done)
	}()
	select {
	case m := <-ready:
		p.listens = m[3]
		ts.Setenv(name+"_URL", m[1])
		ts.Setenv(name+"_HOST", m[2])
		ts.Setenv(name+"_LISTENS", m[3])
		if n := networks(ts)[name]; n != nil {
			n.address.Store(&m[3])
		}
	case <-p.done:
		ts.Fatalf("the server ended at once: %v", p.cmd.ProcessState)
	case <-time.After(patience):
		ts.Fatalf("the server did not become ready")
	}
}

func binDir(ts *testscript.TestScript) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if _, err := os.Stat(filepath.Join(dir, "securecryptd")); err == nil {
			return dir
		}
	}
	ts.Fatalf("securecryptd is not in the path")
	return ""
}

func endServer(ts *testscript.TestScript, args []string, sig syscall.Signal) {
	p := servers(ts)[args[0]]
	if p == nil {
		ts.Fatalf("no server %s", args[0])
	}
	ts.Check(p.cmd.Process.Signal(sig))
	select {
	case <-p.done:
	case <-time.After(patience):
		ts.Fatalf("the server did not stop")
	}
}

// capture sets a variable from the last output: capture NAME [REGEXP], the
// first group of the match, or the whole first line.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	out := ts.ReadFile("stdout")
	if len(args) == 1 {
		line, _, _ := strings.Cut(out, "\n")
		ts.Setenv(args[0], line)
		return
	}
	m := regexp.MustCompile(args[1]).FindStringSubmatch(out)
	if m == nil {
		ts.Fatalf("%s does not match %q", args[1], out)
	}
	ts.Setenv(args[0], m[1])
}

// makeFile writes pseudorandom bytes: mkfile NAME MIB.
func makeFile(ts *testscript.TestScript, neg bool, args []string) {
	mib, err := strconv.Atoi(args[1])
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = io.CopyN(f, rand.NewChaCha8(sha256.Sum256([]byte(args[0]))), int64(mib)<<20)
	ts.Check(errors.Join(err, f.Close()))
}

// copyPicture brings a picture that says where it was taken: picture NAME.
func copyPicture(ts *testscript.TestScript, neg bool, args []string) {
	b, err := os.ReadFile(filepath.Join(pictures, args[0]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o600))
}

// sameFiles compares files by their hashes.
func sameFiles(ts *testscript.TestScript, neg bool, args []string) {
	if a, b := hashFile(ts, args[0]), hashFile(ts, args[1]); a != b {
		ts.Fatalf("%s and %s differ", args[0], args[1])
	}
}

func hashFile(ts *testscript.TestScript, name string) string {
	f, err := os.Open(ts.MkAbs(name))
	ts.Check(err)
	defer func() { _ = f.Close() }()
	h := sha256.New()
	_, err = io.Copy(h, f)
	ts.Check(err)
	return fmt.Sprintf("%x", h.Sum(nil))
}

// crash runs a command and kills it without warning: crash FILE MIB COMMAND….
// It waits until the file, or any file in the folder of that name, has grown
// to so many MiB.
func crash(ts *testscript.TestScript, neg bool, args []string) {
	mib, err := strconv.Atoi(args[1])
	ts.Check(err)
	cmd := exec.Command(filepath.Join(binDir(ts), args[2]), args[3:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "SECURECRYPT_PASSPHRASE="+ts.Getenv("SECURECRYPT_PASSPHRASE"))
	ts.Check(cmd.Start())
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed
		close(done)
	}()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			ts.Fatalf("the command ended before it could be killed: %v", cmd.ProcessState)
		case <-tick.C:
		}
		if largest(ts.MkAbs(args[0])) >= int64(mib)<<20 {
			ts.Check(cmd.Process.Kill())
			<-done
			return
		}
	}
}

func largest(path string) (n int64) {
	_ = filepath.Walk(path, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			n = max(n, info.Size())
		}
		return nil
	})
	return n
}

// waitForFile waits until a file is there: waitfor FILE.
func waitForFile(ts *testscript.TestScript, neg bool, args []string) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for late := time.Now().Add(patience); time.Now().Before(late); {
		if _, err := os.Lstat(ts.MkAbs(args[0])); err == nil {
			return
		}
		<-tick.C
	}
	ts.Fatalf("%s did not appear", args[0])
}

// within runs a program that has to end in time: within DURATION PROGRAM….
func within(ts *testscript.TestScript, neg bool, args []string) {
	limit, err := time.ParseDuration(args[0])
	ts.Check(err)
	began := time.Now()
	if err := ts.Exec(args[1], args[2:]...); (err != nil) != neg {
		ts.Fatalf("%s ended with %v", args[1], err)
	}
	if took := time.Since(began); took > limit {
		ts.Fatalf("it took %v", took)
	}
}

// until runs a program again and again until its output matches: until REGEXP
// PROGRAM…. The program itself waits for something, for a while.
func until(ts *testscript.TestScript, neg bool, args []string) {
	wanted := regexp.MustCompile(args[0])
	for late := time.Now().Add(patience); ; {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if wanted.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(late) {
			ts.Fatalf("the output never matched %q", args[0])
		}
	}
}

// exits runs a command that must end with a code: exits CODE COMMAND….
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("it ended with %d, want %d", got, want)
	}
}

// countLines checks how many lines the last output has: lines N [REGEXP].
func countLines(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		if len(args) == 1 || regexp.MustCompile(args[1]).MatchString(line) {
			got++
		}
	}
	if got != want {
		ts.Fatalf("%d lines, want %d", got, want)
	}
}
