package simd

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/steelyard-ml/steelyard/internal/simd/peak"
)

// peakRate measures the peak of so many threads at once, in operations a second.
func peakRate(threads int) float64 {
	const n = 4_000_000
	var wg sync.WaitGroup
	begin := time.Now()
	for range threads {
		wg.Go(func() { peak.AVX2(n) })
	}
	wg.Wait()
	return 192 * n * float64(threads) / time.Since(begin).Seconds()
}

var peaks = [...]func() float64{1: sync.OnceValue(func() float64 { return peakRate(1) }), 2: sync.OnceValue(func() float64 { return peakRate(2) })}

// report adds the rate of a benchmark of so many operations a turn, and its share of the peak.
func report(b *testing.B, threads int, operations float64) {
	rate := operations * float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(rate/1e9, "GFLOP/s")
	if Active() == AVX2 {
		b.ReportMetric(100*rate/peaks[threads](), "%peak")
	}
}

func BenchmarkPeak(b *testing.B) {
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
			var rate float64
			for b.Loop() {
				rate = max(rate, peakRate(threads))
			}
			b.ReportMetric(rate/1e9, "GFLOP/s")
		})
	}
}
