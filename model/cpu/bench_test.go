package cpu

import (
	"context"
	"os"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model"
)

// smollm2 names the directory of SmolLM2-135M-Instruct, or skips.
func smollm2(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("STEELYARD_SMOLLM2")
	if dir == "" {
		tol.SkipUnlessRequired(t, "STEELYARD_SMOLLM2 names no directory of SmolLM2-135M-Instruct")
	}
	return dir
}

// flops counts the operations of a forward pass: two a weight of a layer and a token, two a weight of the head and a scored token, and
// four a query, key and head element of attention, of which half is masked.
func flops(c *model.Config, p *plan) float64 {
	layer := c.Hidden*(c.Heads+2*c.KVHeads)*c.HeadDim + c.Heads*c.HeadDim*c.Hidden + 3*c.Hidden*c.Intermediate
	keys := 0
	for _, pos := range p.pos {
		keys += int(pos) + 1
	}
	return 2*float64(c.Layers)*(float64(len(p.tokens))*float64(layer)+2*float64(keys*c.Heads*c.HeadDim)) +
		2*float64(len(p.target))*float64(c.Vocab*c.Hidden)
}

// benchBatch has four pairs of 128 + 192 + 192 tokens.
func benchBatch(c *model.Config) (b model.Batch) {
	next := int32(1)
	take := func(n int) []int32 {
		ids := make([]int32, n)
		for i := range ids {
			next = (next*16807 + 12345) % int32(c.Vocab)
			ids[i] = max(next, -next)
		}
		return ids
	}
	for range 4 {
		b.Add(take(128), take(192), take(192))
	}
	return b
}

func report(b *testing.B, tokens int, flops float64) {
	seconds := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(flops/seconds/1e9, "GFLOP/s")
	b.ReportMetric(float64(tokens)/seconds, "tokens/s")
}

func BenchmarkScore(b *testing.B) {
	d, c := open(b, smollm2(b), "config.json")
	s, err := NewScorer(d, c, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	batch := benchBatch(c)
	var p plan
	if err := p.lay(batch, c); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Score(context.Background(), batch, 0); err != nil {
			b.Fatal(err)
		}
	}
	report(b, len(p.tokens), flops(c, &p))
}

// What a batch like the last allocates: its result.
func BenchmarkSteadyState(b *testing.B) {
	score, step := smalls[0].steady(b)
	for name, f := range map[string]func(){"Score": score, "ForwardBackward": step} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}

func BenchmarkForwardBackward(b *testing.B) {
	d, c := open(b, smollm2(b), "config.json")
	e, err := NewTrainable(d, c, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	batch := benchBatch(c)
	var p plan
	if err := p.lay(batch, c); err != nil {
		b.Fatal(err)
	}
	dLogp := make([]float32, len(p.target))
	for i := range dLogp {
		dLogp[i] = -1e-3
	}
	for b.Loop() {
		if _, err := e.Forward(context.Background(), batch, 0); err != nil {
			b.Fatal(err)
		}
		if err := e.Backward(context.Background(), dLogp, nil); err != nil {
			b.Fatal(err)
		}
	}
	report(b, len(p.tokens), 3*flops(c, &p))
}
