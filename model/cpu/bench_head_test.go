package cpu

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
)

// BenchmarkHeadTile scores with the head in its tiles and in one of all rows and the whole vocabulary: what streaming it saves. The memory
// is the most that the process had up to then, so the order matters: the small tiles come first.
func BenchmarkHeadTile(b *testing.B) {
	d, c := open(b, smollm2(b), "config.json")
	batch := benchBatch(c)
	var p plan
	if err := p.lay(batch, c); err != nil {
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
			score := func() {
				if _, err := s.Score(context.Background(), batch, 0); err != nil {
					b.Fatal(err)
				}
			}
			score() // the buffers are there from here on
			for b.Loop() {
				score()
			}
			if kB, ok := peakKB(); ok {
				b.ReportMetric(kB/1e3*1.024, "MB")
			}
			report(b, len(p.tokens), flops(c, &p))
		})
	}
}

// peakKB is the most memory that this process had, in units of 1,024 bytes; false where there is no /proc.
func peakKB() (kB float64, ok bool) {
	text, err := os.ReadFile("/proc/self/status")
	_, rest, found := strings.Cut(string(text), "VmHWM:")
	if err != nil || !found {
		return 0, false
	}
	_, err = fmt.Sscan(rest, &kB)
	return kB, err == nil
}
