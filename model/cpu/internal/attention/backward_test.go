package attention

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/simd"
)

// TestSweepsAndPasses takes the gradient by sweeps, by passes and by both: the same bits.
func TestSweepsAndPasses(t *testing.T) {
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

			var want []float32
			for _, swept := range []int{0, 2, 5, len(groups) * a.KeyHeads} {
				var s Schedule
				s.Cut(&a, groups, 1)
				if len(s.sweeps) != len(s.shares) {
					t.Fatal("one thread sweeps all")
				}
				s.sweeps = s.shares[:swept]
				for _, share := range s.shares[swept:] {
					s.queries = a.queryTasks(s.queries, share.group, share.head)
					s.keys = a.keyTasks(s.keys, share.group, share.head)
				}
				g.DQKV = normals(rows * a.Wide()) // left over from before
				a.Backward(pool, l, tiles, &s, g)
				if want == nil {
					want = g.DQKV
				} else if !slices.Equal(g.DQKV, want) {
					t.Errorf("layer %+v, interleaved %v: %d sweeps have other bits than none", l, interleaved, swept)
				}
			}
		}
	}
}

// TestScheduleKeepsThreadsBusy: of three heads of one long group two threads sweep two and share the third; many threads share all.
func TestScheduleKeepsThreadsBusy(t *testing.T) {
	a := Attention{Heads: 9, KeyHeads: 3, Dim: 64, KeyBlock: 64, QueryBlock: 64}
	long := []Span{{N: 300}, {Row: 300, Pos: 300, N: 300}, {Row: 600, Pos: 300, N: 300}}
	for _, c := range []struct{ groups, threads, sweeps int }{
		{1, 1, 3}, {1, 2, 2}, {1, 3, 3}, {1, 4, 3}, {1, 7, 0}, {2, 2, 6}, {3, 2, 8}, {3, 7, 7}, {3, 16, 0}, {5, 4, 15},
	} {
		var s Schedule
		s.Cut(&a, slices.Repeat([][]Span{long}, c.groups), c.threads)
		if len(s.sweeps) != c.sweeps {
			t.Errorf("%d groups on %d threads: %d sweeps, want %d", c.groups, c.threads, len(s.sweeps), c.sweeps)
		}
		if rest := c.groups*3 - c.sweeps; len(s.queries) != rest*15 || len(s.keys) != rest*15 {
			t.Errorf("%d groups on %d threads: %d and %d tasks for %d heads of 15 blocks", c.groups, c.threads, len(s.queries), len(s.keys), rest)
		}
	}
}
