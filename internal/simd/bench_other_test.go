//go:build !amd64

package simd

import "testing"

// report adds the rate of a benchmark of so many operations a turn.
func report(b *testing.B, threads int, operations float64) {
	b.ReportMetric(operations*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}
