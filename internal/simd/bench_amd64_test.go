package simd

import (
	"fmt"
	"sync"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/simd/peak"
)

// peakRate measures the peak of so many threads at once, in operations a second.
func peakRate(threads int) float64 { return peak.Float32(threads, 200_000) }

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
	if Active() != Generic {
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
