package simd

import (
	"time"

	"golang.org/x/sys/unix"
)

// now reads the clock of a benchmark: the calling thread's time on a processor where it works alone, so that other programs' turns don't
// count, and the wall's where threads wait for one another.
func now(threads int) time.Duration {
	if threads > 1 {
		return time.Duration(time.Now().UnixNano())
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		panic(err)
	}
	return time.Duration(ts.Nano())
}
