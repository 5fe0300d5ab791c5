package tol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Alone has a job done by this test binary in a process of its own, decodes the result and returns the most bytes that the process held
// at a time beside mapped files (the program's text, keys, an index): RssAnon and RssShmem of /proc, looked at every two milliseconds.
// Temporary files must not lie in a tmpfs, whose mapped files count as RssShmem. The binary's TestMain must call DoAlone with the same
// variable. Where there is no /proc the test is skipped.
func Alone(t testing.TB, variable string, job, result any) (peak int64) {
	t.Helper()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		SkipUnlessRequired(t, "resident memory is read from /proc/PID/status, and this system has none")
	}
	text, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	var out, stderr bytes.Buffer
	c := exec.Command(os.Args[0])
	c.Env, c.Stdout, c.Stderr = append(os.Environ(), variable+"="+string(text)), &out, &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	peak, err = watch(c.Process.Pid, done)
	if err == nil {
		err = json.Unmarshal(out.Bytes(), result)
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", text, err, &stderr)
	}
	return peak
}

// watch returns the peak memory of a process, and its error once it is done.
func watch(pid int, done <-chan error) (peak int64, err error) {
	status := "/proc/" + strconv.Itoa(pid) + "/status"
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err == nil && peak == 0 {
				err = errors.New("the process was never seen in /proc")
			}
			return peak, err
		case <-tick.C:
			if text, err := os.ReadFile(status); err == nil { // else it has just ended
				peak = max(peak, statusBytes(string(text), "RssAnon:")+statusBytes(string(text), "RssShmem:"))
			}
		}
	}
}

// statusBytes returns a field of /proc/PID/status, which are in kB, in bytes. A process that is ending has none.
func statusBytes(text, field string) int64 {
	_, rest, _ := strings.Cut(text, field)
	n, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kB, _ := strconv.ParseInt(n, 10, 64)
	return kB << 10
}

// DoAlone does the job of the variable, prints its result and ends the process. Where the variable is not set it does nothing.
func DoAlone[Job, Result any](variable string, do func(Job) (Result, error)) {
	text := os.Getenv(variable)
	if text == "" {
		return
	}
	var job Job
	err := json.Unmarshal([]byte(text), &job)
	if err == nil {
		var result Result
		if result, err = do(job); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(result)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
