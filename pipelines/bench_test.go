package pipelines_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/pipelines"
	"github.com/steelyard-ml/steelyard/runners"
)

// BenchmarkPrecompute makes a cache of the demonstration's pairs under its model.
func BenchmarkPrecompute(b *testing.B) {
	for _, runner := range runners.Names() {
		b.Run("runner="+runner, func(b *testing.B) {
			rows, tokens := int64(0), int64(0)
			for b.Loop() {
				o := options(b, runner)
				o.Inputs = []string{filepath.Join(tol.Root(b), "testdata", "demo", "pairs.json")}
				s, err := pipelines.RunPrecompute(b.Context(), o)
				if err != nil {
					b.Fatal(err)
				}
				rows += s.Run.Counts.Rows
				tokens += s.Run.Counts.Tokens
				os.RemoveAll(o.Cache)
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}
