package simd

// Sum64 returns Σ a[i] in float64, in 16 lanes.
func Sum64(a []float32) float64 { return table.sum64(a) }

// SumSq returns Σ a[i]² in float64, in 16 lanes. The squares are exact.
func SumSq(a []float32) float64 { return table.sumSq(a, 0) }

// SumSqFrom returns Σ (a[i] - mean)² in float64, in 16 lanes.
func SumSqFrom(a []float32, mean float64) float64 { return table.sumSq(a, mean) }

// Normalize is the forward pass of a norm, in float64 up to the last rounding:
//
//	for i, x := range x {
//		y[i] = float32((x-mean)*r*(plus+g[i]) + b[i])
//	}
//
// where each product is rounded, to float64. b may be empty. A plus of -0 leaves g as it is. y may be x.
func Normalize(y, x, g, b []float32, plus, mean, r float64) {
	same(len(y), len(x), len(g))
	if len(b) > 0 {
		same(len(y), len(b))
	}
	table.normalize(y, x, g, b, plus, mean, r)
}

// NormSums is the first half of a norm's backward pass. It turns the gradient u of the norm's result into that of x̂ = (x-mean)·r, returns
// its sums, and adds to the gradients of g and b:
//
//	for i, x := range x {
//		dg[i] = fma((x-mean)*r, u[i], dg[i])
//		db[i] += u[i]
//		u[i] *= plus + g[i]
//		sum += u[i]                        // in 16 lanes
//		dot = fma(u[i], x-mean, dot)       // in 16 lanes
//	}
//
// dg and db may be empty. A plus of -0 leaves g as it is.
func NormSums(u, x, g, dg, db []float32, plus, mean, r float32) (sum, dot float32) {
	same(len(u), len(x), len(g))
	if len(dg) > 0 {
		same(len(u), len(dg))
	}
	if len(db) > 0 {
		same(len(u), len(db))
	}
	return table.normSums(u, x, g, dg, db, plus, mean, r)
}

// NormGrad is the second half of a norm's backward pass:
//
//	for i, x := range x {
//		v := fma(-slope, x-mean, r*(u[i]-shift))
//		if add {
//			v += dx[i]
//		}
//		dx[i] = v
//	}
//
// dx may be u.
func NormGrad(dx, u, x []float32, r, shift, slope, mean float32, add bool) {
	same(len(dx), len(u), len(x))
	table.normGrad(dx, u, x, r, shift, slope, mean, add)
}
