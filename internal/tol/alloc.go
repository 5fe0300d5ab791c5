package tol

import (
	"runtime"
	"runtime/metrics"
	"testing"
)

// AllocatesAtMost does the work and fails the test if that allocates more bytes than most, which a fuzz target makes of the size of its
// input: a + b·len(input). Bytes that were freed again count too, so a bound on them bounds memory and, roughly, time.
//
// The work may be done up to three times and must do the same each time: the runtime's cheap counter runs ahead or behind by up to a span
// for each size of object (some hundred kB together), and other goroutines of the process count with it. So only work that is over the
// bound by the cheap counter is done again, counted exactly, and the least figure counts. Tests that run in parallel would count each other.
func AllocatesAtMost(t testing.TB, most int64, work func()) {
	t.Helper()
	counter := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(counter)
	before := counter[0].Value.Uint64()
	work()
	metrics.Read(counter)
	got := int64(counter[0].Value.Uint64() - before)
	for range 2 {
		if got <= most {
			return
		}
		var from, to runtime.MemStats
		runtime.ReadMemStats(&from)
		work()
		runtime.ReadMemStats(&to)
		got = min(got, int64(to.TotalAlloc-from.TotalAlloc))
	}
	if got > most {
		t.Errorf("allocates %d bytes; at most %d follow from the size of the input", got, most)
	}
}
