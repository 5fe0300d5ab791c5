package norm

import (
	"math"

	"github.com/steelyard-ml/steelyard/internal/simd"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/parallel"
)

// A Norm is y = x̂ ∘ g + b, where x̂ = (x − μ)·r and, by Kind, g is the weight or 1 + the weight. Root mean squares (Zhang and Sennrich
// 2019) have μ = 0, r = 1/√(mean(x²) + ε) and no b; LayerNorm (Ba et al. 2016) has the mean and r = 1/√(var + ε).
type Norm struct {
	Kind   model.NormKind
	Eps    float64
	G, B   []float32 // (C) weight and bias
	DG, DB []float32 // (C) their gradients, nil where they are frozen
}

// Vectors say where N vectors of Width elements lie in a buffer: Per of them in every row of Stride elements, the first at At, the next
// Step elements on.
type Vectors struct{ N, Width, Per, Stride, At, Step int }

// Rows are the rows of a (n, width) matrix.
func Rows(n, width int) Vectors {
	return Vectors{N: n, Per: 1, Stride: width, Width: width}
}

// of returns vector i of a buffer.
func (v Vectors) of(x []float32, i int) []float32 {
	return x[i/v.Per*v.Stride+v.At+i%v.Per*v.Step:][:v.Width]
}

// weight returns g of element j. 1 + weight is exact in float64.
func (n *Norm) weight(j int) float64 {
	if n.Kind == model.RMSNormOnePlus {
		return 1 + float64(n.G[j])
	}
	return float64(n.G[j])
}

// stats returns μ and r of a vector. They are float64, as is the product with them: a norm's rounding shifts every logit of its row, and
// would otherwise be the largest single error of a log-probability. The sum of squares is simd.SumSq's, so a row's value has one order of
// operations.
func (n *Norm) stats(x []float32) (mean, r float64) {
	if n.Kind != model.LayerNorm {
		return 0, 1 / math.Sqrt(simd.SumSq(x)/float64(len(x))+n.Eps)
	}
	for _, v := range x {
		mean += float64(v)
	}
	mean /= float64(len(x))
	variance := 0.
	for _, v := range x {
		d := float64(v) - mean
		variance += float64(d * d)
	}
	return mean, 1 / math.Sqrt(variance/float64(len(x))+n.Eps)
}

// Forward computes the vectors of y from those of x. y may be x.
func (n *Norm) Forward(t parallel.Threads, y, x []float32, v Vectors) {
	t.Each(v.N, func(i int) { n.forward(v.of(y, i), v.of(x, i)) })
}

func (n *Norm) forward(y, x []float32) {
	mean, r := n.stats(x)
	if n.B == nil {
		for j, x := range x {
			y[j] = float32(float64((float64(x)-mean)*r) * n.weight(j))
		}
		return
	}
	for j, x := range x {
		y[j] = float32(float64(float64((float64(x)-mean)*r)*n.weight(j)) + float64(n.B[j]))
	}
}

// Backward takes dy to dx, which it adds to or, where dx is dy, replaces, and adds to the gradients of g and b. With u = dy∘g:
//
//	dx = r·(u − mean(u) − x̂·mean(u∘x̂))      (mean(u) in LayerNorm alone)
//	dg = Σ dy∘x̂    db = Σ dy                 over the vectors in their order
//
// stats is room for two numbers a vector. dy is overwritten.
func (n *Norm) Backward(t parallel.Threads, dx, dy, x, stats []float32, v Vectors) {
	t.Each(v.N, func(i int) {
		mean, r := n.stats(v.of(x, i))
		stats[2*i], stats[2*i+1] = float32(mean), float32(r)
	})
	if n.DG != nil {
		t.Columns(v.Width, func(from, to int) { n.weights(dy, x, stats, v, from, to) })
	}
	replace := &dx[0] == &dy[0]
	t.Each(v.N, func(i int) {
		n.backward(v.of(dx, i), v.of(dy, i), v.of(x, i), stats[2*i], stats[2*i+1], replace)
	})
}

// weights adds to the gradients of the elements from … to-1 of g and b.
func (n *Norm) weights(dy, x, stats []float32, v Vectors, from, to int) {
	dg := n.DG[from:to]
	for i := range v.N {
		x, dy := v.of(x, i)[from:to], v.of(dy, i)[from:to]
		mean, r := stats[2*i], stats[2*i+1]
		for j := range dg {
			dg[j] += float32(float32((x[j]-mean)*r) * dy[j])
		}
		if n.DB != nil {
			simd.Add(n.DB[from:to], dy)
		}
	}
}

func (n *Norm) backward(dx, u, x []float32, mean, r float32, replace bool) {
	for j := range u {
		u[j] = float32(float64(u[j]) * n.weight(j))
	}
	size := float32(len(x))
	shift, slope := float32(0), float32(0)
	if n.Kind == model.LayerNorm {
		shift = simd.Sum(u) / size
		for j, x := range x { // Σ u·(x − μ), in order
			slope += float32(u[j] * (x - mean))
		}
	} else {
		slope = simd.Dot(u, x)
	}
	f := float32(float32(r*r)*r) * (slope / size)
	if replace {
		for j := range dx {
			dx[j] = float32(r*(u[j]-shift)) - float32(f*(x[j]-mean))
		}
		return
	}
	for j := range dx {
		dx[j] += float32(r*(u[j]-shift)) - float32(f*(x[j]-mean))
	}
}
