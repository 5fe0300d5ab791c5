package simd

import "math"

// fma returns a·b + c rounded once, as the hardware's fused multiply-add does. The product of two float32s is exact in float64. Rounding
// its sum with c to float64 and then to float32 goes wrong only where the first rounding ends halfway between two float32s, or on one where
// the true sum does not; then the last 28 bits are 0.
func fma(a, b, c float32) float32 {
	s := float64(float64(a)*float64(b)) + float64(c)
	if math.Float64bits(s)<<36 != 0 {
		return float32(s)
	}
	return fmaOdd(a, b, c)
}

// fmaOdd rounds a·b + c to odd in float64 and then to float32 (Boldo and Melquiond 2008). The error of the rounded sum is found as in Knuth's
// TwoSum.
//
//go:noinline
func fmaOdd(a, b, c float32) float32 {
	p, q := float64(float64(a)*float64(b)), float64(c)
	s := float64(p) + q
	t := float64(s - p)
	e := float64(p-float64(s-t)) + float64(q-t)
	u := math.Float64bits(s)
	if u&1 == 0 && (e < 0 || e > 0) { // neither exact, nor infinite, nor a NaN
		if (e > 0) == (s > 0) {
			u++
		} else {
			u--
		}
	}
	return float32(math.Float64frombits(u))
}

// The constants of Exp1. A polynomial of degree 4 interpolates (e^r - 1 - r)/r² at 0, ±0.739130·R and ±0.970766·R, R = ln 2/2, which makes
// the greatest value of |r³(r²-a²)(r²-b²)|, the error's shape, smallest. Its coefficients are rounded to float32.
const (
	expMin = -104 // e^x rounds to 0 from here down
	expMax = 89   // and to +Inf from here up
	log2e  = 0x1.715476p+0
	ln2Hi  = 0x1.62e43p-1 // ln 2 rounded to float32,
	ln2Lo  = -0x1.05c61p-29
	expC6  = 0x1.6d40d4p-10
	expC5  = 0x1.123b4p-7
	expC4  = 0x1.5554f2p-5
	expC3  = 0x1.55549p-3
)

// Exp1 returns e^x with an error under 0.91 units in the last place, subnormal results included (measured over all float32s; see
// docs/kernels.md). With n the integer nearest to x·log2 e, ties to even, and r = x - n·ln 2:
//
//	e^x = 2^n · (1 + r + r²/2 + c3·r³ + c4·r⁴ + c5·r⁵ + c6·r⁶)
//
// by Horner's rule in fused multiply-adds. 2^n is multiplied in two halves, of which only the last can round.
func Exp1(x float32) float32 {
	if x != x {
		return x
	}
	x = min(max(x, expMin), expMax)
	n := float32(math.RoundToEven(float64(float32(x * log2e))))
	r := fma(n, -ln2Hi, x)
	r = fma(n, -ln2Lo, r)
	p := fma(expC6, r, expC5)
	p = fma(p, r, expC4)
	p = fma(p, r, expC3)
	p = fma(p, r, 0.5)
	p = fma(p, r, 1)
	p = fma(p, r, 1)
	i := int32(n)
	h := i >> 1
	return float32(p * power2(h) * power2(i-h))
}

// power2 returns 2^n for n in [-126, 127].
func power2(n int32) float32 { return math.Float32frombits(uint32(n+127) << 23) }

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
//	return Σ dst[i], in 16 lanes
//
// dst may be src.
func ExpSum(dst, src []float32, max float32) float32 {
	same(len(dst), len(src))
	return table.expSum(dst, src, max)
}

// ExpScale is
//
//	for i, x := range src {
//		dst[i] = Exp1(x-max) * scale
//	}
//
// dst may be src.
func ExpScale(dst, src []float32, max, scale float32) {
	same(len(dst), len(src))
	table.expScale(dst, src, max, scale)
}

// ExpMoments is ExpSum, and also returns Σ e·(x - max) and Σ e² over e = Exp1(x - max), in 16 lanes of float64, where the products are
// exact. dst may be src.
func ExpMoments(dst, src []float32, max float32) (sum float32, dot, square float64) {
	same(len(dst), len(src))
	return table.expMoments(dst, src, max)
}

// A Range is a part of a row: its elements from From on, before To.
type Range struct{ From, To int32 }

// SoftmaxStep takes further scores into running softmaxes (Milakov and Gimelshein 2018), of which top are the greatest scores so far, sum their
// sums of e^(score - top), and the rows of acc what is weighed by these. Each has a row of s, and of it the part that it has seen, which becomes
// its exponentials:
//
//	for i, seen := range seen {
//		row := s[i*n+seen.From : i*n+seen.To]    // n = len(s)/len(seen)
//		if m := Max(row); m > top[i] {
//			shrink := Exp1(top[i] - m)
//			top[i], sum[i] = m, sum[i]*shrink
//			Scale(acc[i*d:][:d], shrink)         // d = len(acc)/len(seen)
//		}
//		sum[i] += ExpSum(row, row, top[i])
//	}
func SoftmaxStep(s []float32, seen []Range, top, sum, acc []float32) {
	rows := len(seen)
	same(rows, len(top), len(sum))
	if rows == 0 {
		return
	}
	n, d := len(s)/rows, len(acc)/rows
	same(len(s), n*rows)
	same(len(acc), d*rows)
	for _, r := range seen {
		if r.From < 0 || r.From > r.To || int(r.To) > n {
			panic(badShape)
		}
	}
	if step := table.softmaxStep; step != nil {
		step(s, n, seen, top, sum, acc, d)
		return
	}
	for i, r := range seen {
		row := s[i*n:][r.From:r.To]
		if m := Max(row); m > top[i] {
			top[i] -= m
			Exp(top[i:i+1], top[i:i+1]) // faster than Exp1
			shrink := top[i]
			top[i], sum[i] = m, float32(sum[i]*shrink)
			Scale(acc[i*d:][:d], shrink)
		}
		sum[i] += ExpSum(row, row, top[i])
	}
}

