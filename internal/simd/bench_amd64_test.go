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
	const n = 200_000
	var wg sync.WaitGroup
	begin := time.Now()
	for range threads {
		wg.Go(func() { peak.AVX2(n) })
	}
	wg.Wait()
	return 192 * n * float64(threads) / time.Since(begin).Seconds()
}

// bestPeak is the best of many.
var bestPeak = [...]func() float64{1: sync.OnceValue(func() float64 { return peakOf(1) }), 2: sync.OnceValue(func() float64 { return peakOf(2) })}

func peakOf(threads int) (rate float64) {
	for range 500 {
		rate = max(rate, peakRate(threads))
	}
	return rate
}

// report adds a rate, in operations a second, and its share of the peak.
func report(b *testing.B, threads int, rate float64) {
	b.ReportMetric(rate/1e9, "GFLOP/s")
	if Active() == AVX2 {
		b.ReportMetric(100*rate/bestPeak[threads](), "%peak")
	}
}

func BenchmarkPeak(b *testing.B) {
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
			var rate float64
			for b.Loop() {
				rate = max(rate, peakRate(threads))
			}
			report(b, threads, rate)
		})
	}
}
