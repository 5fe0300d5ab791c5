package cpu

import (
	"context"
	"fmt"
	"runtime"
	"testing"
)

// BenchmarkHeadTile scores with the head in its tiles and in one of all rows and the whole vocabulary: what streaming it saves. The memory is
// that of the heap after a pass, the engine's buffers among it.
func BenchmarkHeadTile(b *testing.B) {
	d, c := open(b, smollm2(b), "config.json")
	batch := benchBatch(c)
	p, err := newPlan(batch, c)
	if err != nil {
		b.Fatal(err)
	}
	for _, tile := range []struct{ rows, vocab int }{{headRows, headVocab}, {len(p.target), c.Vocab}} {
		b.Run(fmt.Sprintf("%dx%d", tile.rows, tile.vocab), func(b *testing.B) {
			s, err := NewScorer(d, c, Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			e := s.(*Engine)
			e.headRows, e.headVocab = tile.rows, tile.vocab
			for b.Loop() {
				if _, err := s.Score(context.Background(), batch, 0); err != nil {
					b.Fatal(err)
				}
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.HeapAlloc)/1e6, "MB")
			report(b, len(p.tokens), flops(c, p))
		})
	}
}
