package simd

func expGeneric(dst, src []float32) {
	for i, x := range src {
		dst[i] = Exp1(x)
	}
}

func expSumGeneric(dst, src []float32, max float32) float32 {
	for i, x := range src {
		dst[i] = Exp1(x - max)
	}
	return sumGeneric(dst)
}

func swigluGeneric(dst, gate, up []float32) {
	for i, g := range gate {
		dst[i] = g / (1 + Exp1(-g)) * up[i]
	}
}

func swigluGradGeneric(dgate, dup, dout, gate, up []float32) {
	for i, g := range gate {
		s := 1 / (1 + Exp1(-g))
		silu := float32(g * s)
		d, u := dout[i], up[i]
		dup[i] = d * silu
		dgate[i] = float32(d*u) * fma(silu, 1-s, s)
	}
}

func expScaleGeneric(dst, src []float32, max, scale float32) {
	for i, x := range src {
		dst[i] = Exp1(x-max) * scale
	}
}

func expMomentsGeneric(dst, src []float32, max float32) (sum float32, dot, square float64) {
	var s lanes
	var d, q lanes64
	for i, x := range src {
		x -= max
		e := Exp1(x)
		dst[i] = e
		l := i % 16
		s[l] += e
		d[l] += float64(float64(e) * float64(x))
		q[l] += float64(float64(e) * float64(e))
	}
	return s.sum(), d.sum(), q.sum()
}

func softmaxGradGeneric(p, ds, s []float32, lse, delta float32) {
	for i, x := range s {
		e := Exp1(x - lse)
		ds[i] = e * (ds[i] - delta)
		p[i] = e
	}
}

func siluGeneric(y, x []float32) {
	for i, x := range x {
		y[i] = sigmoid1(x) * x
	}
}

func siluGradGeneric(y, slope, x []float32) {
	for i, x := range x {
		s := sigmoid1(x)
		y[i] = s * x
		slope[i] = s * (1 + float32(x*(1-s)))
	}
}

func geluTanhGeneric(y, x []float32) {
	for i, x := range x {
		y[i] = sigmoid1(geluArgument(x)) * x
	}
}

func geluTanhGradGeneric(y, slope, x []float32) {
	for i, x := range x {
		s := sigmoid1(geluArgument(x))
		du := geluC * (1 + float32(float32(3*geluK*x)*x))
		y[i] = s * x
		slope[i] = s * (1 + float32(float32(x*du)*(1-s)))
	}
}

func softCapGeneric(x, slopes []float32, cap float32) {
	for i, v := range x {
		t := tanh1(v / cap)
		x[i] = cap * t
		if len(slopes) > 0 {
			slopes[i] = 1 - float32(t*t)
		}
	}
}

// sigmoid1 returns 1/(1 + e^-x).
func sigmoid1(x float32) float32 { return 1 / (1 + Exp1(-x)) }

// geluArgument returns c·(x + k·x³).
func geluArgument(x float32) float32 {
	return geluC * float32(x*(1+float32(float32(geluK*x)*x)))
}

// tanh1 returns tanh x with a relative error of about 2e-7: by 1 - 2/(1 + e^2x), and near 0, where that cancels, by the polynomial of
// Cephes' tanhf (Moshier 1989).
func tanh1(x float32) float32 {
	if -tanhNear < x && x < tanhNear {
		s := float32(x * x)
		p := float32(tanhC4*s) + tanhC3
		p = float32(p*s) + tanhC2
		p = float32(p*s) + tanhC1
		p = float32(p*s) + tanhC0
		return x + float32(float32(p*s)*x)
	}
	return 1 - 2/(1+Exp1(2*x))
}
