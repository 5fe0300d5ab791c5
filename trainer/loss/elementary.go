package loss

import "math"

// The functions of this file give the same bits on every machine, which math.Exp and math.Log1p do not promise: their bits depend on
// whether products are fused into sums. Both are within 2 units in the last place (elementary_test.go).

// exp returns e^x for x ≤ 0, and NaN for NaN.
//
// x = k·ln 2 + r with |r| ≤ ln 2 / 2, and e^r is its Taylor polynomial of degree 13, whose remainder is below 2^-57.
func exp(x float64) float64 {
	if !(x >= -746) { // below, e^x rounds to 0
		if x < 0 {
			return 0
		}
		return x
	}
	// ln 2 in two parts, the first with 20 zero bits at its end, so that k·high is exact.
	const high, low = 0x1.62e42feep-1, 0x1.a39ef35793c76p-33
	k := math.Round(x / math.Ln2)
	r := (x - float64(k*high)) - float64(k*low)
	sum := 1.0 // Horner: 1 + r/1·(1 + r/2·(1 + r/3·(…)))
	for n := 13.0; n >= 1; n-- {
		sum = 1 + float64(r/n*sum)
	}
	return math.Ldexp(sum, int(k))
}

// log1p returns ln(1+y) for y in [0, 1], and NaN for NaN. log1p(1) is ln 2 to the last bit.
//
// ln(1+z) = 2·artanh(s) with s = z/(2+z). Where y > ½, ln(1+y) = ln 2 + ln(1+z) with z = (y−1)/2. So |s| ≤ 1/5 and the terms left out
// are below 2^-60 of the first.
func log1p(y float64) float64 {
	if y > 0.5 {
		return math.Ln2 + artanh2((y-1)/2)
	}
	return artanh2(y)
}

// artanh2 returns 2·artanh(z/(2+z)) = 2s·(1 + s²/3 + s⁴/5 + …).
func artanh2(z float64) float64 {
	s := z / (2 + z)
	q := s * s
	sum := 0.0
	for n := 25.0; n >= 3; n -= 2 {
		sum = float64(q*sum) + 1/n
	}
	return float64(2*s) + float64(2*s*float64(q*sum))
}
