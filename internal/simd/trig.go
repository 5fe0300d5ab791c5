package simd

import "math"

// The functions here are float64 and the same bits on every machine: the math package's own choose fused multiply-adds where the machine
// has them. Series are Taylor's, by Horner's rule, long enough that the first term left out is under half a unit in the last place.

// Log1 is Log rounded once: the nearest float32 but where the logarithm is within 1e-15 of halfway between two.
func Log1(x float32) float32 { return float32(Log(float64(x))) }

// ln 2 in two parts. n times the first, which has 32 bits, is exact for |n| < 2^21.
const (
	ln2Hi64 = 0x1.62e42feep-1
	ln2Lo64 = 0x1.a39ef35793c76p-33
)

// Log returns ln x: NaN below 0, -Inf of 0. With x = 2^n·m, √½ ≤ m < √2, and f = (m-1)/(m+1), ln x = n·ln 2 + 2f·(1 + f²/3 + f⁴/5 + …).
func Log(x float64) float64 {
	switch {
	case x != x || x > math.MaxFloat64:
		return x
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	}
	m, exp := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, exp = float64(2*m), exp-1
	}
	f := (m - 1) / (m + 1)
	s := float64(f * f)
	p := float64(1. / 23)
	for d := 21.; d > 1; d -= 2 {
		p = float64(p*s) + 1/d
	}
	n := float64(exp)
	return float64(n*ln2Hi64) + (float64(n*ln2Lo64) + float64(2*float64(f+float64(float64(f*s)*p))))
}

// Exp64 returns e^x, with a relative error of about 1e-15. With n the integer nearest to x/ln 2 and r = x - n·ln 2, e^x = 2^n·Σ r^k/k!.
func Exp64(x float64) float64 {
	switch {
	case x != x:
		return x
	case x > 710:
		return math.Inf(1)
	case x < -746:
		return 0
	}
	n := math.RoundToEven(x * math.Log2E)
	r := float64(x-float64(n*ln2Hi64)) - float64(n*ln2Lo64)
	p := 1.
	for k := 14.; k > 0; k-- { // 1 + r/1·(1 + r/2·(1 + r/3·(…)))
		p = 1 + float64(float64(r*p)/k)
	}
	return math.Ldexp(p, int(n))
}

// π/2 in three parts. n times each of the first two, which have 26 bits, is exact for |n| < 2^27.
const (
	halfPiHi  = 0x1.921fb5p+0
	halfPiMid = 0x1.110b46p-26
	halfPiLo  = 0x1.1a62633145c07p-54
)

// SinCos returns sin x and cos x, x in radians, with an absolute error under 3e-16 for |x| < 2^27 and a growing one beyond. With n the
// integer nearest to x/(π/2) and r = x - n·π/2, they are ± sin r or cos r, by the quadrant n mod 4.
func SinCos(x float64) (sin, cos float64) {
	n := math.RoundToEven(x * (2 / math.Pi))
	r := float64(float64(float64(x)-float64(n*halfPiHi))-float64(n*halfPiMid)) - float64(n*halfPiLo)
	r2 := float64(r * r)
	s, c := 1., 1.
	for k := 17.; k > 1; k -= 2 { // sin r = r·(1 - r²/(2·3)·(1 - r²/(4·5)·(…)))
		s = 1 - float64(float64(r2*s)/(k*(k-1)))
	}
	for k := 18.; k > 0; k -= 2 { // cos r = 1 - r²/(1·2)·(1 - r²/(3·4)·(…))
		c = 1 - float64(float64(r2*c)/(k*(k-1)))
	}
	s = float64(r * s)
	switch quadrant := math.Mod(n, 4); quadrant {
	case 1, -3:
		return c, -s
	case 2, -2:
		return -s, -c
	case 3, -1:
		return -c, s
	}
	return s, c // also NaN, of a NaN or an infinite x
}
