package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/schemas"
)

// writeRows writes the rows of a JSON array to five JSONL files, as often as copies says, each time with another first message, and a
// line that is no JSON at the end of the last.
func writeRows(t *testing.T, dir string, array []byte, copies int) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	const files = 5
	var text [files]strings.Builder
	for n := range copies {
		var rows []struct {
			Conversations []struct {
				From  string `json:"from"`
				Value string `json:"value"`
			} `json:"conversations"`
			Chosen   json.RawMessage `json:"chosen"`
			Rejected json.RawMessage `json:"rejected"`
		}
		if err := json.Unmarshal(array, &rows); err != nil {
			t.Fatal(err)
		}
		for i, row := range rows {
			row.Conversations[0].Value = fmt.Sprintf("%d. %s", n, row.Conversations[0].Value)
			line, err := json.Marshal(row)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&text[i%files], "%s\n", line)
		}
	}
	text[files-1].WriteString("{\"no\": json\n")
	for i := range files {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.jsonl", i)), []byte(text[i].String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// direct, prism, and prism with worker processes in another directory give the same rows, bit for bit, and the same records, with the
// names that the user gave.
func TestWorkerProcessesGiveTheSameValues(t *testing.T) {
	p := startPool(t)
	dir := t.TempDir()
	splitPairs(t, dir, 1)
	made := func(name string, flags ...string) ([]schemas.CachedPair, map[int64]schemas.Quarantined, schemas.View) {
		args := []string{"precompute", "--model", "model", "--pairs", "rows", "--cache", name, "--beam_strict", "--template-date", "2024-07-26"}
		said := launch(t, dir, append(args, flags...)...).ends(t, exitDone)
		if inside := !strings.Contains(said, "in worker processes"); inside != (name != "pool") {
			t.Errorf("%s: progress in this process: %v:\n%s", name, inside, said)
		}
		cache := filepath.Join(dir, name)
		return rows(t, cache), quarantined(t, cache), onlyView(t, cache)
	}
	want, bad, view := made("direct", "--runner=direct")
	if len(want) < 60 || len(bad) != 2 || len(view.Inputs) != 5 {
		t.Fatalf("direct: %d rows, %d quarantined, %d inputs; want at least 60, 2 and 5", len(want), len(bad), len(view.Inputs))
	}
	for name, flags := range map[string][]string{
		"prism": {"--runner=prism", "--threads=1", "--batch-tokens=1500"},
		"pool":  p.on(),
	} {
		got, gotBad, gotView := made(name, flags...)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: rows differ (-direct +%s):\n%s", name, name, diff)
		}
		if diff := cmp.Diff(bad, gotBad); diff != "" {
			t.Errorf("%s: quarantine differs:\n%s", name, diff)
		}
		if diff := cmp.Diff(view.Inputs, gotView.Inputs); diff != "" {
			t.Errorf("%s: the view's inputs differ:\n%s", name, diff)
		}
		if diff := cmp.Diff(view.Tokens, gotView.Tokens); diff != "" {
			t.Errorf("%s: the view's items differ:\n%s", name, diff)
		}
	}
	for _, in := range view.Inputs {
		if !strings.HasPrefix(in.Path, "rows"+string(filepath.Separator)) {
			t.Errorf("the view names the input %s, and the user said rows", in.Path)
		}
	}
	for _, q := range bad {
		if !strings.HasPrefix(q.Path, "rows"+string(filepath.Separator)) {
			t.Errorf("quarantine names the input %s, and the user said rows", q.Path)
		}
	}
	if log := string(readFile(t, p.log)); strings.Count(log, "starting worker") != 1 {
		t.Errorf("the pool was asked for other than one worker:\n%s", log)
	}
	p.eventually(t, "the worker of a run that is done is left", func() bool { return len(p.workers(t)) == 0 })
	if left := p.copies(t, program); len(left) > 0 {
		t.Errorf("the worker left copies of the program: %q", left)
	}
}

