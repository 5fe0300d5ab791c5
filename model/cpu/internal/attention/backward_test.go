package attention

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/simd"
)

// TestSweepsAndRows takes the gradient by sweeps, by rows that follow one another and by both: the same bits.
func TestSweepsAndRows(t *testing.T) {
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
				if s.sweeps != len(s.shares) {
					t.Fatal("one thread sweeps all")
				}
				s.deal(&a, swept)
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

// TestScheduleKeepsThreadsBusy: of three heads of one long group two threads sweep two and share the third; many threads share all. Of every share
// that is not swept each row comes after the one that it follows, and the first rows of all come first.
func TestScheduleKeepsThreadsBusy(t *testing.T) {
	a := Attention{Heads: 9, KeyHeads: 3, Dim: 64, KeyBlock: 64, QueryBlock: 64}
	long := []Span{{N: 300}, {Row: 300, Pos: 300, N: 300}, {Row: 600, Pos: 300, N: 300}}
	for _, c := range []struct{ groups, threads, sweeps int }{
		{1, 1, 3}, {1, 2, 2}, {1, 3, 3}, {1, 4, 0}, {1, 7, 0}, {2, 2, 6}, {3, 2, 8}, {3, 7, 7}, {3, 16, 0}, {5, 4, 12},
	} {
		var s Schedule
		s.Cut(&a, slices.Repeat([][]Span{long}, c.groups), c.threads)
		if s.sweeps != c.sweeps {
			t.Errorf("%d groups on %d threads: %d sweeps, want %d", c.groups, c.threads, s.sweeps, c.sweeps)
		}
		rest := c.groups*3 - s.sweeps
		if len(s.rows) != rest*15 {
			t.Errorf("%d groups on %d threads: %d tasks for %d heads of 15 blocks", c.groups, c.threads, len(s.rows), rest)
		}
		for i, r := range s.rows {
			switch {
			case (r.before < 0) != (i < rest):
				t.Errorf("%d groups on %d threads: row %d follows row %d; %d shares begin", c.groups, c.threads, i, r.before, rest)
			case r.before >= i || r.before >= 0 && (s.rows[r.before].share != r.share || s.rows[r.before].place != r.place-1):
				t.Errorf("%d groups on %d threads: row %d follows row %d", c.groups, c.threads, i, r.before)
			}
		}
	}
}

// TestPanicFreesThoseThatWait: where a row fails, the others end and the panic comes through.
func TestPanicFreesThoseThatWait(t *testing.T) {
	pool := simd.NewPool(4)
	defer pool.Close()
	a := Attention{Heads: 2, KeyHeads: 1, Dim: 4, KeyBlock: 4, QueryBlock: 4}
	group := []Span{{N: 40}}
	var s Schedule
	s.Cut(&a, [][]Span{group}, 4)
	tiles := make([]Tile, 4)
	for i := range tiles {
		tiles[i].Cut(func(n int) []float32 { return make([]float32, n) }, &a, true, false)
	}
	short := make([]float32, 8) // too few numbers: a row's first access fails
	defer func() {
		if recover() == nil {
			t.Error("there was no panic")
		}
	}()
	a.Backward(pool, Layer{Scale: 1}, tiles, &s, Gradient{QKV: short, DQKV: short, LSE: short, Delta: short, Out: short, DOut: short})
}
