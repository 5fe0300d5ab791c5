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

	// The passes, with the operands of the last call: they lie here so that a call allocates nothing.
	forward  forward
	backward backward
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

// plus returns what the weight takes before it is g: 1, or the -0 that leaves it as it is.
func (n *Norm) plus() float64 {
	if n.Kind == model.RMSNormOnePlus {
		return 1
	}
	return math.Copysign(0, -1)
}

// stats returns μ and r of a vector. They are float64, as is the product with them: a norm's rounding shifts every logit of its row, and
// would otherwise be the largest single error of a log-probability.
func (n *Norm) stats(x []float32) (mean, r float64) {
	size := float64(len(x))
	if n.Kind != model.LayerNorm {
		return 0, 1 / math.Sqrt(simd.SumSq(x)/size+n.Eps)
	}
	mean = simd.Sum64(x) / size
	return mean, 1 / math.Sqrt(simd.SumSqFrom(x, mean)/size+n.Eps)
}

// Forward computes the vectors of y from those of x. y may be x.
func (n *Norm) Forward(t *parallel.Threads, y, x []float32, v Vectors) {
	n.forward = forward{n, y, x, v}
	t.Each(v.N, &n.forward)
}

// forward computes a vector.
type forward struct {
	*Norm
	y, x []float32
	v    Vectors
}

func (f *forward) Row(i int) {
	x := f.v.of(f.x, i)
	mean, r := f.stats(x)
	simd.Normalize(f.v.of(f.y, i), x, f.G, f.B, f.plus(), mean, r)
}

// The vectors of a backward pass are cut into at most maxBlocks blocks of at least minBlock, each with sums of its own for the gradients of g
// and b, which are added in the blocks' order. So they don't depend on the threads.
const (
	maxBlocks = 32
	minBlock  = 8
)

// Backward takes dy to dx, which it adds to or, where dx is dy, replaces, and adds to the gradients of g and b. With u = dy∘g:
//
//	dx = r·(u − mean(u) − x̂·mean(u∘x̂))      (mean(u) in LayerNorm alone)
//	dg = Σ dy∘x̂    db = Σ dy
//
// dy is overwritten.
func (n *Norm) Backward(t *parallel.Threads, dx, dy, x []float32, v Vectors) {
	size := max(minBlock, (v.N+maxBlocks-1)/maxBlocks)
	blocks := (v.N + size - 1) / size
	b := &n.backward
	*b = backward{n, dx, dy, x, v, size, t.Room(2 * blocks * v.Width)}
	t.Tasks(blocks, b)
	for block := range blocks {
		dg, db := b.of(block)
		if dg != nil {
			simd.Add(n.DG, dg)
		}
		if db != nil {
			simd.Add(n.DB, db)
		}
	}
}

// backward computes a block of vectors.
type backward struct {
	*Norm
	dx, dy, x []float32
	v         Vectors
	size      int       // vectors of a block
	sums      []float32 // (blocks, 2, C)
}

// of returns a block's sums for the gradients of g and b, nil for those that are frozen.
func (b *backward) of(block int) (dg, db []float32) {
	c := b.v.Width
	both := b.sums[2*block*c:][:2*c]
	if b.DG != nil {
		dg = both[:c]
	}
	if b.DB != nil {
		db = both[c:]
	}
	return dg, db
}

func (b *backward) Row(block int) {
	dg, db := b.of(block)
	clear(dg)
	clear(db)
	replace := &b.dx[0] == &b.dy[0]
	for i := block * b.size; i < min((block+1)*b.size, b.v.N); i++ {
		b.vector(b.v.of(b.dx, i), b.v.of(b.dy, i), b.v.of(b.x, i), dg, db, replace)
	}
}

// vector takes dy, in u, of a vector to dx.
func (n *Norm) vector(dx, u, x, dg, db []float32, replace bool) {
	m, s := n.stats(x)
	mean, r, size := float32(m), float32(s), float32(len(x))
	shift, slope := simd.NormSums(u, x, n.G, dg, db, float32(n.plus()), mean, r)
	if n.Kind == model.LayerNorm {
		shift /= size
	} else {
		shift = 0
	}
	simd.NormGrad(dx, u, x, r, shift, float32(float32(r*r)*r)*(slope/size), mean, !replace)
}
