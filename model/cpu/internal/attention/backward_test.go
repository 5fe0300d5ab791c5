package attention

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/simd"
)

// TestSweepAndPasses takes the gradient both ways: the same bits.
func TestSweepAndPasses(t *testing.T) {
	group := func(row, prompt int, completions ...int) []Span {
		spans := []Span{{Row: row, N: prompt}}
		row += prompt
		for _, n := range completions {
			spans = append(spans, Span{Row: row, Pos: prompt, N: n})
			row += n
		}
		return spans
	}
	groups := [][]Span{group(0, 9, 5, 14), group(28, 1, 3), group(32, 17, 2, 2, 8)}
	const rows = 61
	r := rand.New(rand.NewPCG(1, 2))
	normals := func(n int) []float32 {
		f := make([]float32, n)
		for i := range f {
			f[i] = float32(r.NormFloat64())
		}
		return f
	}
	pool := simd.NewPool(3)
	defer pool.Close()
	for _, l := range []Layer{{Scale: 0.3}, {Scale: 0.3, Mask: Mask{Window: 6}}, {Scale: 0.3, Cap: 2}} {
		for _, interleaved := range []bool{false, true} {
			a := Attention{Heads: 6, KeyHeads: 2, Dim: 10, interleaved: interleaved, KeyBlock: 4, QueryBlock: 3}
			if interleaved {
				a.KeyHeads = 6
			}
			tiles := make([]Tile, pool.Threads())
			for i := range tiles {
				tiles[i].Cut(func(n int) []float32 { return make([]float32, n) }, &a, true, true)
			}
			queries := a.QueryTasks(nil, groups)
			g := Gradient{QKV: normals(rows * a.Wide()), LSE: make([]float32, rows*a.Heads), Delta: make([]float32, rows*a.Heads),
				Out: make([]float32, rows*a.Heads*a.Dim), DOut: normals(rows * a.Heads * a.Dim)}
			a.Forward(pool, l, tiles, queries, g.QKV, g.Out, g.LSE)

			sweep := a.NewSweep(groups, 1)
			if sweep == nil {
				t.Fatal("one thread has no sweep")
			}
			g.DQKV = normals(rows * a.Wide()) // left over from before
			a.Backward(pool, l, tiles, sweep, nil, nil, g)
			want := g.DQKV
			g.DQKV = normals(rows * a.Wide())
			a.Backward(pool, l, tiles, nil, queries, a.KeyTasks(nil, groups), g)
			if !slices.Equal(g.DQKV, want) {
				t.Errorf("layer %+v, interleaved %v: sweep and passes differ", l, interleaved)
			}
		}
	}
}

// TestSweepKeepsThreadsBusy: one long group among many threads is left to the passes.
func TestSweepKeepsThreadsBusy(t *testing.T) {
	a := Attention{Heads: 9, KeyHeads: 3, Dim: 64, KeyBlock: 64, QueryBlock: 64}
	long := []Span{{N: 300}, {Row: 300, Pos: 300, N: 300}, {Row: 600, Pos: 300, N: 300}}
	for _, c := range []struct {
		groups, threads int
		want            bool
	}{{1, 1, true}, {1, 2, true}, {1, 4, true}, {1, 5, false}, {1, 7, false}, {3, 7, true}, {3, 16, false}} {
		if got := a.NewSweep(slices.Repeat([][]Span{long}, c.groups), c.threads) != nil; got != c.want {
			t.Errorf("%d groups on %d threads: a sweep is %v, want %v", c.groups, c.threads, got, c.want)
		}
	}
}
