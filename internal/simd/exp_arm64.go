package simd

// As in vector_arm64.go, assembly takes whole groups. The rest goes through it too, in a group of its own: portable exponentials are slow.

//go:noescape
func exp4NEON(dst, src []float32)

//go:noescape
func expScale4NEON(dst, src []float32, max, scale float32)

//go:noescape
func expSum16NEON(s *lanes, dst, src []float32, max float32)

// moments16NEON adds Σ e, Σ e·(x - max) and Σ e² to lanes.
//
//go:noescape
func moments16NEON(s *lanes, d, q *lanes64, e, x []float32, max float32)

//go:noescape
func softmaxGrad4NEON(p, ds, s []float32, lse, delta float32)

//go:noescape
func swiglu4NEON(dst, gate, up []float32)

//go:noescape
func swigluGrad4NEON(dgate, dup, dout, gate, up []float32)

//go:noescape
func silu4NEON(y, x []float32)

//go:noescape
func siluGrad4NEON(y, slope, x []float32)

//go:noescape
func geluTanh4NEON(y, x []float32)

//go:noescape
func geluTanhGrad4NEON(y, slope, x []float32)

//go:noescape
func softCap4NEON(x, slopes []float32, cap float32)

// padded4 returns fewer than 4 elements, and +0 after them.
func padded4(a []float32) (f [4]float32) {
	copy(f[:], a)
	return f
}

func expNEON(dst, src []float32) {
	n := len(src) &^ 3
	exp4NEON(dst[:n], src)
	if n < len(src) {
		x := padded4(src[n:])
		exp4NEON(x[:], x[:])
		copy(dst[n:], x[:])
	}
}

func expScaleNEON(dst, src []float32, max, scale float32) {
	n := len(src) &^ 3
	expScale4NEON(dst[:n], src, max, scale)
	if n < len(src) {
		x := padded4(src[n:])
		expScale4NEON(x[:], x[:], max, scale)
		copy(dst[n:], x[:])
	}
}

func expSumNEON(dst, src []float32, max float32) float32 {
	var s lanes
	n := len(src) &^ 15
	expSum16NEON(&s, dst[:n], src, max)
	if n < len(src) {
		dst = dst[n:]
		expScaleNEON(dst, src[n:], max, 1)
		for l, e := range dst {
			s[l] += e
		}
	}
	return s.sum()
}

func expMomentsNEON(dst, src []float32, max float32) (sum float32, dot, square float64) {
	var s lanes
	var d, q lanes64
	var x [256]float32 // a copy, because dst may be src
	for len(src) >= 16 {
		n := min(len(src)&^15, len(x))
		copy(x[:n], src)
		expScale4NEON(dst[:n], src, max, 1)
		moments16NEON(&s, &d, &q, dst[:n], x[:], max)
		dst, src = dst[n:], src[n:]
	}
	copy(x[:], src)
	expScaleNEON(dst, src, max, 1)
	for l, e := range dst {
		s[l] += e
		d[l] += float64(float64(e) * float64(x[l]-max))
		q[l] += float64(float64(e) * float64(e))
	}
	return s.sum(), d.sum(), q.sum()
}

func softmaxGradNEON(p, ds, s []float32, lse, delta float32) {
	n := len(s) &^ 3
	softmaxGrad4NEON(p[:n], ds, s, lse, delta)
	if n < len(s) {
		x, y := padded4(s[n:]), padded4(ds[n:])
		softmaxGrad4NEON(x[:], y[:], x[:], lse, delta)
		copy(ds[n:], y[:])
		copy(p[n:], x[:])
	}
}

func swigluNEON(dst, gate, up []float32) {
	n := len(dst) &^ 3
	swiglu4NEON(dst[:n], gate, up)
	if n < len(dst) {
		g, u := padded4(gate[n:]), padded4(up[n:])
		swiglu4NEON(g[:], g[:], u[:])
		copy(dst[n:], g[:])
	}
}

func swigluGradNEON(dgate, dup, dout, gate, up []float32) {
	n := len(dout) &^ 3
	swigluGrad4NEON(dgate[:n], dup, dout, gate, up)
	if n < len(dout) {
		d, g, u := padded4(dout[n:]), padded4(gate[n:]), padded4(up[n:])
		swigluGrad4NEON(g[:], u[:], d[:], g[:], u[:])
		copy(dup[n:], u[:])
		copy(dgate[n:], g[:])
	}
}

func siluNEON(y, x []float32) {
	n := len(x) &^ 3
	silu4NEON(y[:n], x)
	if n < len(x) {
		f := padded4(x[n:])
		silu4NEON(f[:], f[:])
		copy(y[n:], f[:])
	}
}

func siluGradNEON(y, slope, x []float32) {
	n := len(x) &^ 3
	siluGrad4NEON(y[:n], slope, x)
	if n < len(x) {
		f := padded4(x[n:])
		g := f
		siluGrad4NEON(f[:], g[:], f[:])
		copy(y[n:], f[:])
		copy(slope[n:], g[:])
	}
}

func geluTanhNEON(y, x []float32) {
	n := len(x) &^ 3
	geluTanh4NEON(y[:n], x)
	if n < len(x) {
		f := padded4(x[n:])
		geluTanh4NEON(f[:], f[:])
		copy(y[n:], f[:])
	}
}

func geluTanhGradNEON(y, slope, x []float32) {
	n := len(x) &^ 3
	geluTanhGrad4NEON(y[:n], slope, x)
	if n < len(x) {
		f := padded4(x[n:])
		g := f
		geluTanhGrad4NEON(f[:], g[:], f[:])
		copy(y[n:], f[:])
		copy(slope[n:], g[:])
	}
}

func softCapNEON(x, slopes []float32, cap float32) {
	n := len(x) &^ 3
	softCap4NEON(x[:n], slopes, cap)
	if n < len(x) {
		f := padded4(x[n:])
		g := f
		softCap4NEON(f[:], g[:], cap)
		copy(x[n:], f[:])
		if len(slopes) > 0 {
			copy(slopes[n:], g[:])
		}
	}
}
