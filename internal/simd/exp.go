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
	return p * power2(h) * power2(i-h)
}

// power2 returns 2^n for n in [-126, 127].
func power2(n int32) float32 { return math.Float32frombits(uint32(n+127) << 23) }
