package main

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A launched run is a process of the program.
type launched struct {
	cmd    *exec.Cmd
	stderr strings.Builder
	done   chan struct{}
}

// launch starts the program in a directory.
func launch(t *testing.T, dir string, args ...string) *launched {
	t.Helper()
	path, err := exec.LookPath("steelyard")
	if err != nil {
		t.Fatal(err)
	}
	l := &launched{cmd: exec.Command(path, args...), done: make(chan struct{})}
	l.cmd.Dir, l.cmd.Stderr = dir, &l.stderr
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(l.done)
		_ = l.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = l.cmd.Process.Kill()
		<-l.done
	})
	return l
}

// ends waits for the program to end with an exit code and returns what it said.
func (l *launched) ends(t *testing.T, code int) string {
	t.Helper()
	select {
	case <-l.done:
	case <-time.After(2 * time.Minute):
		t.Fatalf("steelyard %s does not end", strings.Join(l.cmd.Args[1:], " "))
	}
	if got := l.cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("steelyard %s: exit code %d, want %d\n%s", strings.Join(l.cmd.Args[1:], " "), got, code, l.stderr.String())
	}
	if text := l.stderr.String(); strings.Contains(text, "goroutine ") {
		t.Errorf("a stack trace for the user:\n%s", text)
	}
	return l.stderr.String()
}

// kill ends the process as a power cut does, and reports whether it was still there.
func (l *launched) kill() (was bool) {
	_ = l.cmd.Process.Kill()
	<-l.done
	return !l.cmd.ProcessState.Exited()
}
