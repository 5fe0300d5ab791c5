package main

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/steelyard-ml/steelyard/bench/report"
	"github.com/steelyard-ml/steelyard/internal/simd"
)

// Shapes M×N×K: those of SmolLM2-135M and of a model of a billion weights, over which means are taken, and more of SmolLM2's.
var (
	shapes = [][3]int{{1024, 576, 576}, {1024, 1536, 576}, {1024, 576, 1536}, {512, 8192, 576}, {2048, 2048, 2048}, {1024, 5632, 2048},
		{1024, 2048, 5632}, {576, 1536, 1024}}
	others  = [][3]int{{2048, 576, 576}, {2048, 192, 576}, {2048, 960, 576}, {2048, 3072, 576}, {256, 1536, 576}, {256, 192, 576}, {64, 576, 576}}
	layouts = []string{"NT", "NN", "TN"}
)

// gemm measures products of ours and of OpenBLAS in turn.
func (b *bench) gemm(ctx context.Context) error {
	g := &report.Gemm{Rounds: 5, Least: 0.1}
	if b.quick {
		g.Rounds, g.Least = 1, 0.02
	}
	b.report.Gemm = g
	for _, threads := range b.threadCounts() {
		if err := b.gemmOn(ctx, g, threads); err != nil {
			return err
		}
	}
	return nil
}

// gemmOn measures all products on so many threads, one round of them all after the other: what else the machine does for some seconds then
// meets one round of a product, not all.
func (b *bench) gemmOn(ctx context.Context, g *report.Gemm, threads int) error {
	pool := simd.NewPool(threads)
	defer pool.Close()
	var trials []trial
	for i, s := range slices.Concat(shapes, others) {
		for _, layout := range layouts {
			p := report.Product{M: s[0], N: s[1], K: s[2], Layout: layout, Kind: report.Float32, Threads: threads, Counts: i < len(shapes)}
			trials = append(trials, newTrial(p))
		}
	}
	for round := range g.Rounds {
		for i := range trials {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if i%len(layouts) == 0 {
				g.Gauge.Read(threads)
			}
			if err := b.try(&trials[i], pool, g.Least); err != nil {
				return err
			}
		}
		b.say("products on %d threads, round %d of %d", threads, round+1, g.Rounds)
	}
	for _, t := range trials {
		g.Products = append(g.Products, t.products()...)
	}
	return nil
}

// A trial is a product in all its kinds, and the seconds of the fastest turn of each so far; 0 is none.
type trial struct {
	kinds   []report.Product // float32 first
	seconds []float64
	blas    float64
}

// newTrial adds to a float32 product that with weights of bfloat16, where the layout has weights, and that in bfloat16, where the machine has it.
func newTrial(p report.Product) trial {
	t := trial{kinds: []report.Product{p}}
	if p.Layout != "TN" {
		p.Kind = report.BF16Weights
		t.kinds = append(t.kinds, p)
	}
	if simd.HasBF16() {
		p.Kind = report.BF16
		t.kinds = append(t.kinds, p)
	}
	t.seconds = make([]float64, len(t.kinds))
	return t
}

// try takes a round: OpenBLAS's product, then ours.
func (b *bench) try(t *trial, pool *simd.Pool, least float64) error {
	limit := time.Duration(least * float64(time.Second))
	if p := t.kinds[0]; b.openBLAS != nil {
		s, err := b.openBLAS.Gemm(p.Layout, p.Threads, p.M, p.N, p.K, limit)
		if err != nil {
			return err
		}
		t.blas = fastest(t.blas, s)
	}
	for i, p := range t.kinds {
		t.seconds[i] = fastest(t.seconds[i], turns(pool, p, limit))
	}
	return nil
}

// products returns what was measured.
func (t *trial) products() []report.Product {
	for i := range t.kinds {
		t.kinds[i].Ours = t.kinds[i].Operations() / t.seconds[i]
	}
	if t.blas > 0 {
		t.kinds[0].OpenBLAS = t.kinds[0].Operations() / t.blas
	}
	return t.kinds
}

// fastest is the lesser of two times, of which the first may be 0 for none.
func fastest(a, b float64) float64 {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// turns computes a product once, and then at least twice and for so long, and returns the seconds of the fastest turn: the rule of
// peers/c/openblas.c.
func turns(pool *simd.Pool, p report.Product, least time.Duration) float64 {
	r := rand.New(rand.NewPCG(1, 2))
	x, y := simd.Matrix(values(r, p.M*p.K), p.M, p.K), simd.Matrix(values(r, p.K*p.N), p.K, p.N)
	if p.Layout == "TN" {
		x = simd.Matrix(x.F32, p.K, p.M).T()
	}
	if p.Layout == "NT" {
		y = simd.Matrix(y.F32, p.N, p.K).T()
	}
	multiply := simd.Gemm
	if p.Kind == report.BF16 {
		multiply = simd.GemmBF16
	}
	if p.Kind == report.BF16Weights {
		y.Type, y.Raw, y.F32 = simd.BF16, halves(y.F32), nil
	}
	c := make([]float32, p.M*p.N)
	best, sum := time.Duration(0), time.Duration(0)
	for turn := 0; turn < 3 || sum < least; turn++ {
		begin := time.Now()
		multiply(pool, c, p.N, x, y, false)
		took := time.Since(begin)
		if turn == 0 {
			continue
		}
		if sum += took; best == 0 || took < best {
			best = took
		}
	}
	return best.Seconds()
}

func values(r *rand.Rand, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = r.Float32() - 0.5
	}
	return out
}

// halves cuts float32s to bfloat16s.
func halves(f []float32) []uint16 {
	out := make([]uint16, len(f))
	for i, v := range f {
		out[i] = uint16(math.Float32bits(v) >> 16)
	}
	return out
}
