package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/container/pool"

	"github.com/steelyard-ml/steelyard/internal/tol"
)

func init() { programs["workerpool"] = serveWorkers }

// serveWorkers is `boot --worker_pool` on a port of one's choice: workerpool PORT BOOT.
func serveWorkers() {
	port, err := strconv.Atoi(os.Args[1])
	if err == nil {
		var p *pool.Process
		if p, err = pool.New(context.Background(), port, os.Args[2]); err == nil {
			err = p.ServeAndWait()
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// boot is Beam's boot, built from the pinned module.
var boot = sync.OnceValues(func() (string, error) {
	steelyard, err := exec.LookPath("steelyard")
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(steelyard), "boot") // a directory that goes with the tests
	out, err := exec.Command("go", "build", "-o", path, "github.com/apache/beam/sdks/v2/go/container").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// A workerPool is a pool of worker processes of its own, in another directory and without any environment of ours.
type workerPool struct {
	address string
	cmd     *exec.Cmd
	log     string   // the file of what the pool, boot and workers print
	old     []string // copies of the program that were there before
}

func startPool(t *testing.T) *workerPool {
	t.Helper()
	if testing.Short() {
		t.Skip("builds Beam's boot and starts processes")
	}
	path, err := boot()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	// Boot keeps what it is sent under --semi_persist_dir, which a pool has no flag for.
	script := filepath.Join(dir, "boot.sh")
	text := fmt.Sprintf("#!/bin/sh\nexec %q \"$@\" --semi_persist_dir=%q\n", path, dir)
	if err := os.WriteFile(script, []byte(text), 0o777); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &workerPool{address: free.Addr().String(), log: filepath.Join(dir, "log")}
	p.old = p.copies(t, program)
	_, port, _ := net.SplitHostPort(p.address)
	free.Close()
	log, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	path, err = exec.LookPath("workerpool")
	if err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command(path, port, script)
	p.cmd.Dir, p.cmd.Env = dir, []string{"PATH=/usr/bin:/bin"}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its workers are known by that
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		_ = p.cmd.Wait()
		p.eventually(t, "a worker process is left", func() bool { return len(p.workers(t)) == 0 })
		for _, path := range p.copies(t, program) { // of workers that were killed before they could
			os.RemoveAll(filepath.Dir(path))
		}
		if t.Failed() {
			t.Logf("the pool printed:\n%s", readFile(t, p.log))
		}
	})
	p.eventually(t, "no pool at "+p.address, func() bool {
		conn, err := net.Dial("tcp", p.address)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
	return p
}

// eventually waits for a condition, and fails with what it means that it never comes about.
func (p *workerPool) eventually(t *testing.T, otherwise string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !cond(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s after 20 s", otherwise)
		}
	}
}

// program is this one.
const program = "/proc/self/exe"

// copies are those of a file that boot has made in /tmp, as it does for every worker, and nobody removed.
func (p *workerPool) copies(t *testing.T, of string) []string {
	t.Helper()
	begin := func(path string) string { // of a program, the build's id is in there
		f, err := os.Open(path)
		if err != nil {
			return ""
		}
		defer f.Close()
		b := make([]byte, 4096)
		n, _ := io.ReadFull(f, b)
		return string(b[:n])
	}
	files, err := filepath.Glob("/tmp/bin*/worker")
	if err != nil {
		t.Fatal(err)
	}
	want := begin(of)
	return slices.DeleteFunc(files, func(path string) bool { return begin(path) != want || slices.Contains(p.old, path) })
}

// on are the flags of a run on the pool.
func (p *workerPool) on() []string {
	return []string{"--runner=prism", "--environment_type=EXTERNAL", "--environment_config=" + p.address}
}

// A child is a process that the pool or boot started.
type child struct {
	pid int
	cpu time.Duration // it has used
}

// workers are the pool's worker processes that are alive.
func (p *workerPool) workers(t *testing.T) []child { return p.children(t, "--worker=true") }

// children are the processes of the pool's group whose first argument begins in a way.
func (p *workerPool) children(t *testing.T, first string) []child {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var out []child
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		command, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		args := strings.Split(string(command), "\x00")
		if err != nil || len(args) < 2 || !strings.HasPrefix(args[1], first) {
			continue
		}
		stat, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue // it has just ended
		}
		// After the name: state, parent, process group, eight more, then the user's time in hundredths of a second.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if fields[0] == "Z" || fields[2] != strconv.Itoa(p.cmd.Process.Pid) {
			continue
		}
		ticks, err := strconv.ParseInt(fields[11], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, child{pid, time.Duration(ticks) * 10 * time.Millisecond})
	}
	return out
}

// atWork waits until a worker has computed for a while and returns it.
func (p *workerPool) atWork(t *testing.T) child {
	t.Helper()
	var found child
	p.eventually(t, "no worker at work", func() bool {
		for _, w := range p.workers(t) {
			if w.cpu > time.Second {
				found = w
			}
		}
		return found.pid != 0
	})
	return found
}

// splitPairs writes the embedded pairs to five files in dir, rows/N.jsonl, copies times each with a prompt of its own, and one line that
// is no JSON. The model is beside them, so that everything has a name relative to dir.
func splitPairs(t *testing.T, dir string, copies int) {
	t.Helper()
	_, path := demoFiles(t)
	writeRows(t, filepath.Join(dir, "rows"), readFile(t, path), copies)
	if err := os.Symlink(filepath.Join(tol.Root(t), "testdata", "demo", "model"), filepath.Join(dir, "model")); err != nil {
		t.Fatal(err)
	}
}
