package cpu

import (
	"math"

	"github.com/steelyard-ml/steelyard/internal/simd"
)

// A norm is a root mean square normalization (Zhang and Sennrich 2019): y = x·r ∘ g with r = 1/√(mean(x²) + ε).
type norm struct {
	g   []float32 // (C)
	dg  []float32 // (C)
	eps float64
}

// scale returns r of a row. It is float64, as is the product with it: a norm's rounding shifts every logit of its row, and would
// otherwise be the largest single error of a log-probability. The sum is simd.SumSq's, so a row's value has one order of operations.
func (n *norm) scale(x []float32) float64 {
	return 1 / math.Sqrt(simd.SumSq(x)/float64(len(x))+n.eps)
}

// normalize computes y for the rows of x. x and y are (rows, C).
func (e *Engine) normalize(n *norm, y, x []float32) {
	c := len(n.g)
	e.each(len(x)/c, func(i int) {
		x, y := x[i*c:][:c], y[i*c:][:c]
		r := n.scale(x)
		for j, g := range n.g {
			y[j] = float32(float64(float64(x[j])*r) * float64(g))
		}
	})
}

// normalizeBackward adds to dx and to dg, given dy. With u = dy∘g:
//
//	dx = r·u − x·r³·(u·x)/C
//	dg = Σ dy ∘ x·r    over the rows in their order
//
// x, dx and dy are (rows, C), r is room for a number a row. dy is overwritten.
func (e *Engine) normalizeBackward(n *norm, dx, dy, x, r []float32) {
	c := len(n.g)
	rows := len(x) / c

	e.each(rows, func(i int) { r[i] = float32(n.scale(x[i*c:][:c])) })
	if n.dg != nil {
		e.columns(c, func(from, to int) {
			dg := n.dg[from:to]
			for i := range rows {
				x, dy := x[i*c+from:i*c+to], dy[i*c+from:i*c+to]
				for j := range dg {
					dg[j] += float32(float32(x[j]*r[i]) * dy[j])
				}
			}
		})
	}
	e.each(rows, func(i int) {
		x, dx, u := x[i*c:][:c], dx[i*c:][:c], dy[i*c:][:c]
		for j, g := range n.g {
			u[j] *= g
		}
		r := r[i]
		f := float32(float32(r*r)*r) * (simd.Dot(u, x) / float32(c))
		for j := range dx {
			dx[j] += float32(r*u[j]) - float32(f*x[j])
		}
	})
}
