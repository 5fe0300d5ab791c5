package simd

// As in vector_arm64.go, assembly takes whole groups, reductions from what their lanes hold on.

//go:noescape
func sum6416NEON(s *lanes64, a []float32)

//go:noescape
func sumSq16NEON(s *lanes64, a []float32, mean float64)

//go:noescape
func normalize4NEON(y, x, g, b []float32, plus, mean, r float64)

//go:noescape
func normSums16NEON(s, d *lanes, u, x, g, dg, db []float32, plus, mean, r float32)

//go:noescape
func normGrad4NEON(dx, u, x []float32, r, shift, slope, mean float32, add bool)

func sum64NEON(a []float32) float64 {
	var s lanes64
	n := len(a) &^ 15
	sum6416NEON(&s, a[:n])
	for l, v := range a[n:] {
		s[l] += float64(v)
	}
	return s.sum()
}

func sumSqNEON(a []float32, mean float64) float64 {
	var s lanes64
	n := len(a) &^ 15
	sumSq16NEON(&s, a[:n], mean)
	for l, v := range a[n:] {
		d := float64(v) - mean
		s[l] += float64(d * d)
	}
	return s.sum()
}

func normalizeNEON(y, x, g, b []float32, plus, mean, r float64) {
	n := len(y) &^ 3
	normalize4NEON(y[:n], x, g, b, plus, mean, r)
	normalizeGeneric(y[n:], x[n:], g[n:], from(b, n), plus, mean, r)
}

// from returns a[n:], nothing of nothing.
func from(a []float32, n int) []float32 { return a[min(n, len(a)):] }

func normSumsNEON(u, x, g, dg, db []float32, plus, mean, r float32) (sum, dot float32) {
	var s, d lanes
	n := len(u) &^ 15
	normSums16NEON(&s, &d, u[:n], x, g, dg, db, plus, mean, r)
	u, x, g, dg, db = u[n:], x[n:], g[n:], from(dg, n), from(db, n)
	for l, x := range x {
		dy, xm := u[l], x-mean
		if len(dg) > 0 {
			dg[l] = fma(float32(xm*r), dy, dg[l])
		}
		if len(db) > 0 {
			db[l] += dy
		}
		u[l] = float32(dy * (plus + g[l]))
		s[l] += u[l]
		d[l] = fma(u[l], xm, d[l])
	}
	return s.sum(), d.sum()
}

func normGradNEON(dx, u, x []float32, r, shift, slope, mean float32, add bool) {
	n := len(dx) &^ 3
	normGrad4NEON(dx[:n], u, x, r, shift, slope, mean, add)
	normGradGeneric(dx[n:], u[n:], x[n:], r, shift, slope, mean, add)
}