func onlyView(t *testing.T, cache string) schemas.View {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(cache, "views", "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("views %q, %v; want one", files, err)
	}
	var v schemas.View
	if err := json.Unmarshal(readFile(t, files[0]), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// Whatever is killed in the middle of a run on a pool, the run ends in order, and no worker is left.
func TestKilledInTheMiddle(t *testing.T) {
	p := startPool(t)
	dir := t.TempDir()
	splitPairs(t, dir, 12) // a minute of work for one thread
	start := func(cache string, more ...string) *launched {
		args := append([]string{"precompute", "--model", "model", "--pairs", "rows", "--cache", cache, "--threads=1"}, p.on()...)
		return launch(t, dir, append(args, more...)...)
	}
	soon := func(t *testing.T, l *launched, killed time.Time) string {
		t.Helper()
		said := l.ends(t, exitFailed)
		if took := time.Since(killed); took > 15*time.Second {
			t.Errorf("the launcher took %v to see it", took)
		}
		p.eventually(t, "a worker is left", func() bool { return len(p.workers(t)) == 0 })
		return said
	}
	kill := func(t *testing.T, pid int, sig syscall.Signal) time.Time {
		t.Helper()
		if err := syscall.Kill(pid, sig); err != nil {
			t.Fatal(err)
		}
		return time.Now()
	}
	gone := func(t *testing.T, said string) {
		t.Helper()
		if !strings.Contains(said, "the worker process is gone (") || strings.Contains(said, "job-001") {
			t.Errorf("not in words:\n%s", said)
		}
	}
	t.Run("worker", func(t *testing.T) {
		few := []string{"--limit=200", "--roll-every=50ms", "--batch-tokens=1000"}
		l := start("worker", few...)
		p.eventually(t, "no finished part", func() bool {
			receipts, _ := filepath.Glob(filepath.Join(dir, "worker", "tmp", "*", "receipt-*.json"))
			return len(receipts) >= 2
		})
		gone(t, soon(t, l, kill(t, p.atWork(t).pid, syscall.SIGKILL)))
		// What is left is no cache, and the same command makes one of it.
		invoke(t, exitFailed, "verify", "--cache", filepath.Join(dir, "worker"))
		if said := start("worker", few...).ends(t, exitDone); !strings.Contains(said, "took over") {
			t.Errorf("the next run took nothing over:\n%s", said)
		}
		invoke(t, exitDone, "verify", "--cache", filepath.Join(dir, "worker"))
		launch(t, dir, "precompute", "--model", "model", "--pairs", "rows", "--cache", "unharmed", "--limit=200").ends(t, exitDone)
		if diff := cmp.Diff(rows(t, filepath.Join(dir, "unharmed")), rows(t, filepath.Join(dir, "worker"))); diff != "" {
			t.Errorf("rows of a run never killed -, got +:\n%s", diff)
		}
	})
	t.Run("worker that has only begun", func(t *testing.T) {
		l := start("begun")
		p.eventually(t, "no worker", func() bool { return len(p.workers(t)) > 0 })
		gone(t, soon(t, l, kill(t, p.workers(t)[0].pid, syscall.SIGKILL)))
	})
	t.Run("boot", func(t *testing.T) {
		l := start("boot")
		p.atWork(t)
		gone(t, soon(t, l, kill(t, p.children(t, "--id=")[0].pid, syscall.SIGKILL)))
	})
	t.Run("launcher", func(t *testing.T) {
		l := start("launcher")
		p.atWork(t)
		kill(t, l.cmd.Process.Pid, syscall.SIGKILL)
		p.eventually(t, "the worker of a launcher that was killed is left", func() bool { return len(p.workers(t)) == 0 })
	})
	t.Run("interrupt", func(t *testing.T) {
		l := start("interrupt")
		p.atWork(t)
		if said := soon(t, l, kill(t, l.cmd.Process.Pid, syscall.SIGINT)); !strings.Contains(said, "steelyard: interrupted") {
			t.Errorf("not called an interrupt:\n%s", said)
		}
	})
	t.Run("interrupt while starting", func(t *testing.T) {
		for i := range 6 {
			name := fmt.Sprintf("starting%d", i)
			l := start(name)
			p.eventually(t, "no run", func() bool {
				begun, _ := filepath.Glob(filepath.Join(dir, name, "runs", "*.json"))
				return len(begun) > 0
			})
			time.Sleep(time.Duration(i) * 250 * time.Millisecond)
			if said := soon(t, l, kill(t, l.cmd.Process.Pid, syscall.SIGINT)); !strings.Contains(said, "steelyard: interrupted") {
				t.Errorf("%d: not called an interrupt:\n%s", i, said)
			}
		}
	})
	t.Run("pool", func(t *testing.T) { // the last: it is gone then
		l := start("pool", "--limit=200")
		p.atWork(t)
		kill(t, p.cmd.Process.Pid, syscall.SIGKILL)
		l.ends(t, exitDone) // the worker needs no pool to work
		p.eventually(t, "the worker of a pool that was killed is left", func() bool { return len(p.workers(t)) == 0 })
	})
}

// Where no worker can be had, a run says so.
func TestNoWorkerProcess(t *testing.T) {
	p := startPool(t)
	dir := t.TempDir()
	splitPairs(t, dir, 1)
	// A port that nobody listens on, one where a stranger does, and a program that is none.
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	stranger, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	go func() {
		for {
			conn, err := stranger.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			conn.Close()
		}
	}()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("no program\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, path := range p.copies(t, text) {
			os.RemoveAll(filepath.Dir(path))
		}
	})
	for name, c := range map[string]struct {
		code  int
		flags []string
		want  string
	}{
		"nobody":         {exitFailed, []string{"--environment_config=" + nobody.Addr().String()}, "no worker pool answers at " + nobody.Addr().String()},
		"stranger":       {exitFailed, []string{"--environment_config=" + stranger.Addr().String()}, "is no worker pool of Beam"},
		"no program":     {exitFailed, []string{"--worker_binary=" + text}, "the worker process is gone (User program exited: fork/exec"},
		"absent program": {exitUsage, []string{"--worker_binary=" + filepath.Join(dir, "absent")}, "worker_binary: stat "},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"precompute", "--model", "model", "--pairs", "rows", "--cache", filepath.Join(t.TempDir(), "cache")}, p.on()...)
			if said := launch(t, dir, append(args, c.flags...)...).ends(t, c.code); !strings.Contains(said, c.want) {
				t.Errorf("want %q in\n%s", c.want, said)
			}
		})
	}
}
