package simd

import "math"

// A pair is two bfloat16 numbers in the bits of a float32: an even element of a row in the lower half, the next in the upper.

// roundBF16 rounds to bfloat16, to nearest, ties to even. A NaN stays one.
func roundBF16(x float32) uint16 {
	b := math.Float32bits(x)
	if x != x {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

func pair(low, high float32) float32 {
	return math.Float32frombits(uint32(roundBF16(high))<<16 | uint32(roundBF16(low)))
}

// roundPairsGeneric is, with 0 for an odd last one,
//
//	for i := range dst {
//		dst[i] = pair(src[2*i], src[2*i+1])
//	}
func roundPairsGeneric(dst, src []float32) {
	for i := range dst {
		high := float32(0)
		if 2*i+1 < len(src) {
			high = src[2*i+1]
		}
		dst[i] = pair(src[2*i], high)
	}
}

// columnPairsGeneric is columnGeneric of pairs, with dotPair for fma.
func columnPairsGeneric(rows, cols, k int, a []float32, step, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool, next *ahead) {
	for i := range rows {
		row, from := c[i*ldc:][:cols], i/genericRows*step+i%genericRows*ras
		if !add {
			clear(row)
		}
		for l := range k {
			x := a[from+l*cas]
			for j, y := range b[l*ldb:][:cols] {
				row[j] = dotPair(row[j], x, y)
			}
		}
	}
}

// dotPair is what VDPBF16PS does with a lane (Intel's manual, volume 2): the pairs' upper halves are multiplied and added to s, then the lower,
// each in one rounding; subnormal factors, sums and results count as zeros.
func dotPair(s, x, y float32) float32 {
	a, b := math.Float32bits(x), math.Float32bits(y)
	s = flushed(fma(flushed(math.Float32frombits(a&0xffff0000)), flushed(math.Float32frombits(b&0xffff0000)), flushed(s)))
	return flushed(fma(flushed(math.Float32frombits(a<<16)), flushed(math.Float32frombits(b<<16)), s))
}

// flushed returns x, or a zero of its sign where x is subnormal.
func flushed(x float32) float32 {
	if b := math.Float32bits(x); b&0x7f800000 == 0 {
		return math.Float32frombits(b & 0x80000000)
	}
	return x
}
