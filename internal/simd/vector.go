package simd

const (
	badLength = "simd: slices of different lengths"
	badShape  = "simd: matrices of shapes that do not fit"
	badBuffer = "simd: slice too short for its shape"
)

func same(n int, lengths ...int) {
	for _, m := range lengths {
		if m != n {
			panic(badLength)
		}
	}
}

// Dot returns Σ a[i]·b[i], in 16 lanes of fused multiply-adds.
func Dot(a, b []float32) float32 {
	same(len(a), len(b))
	return table.dot(a, b)
}

// Sum returns Σ a[i], in 16 lanes.
func Sum(a []float32) float32 { return table.sum(a) }

// SumSq returns Σ a[i]² in float64, in 16 lanes and the tree of other reductions. Squares of float32s are exact in float64.
func SumSq(a []float32) float64 {
	var lanes [16]float64
	for ; len(a) >= 16; a = a[16:] {
		for l, v := range a[:16] {
			lanes[l] += float64(float64(v) * float64(v))
		}
	}
	for l, v := range a {
		lanes[l] += float64(float64(v) * float64(v))
	}
	for n := 8; n > 0; n /= 2 {
		for l := range n {
			lanes[l] += lanes[l+n]
		}
	}
	return lanes[0]
}

// Max returns the greatest element, -Inf of none. NaNs are passed over.
func Max(a []float32) float32 { return table.max(a) }

// Exp is
//
//	for i, x := range src {
//		dst[i] = Exp1(x)
//	}
//
// dst may be src.
func Exp(dst, src []float32) {
	same(len(dst), len(src))
	table.exp(dst, src)
}

// ExpSum is
//
//	for i, x := range src {
//		dst[i] = Exp1(x - max)
//	}
//	return Sum(dst)
//
// dst may be src.
func ExpSum(dst, src []float32, max float32) float32 {
	same(len(dst), len(src))
	return table.expSum(dst, src, max)
}

// Axpy is
//
//	for i, x := range x {
//		dst[i] = fma(a, x, dst[i])
//	}
func Axpy(dst []float32, a float32, x []float32) {
	same(len(dst), len(x))
	table.axpy(dst, a, x)
}

// Scale is
//
//	for i := range dst {
//		dst[i] *= a
//	}
func Scale(dst []float32, a float32) { table.scale(dst, a) }

// Add is
//
//	for i, x := range x {
//		dst[i] += x
//	}
func Add(dst, x []float32) {
	same(len(dst), len(x))
	table.add(dst, x)
}

// Mul is
//
//	for i, x := range x {
//		dst[i] *= x
//	}
func Mul(dst, x []float32) {
	same(len(dst), len(x))
	table.mul(dst, x)
}

// MulAdd is
//
//	for i := range dst {
//		dst[i] = fma(a[i], b[i], dst[i])
//	}
func MulAdd(dst, a, b []float32) {
	same(len(dst), len(a), len(b))
	table.mulAdd(dst, a, b)
}

// SwiGLU is
//
//	for i, g := range gate {
//		dst[i] = g / (1 + Exp1(-g)) * up[i]
//	}
//
// (Shazeer 2020, eq. 6, with β = 1). dst may be gate or up.
func SwiGLU(dst, gate, up []float32) {
	same(len(dst), len(gate), len(up))
	table.swiglu(dst, gate, up)
}

// SwiGLUGrad stores the gradients of SwiGLU, given the gradient dout of its result:
//
//	for i, g := range gate {
//		s := 1 / (1 + Exp1(-g))
//		dup[i] = dout[i] * (g * s)
//		dgate[i] = dout[i] * up[i] * fma(g*s, 1-s, s)    // s·(1 + g·(1-s))
//	}
//
// dgate and dup may be any of the others.
func SwiGLUGrad(dgate, dup, dout, gate, up []float32) {
	same(len(dgate), len(dup), len(dout), len(gate), len(up))
	table.swigluGrad(dgate, dup, dout, gate, up)
}
