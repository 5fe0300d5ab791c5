package parallel

import "github.com/steelyard-ml/steelyard/internal/simd"

// vectors are loops over elements, with the operands of the one that ran last.
type vectors struct {
	sum   sum
	scale scale
	copy  copying
}

// Sum computes y = a + b. y may be a or b.
func (t *Threads) Sum(y, a, b []float32) {
	t.vectors.sum = sum{y, a, b}
	t.Chunks(len(y), &t.vectors.sum)
}

type sum struct{ y, a, b []float32 }

func (s *sum) Piece(from, to int) { simd.AddTo(s.y[from:to], s.a[from:to], s.b[from:to]) }

// Scale computes y = f·y.
func (t *Threads) Scale(y []float32, f float32) {
	t.vectors.scale = scale{y, f}
	t.Chunks(len(y), &t.vectors.scale)
}

type scale struct {
	y []float32
	f float32
}

func (s *scale) Piece(from, to int) { simd.Scale(s.y[from:to], s.f) }

// Copy copies x to y.
func (t *Threads) Copy(y, x []float32) {
	t.vectors.copy = copying{y, x}
	t.Chunks(len(y), &t.vectors.copy)
}

type copying struct{ y, x []float32 }

func (c *copying) Piece(from, to int) { copy(c.y[from:to], c.x[from:to]) }
