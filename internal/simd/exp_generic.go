package simd

import "math"

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
		ds[i] = float32(e * (ds[i] - delta))
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

func geluGeneric(y, x []float32) {
	for i, x := range x {
		phi, _ := geluParts(float64(x))
		y[i] = float32(phi * float64(x))
	}
}

func geluGradGeneric(y, slope, x []float32) {
	for i, x := range x {
		x := float64(x)
		phi, e := geluParts(x)
		y[i] = float32(phi * x)
		slope[i] = float32(math.FMA(geluPhi*e, x, phi))
	}
}

// geluParts returns Φ(x) and e^(-x²/2), the latter with n the integer nearest to -x²/2·log2 e, r = -x²/2 - n·ln 2, as 2^n·Σ r^k/k!.
// math.FMA is exact by whatever means a machine has.
func geluParts(x float64) (phi, e float64) {
	a := math.Abs(x)
	far := a > geluFar
	if far {
		a = geluFar
	}
	v := float64(float64(a*a) * -0.5)
	n := math.RoundToEven(float64(v * math.Log2E))
	r := math.FMA(n, -ln2Lo64, math.FMA(n, -ln2Hi64, v))
	e = geluExp[0]
	for _, c := range geluExp[1:] {
		e = math.FMA(e, r, c)
	}
	e *= math.Float64frombits(uint64(int64(n)+1023) << 52)
	if far {
		e = 0
	}
	q := 1 / (a + geluRange)
	t := math.FMA(-2*geluRange, q, 1)
	p := geluTail[len(geluTail)-1]
	for k := len(geluTail) - 2; k >= 0; k-- {
		p = math.FMA(p, t, geluTail[k])
	}
	phi = float64(float64(e*q) * p)
	if x >= 0 {
		phi = 1 - phi
	}
	return phi, e
}

// geluExp are 1/11!, …, 1/1!, 1/0!.
var geluExp = [...]float64{1. / 39916800, 1. / 3628800, 1. / 362880, 1. / 40320, 1. / 5040, 1. / 720, 1. / 120, 1. / 24, 1. / 6, 1. / 2, 1, 1}

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
