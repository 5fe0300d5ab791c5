package simd

import (
	"math"
	"unsafe"
)

// generic is the portable set, which defines what every other set computes.
var generic = kernels{
	mr: 4, nr: 16,
	micro:      microGeneric,
	pack:       packGeneric,
	packBF16:   packBF16Generic,
	prefetch:   prefetchGeneric,
	dot:        dotGeneric,
	sum:        sumGeneric,
	max:        maxGeneric,
	exp:        expGeneric,
	expSum:     expSumGeneric,
	axpy:       axpyGeneric,
	scale:      scaleGeneric,
	add:        addGeneric,
	mul:        mulGeneric,
	mulAdd:     mulAddGeneric,
	swiglu:     swigluGeneric,
	swigluGrad: swigluGradGeneric,
	widenBF16:  widenBF16Generic,
	widenF16:   widenF16Generic,
	widen4:     widen4Generic,
}

// microGeneric computes rows×cols elements of C, at most mr×nr, from mr rows of A and nr columns of B, over a part of K of length k ≥ 1:
//
//	for i := range rows {
//		for j := range cols {
//			s := +0, or c[i*ldc+j] when add
//			for l := range k {
//				s = fma(a[i*ras+l*cas], b[l*ldb+j], s)
//			}
//			c[i*ldc+j] = s
//		}
//	}
//
// A's strides are free, so packed panels and matrices as they lie in memory, transposed or not, serve alike.
func microGeneric(rows, cols, k int, a []float32, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool) {
	for i := range rows {
		row := c[i*ldc:][:cols]
		if !add {
			clear(row)
		}
		for l := range k {
			x := a[i*ras+l*cas]
			for j, y := range b[l*ldb:][:cols] {
				row[j] = fma(x, y, row[j])
			}
		}
	}
}

// packGeneric writes a panel (see pack.go) of w whole rows:
//
//	for l := range k {
//		for i := range w {
//			dst[l*w+i] = src[i*ras+l*cas]
//		}
//	}
func packGeneric(dst []float32, w int, src []float32, ras, cas, k int) {
	for l := range k {
		row := dst[l*w:][:w]
		for i := range row {
			row[i] = src[i*ras+l*cas]
		}
	}
}

// packBF16Generic is packGeneric of bfloat16 numbers.
func packBF16Generic(dst []float32, w int, src []uint16, ras, cas, k int) {
	for l := range k {
		row := dst[l*w:][:w]
		for i := range row {
			row[i] = math.Float32frombits(uint32(src[i*ras+l*cas]) << 16)
		}
	}
}

// prefetchGeneric does nothing. Its twins have the cache fetch n bytes at p and in each of the following rows, stride bytes apart.
func prefetchGeneric(p unsafe.Pointer, stride, rows, n int) {}

// lanes are the accumulators of a reduction.
type lanes [16]float32

// sum adds the lanes as a tree.
func (s *lanes) sum() float32 {
	for h := 8; h > 0; h /= 2 {
		for l := range h {
			s[l] += s[l+h]
		}
	}
	return s[0]
}

// padded calls f with every group of 16 elements, the last one padded with zeros.
func padded(a []float32, f func(*[16]float32)) {
	for ; len(a) >= 16; a = a[16:] {
		f((*[16]float32)(a))
	}
	if len(a) > 0 {
		var last [16]float32
		copy(last[:], a)
		f(&last)
	}
}

func dotGeneric(a, b []float32) float32 {
	var s lanes
	i := 0
	padded(a, func(x *[16]float32) {
		var y [16]float32
		copy(y[:], b[i:])
		for l := range s {
			s[l] = fma(x[l], y[l], s[l])
		}
		i += 16
	})
	return s.sum()
}

func sumGeneric(a []float32) float32 {
	var s lanes
	padded(a, func(x *[16]float32) {
		for l := range s {
			s[l] += x[l]
		}
	})
	return s.sum()
}

func maxGeneric(a []float32) float32 {
	m := float32(math.Inf(-1))
	for _, x := range a {
		if x > m {
			m = x
		}
	}
	if m == 0 {
		return 0 // of -0 and +0, which are equal, the result does not depend on their order
	}
	return m
}

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

func axpyGeneric(dst []float32, a float32, x []float32) {
	for i, x := range x {
		dst[i] = fma(a, x, dst[i])
	}
}

func scaleGeneric(dst []float32, a float32) {
	for i := range dst {
		dst[i] *= a
	}
}

func addGeneric(dst, x []float32) {
	for i, x := range x {
		dst[i] += x
	}
}

func mulGeneric(dst, x []float32) {
	for i, x := range x {
		dst[i] *= x
	}
}

func mulAddGeneric(dst, a, b []float32) {
	for i := range dst {
		dst[i] = fma(a[i], b[i], dst[i])
	}
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

// widenBF16Generic sets dst to the bfloat16 numbers of src.
func widenBF16Generic(dst []float32, src []uint16) {
	for i, u := range src {
		dst[i] = math.Float32frombits(uint32(u) << 16)
	}
}

// widenF16Generic sets dst to the IEEE half-precision numbers of src.
func widenF16Generic(dst []float32, src []uint16) {
	for i, u := range src {
		dst[i] = half(u)
	}
}

// widen4Generic sets dst to the values that codes choose, times the scale. The first code is the upper half of codes[0].
func widen4Generic(dst []float32, codes []byte, values *[16]float32, scale float32) {
	for i := range dst {
		dst[i] = values[codes[i/2]>>(4-i%2*4)&15] * scale
	}
}

// half widens an IEEE half-precision number: 1 bit of sign, 5 of exponent, 10 of fraction.
func half(u uint16) float32 {
	sign := uint32(u&0x8000) << 16
	exp, frac := uint32(u>>10&31), uint32(u&1023)
	switch exp {
	case 0: // zero and subnormals: frac·2^-24
		return math.Float32frombits(math.Float32bits(float32(frac)*0x1p-24) | sign)
	case 31: // infinities and NaNs
		if frac != 0 {
			frac |= 512 // quiet
		}
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}
