package runners

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// parent is the process that started this one, asked for as early as can be.
var parent = os.Getppid()

// dieWithParent has the kernel kill this process as soon as boot ends. Boot is itself killed when a worker is no longer wanted, and
// tells nobody; Beam's part of a worker then sleeps for ever, and the model stays in memory.
func dieWithParent() {
	// The kernel keeps this for the thread that asks, so the thread must stay.
	runtime.LockOSThread()
	err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
	if err == nil && os.Getppid() != parent {
		err = errors.New("it has ended already")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "steelyard: the worker can't end with the process that started it:", err)
		os.Exit(1)
	}
}
