package lifeline

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestMain lets the test binary be a worker that holds a line until it is killed.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "hold" {
		ended, err := Hold(os.Args[2], os.Args[3])
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("holding")
		<-ended
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// line returns a line and what is sent to when a worker is lost.
func line(t *testing.T) (*Line, <-chan struct{}) {
	t.Helper()
	lost := make(chan struct{}, 10)
	l, err := New(func() { lost <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l, lost
}

func within(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: nothing in 10 s", what)
	}
}

// worker starts a process that holds the line.
func worker(t *testing.T, l *Line) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "hold", l.Address(), l.Token())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	if said, err := bufio.NewReader(out).ReadString('\n'); err != nil || said != "holding\n" {
		t.Fatalf("the worker says %q, %v", said, err)
	}
	return cmd
}

func TestKilledWorkerIsNoticed(t *testing.T) {
	l, lost := line(t)
	cmd := worker(t, l)
	select {
	case <-lost:
		t.Fatal("a worker that is there counts as lost")
	case <-time.After(50 * time.Millisecond):
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	within(t, "the launcher of a killed worker", lost)
	_ = cmd.Wait()
}

func TestWorkerSeesTheLauncherHangUp(t *testing.T) {
	l, lost := line(t)
	cmd := worker(t, l)
	l.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("the worker: %v, want exit code 0", err)
	}
	if len(lost) > 0 {
		t.Error("a worker that was let go counts as lost")
	}
}

func TestStrangersDontCount(t *testing.T) {
	l, lost := line(t)
	for _, says := range []string{"", "\n", "GET / HTTP/1.1\r\n\r\n", l.Token()[1:] + "x\n"} {
		conn, err := net.Dial("tcp", l.Address())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, says)
		conn.Close()
	}
	ended, err := Hold(l.Address(), "another token")
	if err != nil {
		t.Fatal(err)
	}
	within(t, "a stranger", ended) // is hung up on
	l.Close()
	if len(lost) > 0 {
		t.Errorf("%d strangers count as lost workers", len(lost))
	}
	if _, err := Hold(l.Address(), l.Token()); err == nil {
		t.Error("a line that is closed can be held")
	}
}
