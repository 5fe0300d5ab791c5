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

// Max returns the greatest element, -Inf of none. NaNs are passed over.
func Max(a []float32) float32 { return table.max(a) }

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

// AddTo is
//
//	for i, a := range a {
//		dst[i] = a + b[i]
//	}
//
// dst may be a or b.
func AddTo(dst, a, b []float32) {
	same(len(dst), len(a), len(b))
	table.addTo(dst, a, b)
}

// Rotate turns the pairs (a[i], b[i]), forwards for a turn of 1 and backwards for -1:
//
//	for i, c := range cos {
//		s := turn * sin[i]
//		a[i], b[i] = a[i]*c - b[i]*s, b[i]*c + a[i]*s
//	}
//
// where each product is rounded.
func Rotate(a, b, cos, sin []float32, turn float32) {
	same(len(a), len(b), len(cos), len(sin))
	table.rotate(a, b, cos, sin, turn)
}

// Index returns the least i with a[i] == x, -1 where there is none.
func Index(a []float32, x float32) int { return table.index(a, x) }

// AdamW holds the numbers of one step of the optimizer that all weights share.
type AdamW struct{ Scale, Blend1, Beta2, Blend2, Root, Epsilon, Keep, Rate float32 }

// Step is
//
//	for i := range w {
//		gi := g[i] * f.Scale
//		g[i] = 0
//		m[i] += f.Blend1 * (gi - m[i])
//		v[i] = f.Beta2*v[i] + f.Blend2*gi*gi
//		w[i] = w[i]*f.Keep + f.Rate*m[i]/(sqrt(v[i])/f.Root + f.Epsilon)
//	}
//
// where each operation is rounded: one pass over weights, gradients and both moments.
func (f *AdamW) Step(w, g, m, v []float32) {
	same(len(w), len(g), len(m), len(v))
	table.adamw(w, g, m, v, f)
}
