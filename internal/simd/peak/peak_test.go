package peak

import "testing"

// The loops run, on more threads than one, and a peak is no less than each of the loops it is made of could do in a bad moment.
func TestLoops(t *testing.T) {
	for _, l := range Loops() {
		for _, threads := range []int{1, 2} {
			if rate := l.Rate(threads, 1000); !(rate > 1e8) {
				t.Errorf("%s on %d threads: %g operations a second", l.Name, threads, rate)
			}
		}
	}
	if rate := Float32(1, 1000); len(Loops()) > 0 && !(rate > 0) {
		t.Errorf("a peak of %g", rate)
	}
}

func BenchmarkLoops(b *testing.B) {
	for _, l := range Loops() {
		b.Run(l.Name, func(b *testing.B) {
			rate := 0.0
			for b.Loop() {
				rate = max(rate, l.Rate(1, 200_000))
			}
			b.ReportMetric(rate/1e9, "GFLOP/s")
		})
	}
}
