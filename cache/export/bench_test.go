package export

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/steelyard-ml/steelyard/cache/cachetest"
	"github.com/steelyard-ml/steelyard/schemas"
)

// Rows a second, and the heap's greatest size, which grows until the readers hold as many row groups as they keep, and no further.
func BenchmarkWrite(b *testing.B) {
	for _, n := range []int{200_000, 600_000} {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			st := cacheDir(b)
			o := cachetest.Options("r1")
			claim := cachetest.Begin(b, st, cachetest.Run("r1"))
			rows := make([]schemas.CachedPair, n)
			for i := range rows {
				rows[i] = cachetest.Pair(uint64(i), 100, schemas.Source{Pos: int64(i)})
			}
			cachetest.Do(b, st, cachetest.Commit("r1", claim.Base, cachetest.Stage(b, st, o, rows, n)))
			rows = nil
			s := open(b, st)
			peak := uint64(0)
			note := func(p Progress) {
				if p.Rows%5000 == 0 {
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					peak = max(peak, m.HeapAlloc)
				}
			}
			b.ResetTimer()
			for i := range b.N {
				if _, err := Write(b.Context(), s, st, fmt.Sprintf("out-%d.parquet", i), Options{Progress: note}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(peak)/1e6, "peak-MB")
		})
	}
}