// SoftmaxGrad is the gradient of a softmax whose logsumexp is lse, given the gradient ds of its result p and delta = Σ p·ds:
//
//	for i, x := range s {
//		p[i] = Exp1(x - lse)
//		ds[i] = p[i] * (ds[i] - delta)
//	}
//
// p may be s.
func SoftmaxGrad(p, ds, s []float32, lse, delta float32) {
	same(len(p), len(ds), len(s))
	table.softmaxGrad(p, ds, s, lse, delta)
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

// SiLU is
//
//	for i, x := range x {
//		y[i] = 1 / (1 + Exp1(-x)) * x
//	}
//
// y may be x.
func SiLU(y, x []float32) {
	same(len(y), len(x))
	table.silu(y, x)
}

// SiLUGrad is SiLU, and also stores the derivative:
//
//	for i, x := range x {
//		s := 1 / (1 + Exp1(-x))
//		y[i] = s * x
//		slope[i] = s * (1 + x*(1-s))
//	}
//
// where each product is rounded. y or slope may be x.
func SiLUGrad(y, slope, x []float32) {
	same(len(y), len(slope), len(x))
	table.siluGrad(y, slope, x)
}

// The numbers of the GELU with tanh, x·σ(c·(x + k·x³)) (Hendrycks and Gimpel 2016).
const (
	geluC = 1.5957691216057308 // 2·√(2/π)
	geluK = 0.044715
)

// GELUTanh is
//
//	for i, x := range x {
//		y[i] = 1 / (1 + Exp1(-c*(x*(1+k*x*x)))) * x
//	}
//
// where each product is rounded. y may be x.
func GELUTanh(y, x []float32) {
	same(len(y), len(x))
	table.geluTanh(y, x)
}

// GELUTanhGrad is GELUTanh, and also stores the derivative:
//
//	for i, x := range x {
//		s := 1 / (1 + Exp1(-c*(x*(1+k*x*x))))
//		y[i] = s * x
//		slope[i] = s * (1 + x*(c*(1+3*k*x*x))*(1-s))
//	}
//
// where each product is rounded. y or slope may be x.
func GELUTanhGrad(y, slope, x []float32) {
	same(len(y), len(slope), len(x))
	table.geluTanhGrad(y, slope, x)
}

// The numbers of GELU. With a = |x| and q = 1/(a + 4), Φ(-a) = e^(-a²/2)·q·P(1 - 8q): P interpolates the scaled complementary error function,
// erfcx(a/√2)/2q, at the Chebyshev nodes of a in [0, 14.5], relative error 1.5e-14. Beyond geluFar a result is 0 or x.
const (
	geluFar   = 37
	geluRange = 4
	geluPhi   = 0.3989422804014327 // φ(0) = 1/√(2π)
)

// geluTail are the coefficients of P, by rising powers.
var geluTail = [...]float64{
	0x1.82b4bb8c94e33p-1, -0x1.373e3a893c328p-1, 0x1.8c6dbf2cef8eap-2, -0x1.7dff2bff59406p-3, 0x1.eec4cc4ef3c74p-5, -0x1.ee2761111f7c6p-8,
	-0x1.c8172ac79c87cp-9, 0x1.ab8254c191c98p-10, 0x1.17ad259cba15fp-13, -0x1.e49e3029f6934p-13, -0x1.090ba65050244p-19, 0x1.2636ff539caaep-15,
	0x1.cc75097c621ap-21, -0x1.7eac97b005751p-18, -0x1.8ba87bd63308dp-21, 0x1.800650371c036p-21, 0x1.ca34a37e19b7ep-23,
}

// GELU is x·Φ(x) (Hendrycks and Gimpel 2016), computed in float64 with a relative error of about 1e-14 and rounded once. y may be x.
func GELU(y, x []float32) {
	same(len(y), len(x))
	table.gelu(y, x)
}

// GELUGrad is GELU, and also stores the derivative, Φ(x) + x·φ(x). y or slope may be x.
func GELUGrad(y, slope, x []float32) {
	same(len(y), len(slope), len(x))
	table.geluGrad(y, slope, x)
}

// The polynomial of tanh near 0, from Cephes' tanhf.
const (
	tanhNear = 0.625
	tanhC4   = -5.70498872745e-3
	tanhC3   = 2.06390887954e-2
	tanhC2   = -5.37397155531e-2
	tanhC1   = 1.33314422036e-1
	tanhC0   = -3.33332819422e-1
)

// SoftCap turns x into cap·tanh(x/cap) and sets slopes, where there are any, to the derivative 1 - tanh²(x/cap):
//
//	for i, v := range x {
//		t := tanh1(v / cap)
//		x[i] = cap * t
//		slopes[i] = 1 - t*t
//	}
func SoftCap(x, slopes []float32, cap float32) {
	if len(slopes) > 0 {
		same(len(x), len(slopes))
	}
	table.softCap(x, slopes, cap)
}
