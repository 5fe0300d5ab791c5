//go:build !amd64

package simd

import "testing"

// report adds a rate, in operations a second.
func report(b *testing.B, _ int, rate float64) {
	b.ReportMetric(rate/1e9, "GFLOP/s")
}
