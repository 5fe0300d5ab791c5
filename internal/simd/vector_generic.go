package simd

import "math"

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

func addToGeneric(dst, a, b []float32) {
	for i, a := range a {
		dst[i] = a + b[i]
	}
}

func rotateGeneric(a, b, cos, sin []float32, turn float32) {
	for i, c := range cos {
		s := turn * sin[i]
		x, y := a[i], b[i]
		a[i] = float32(x*c) - float32(y*s)
		b[i] = float32(y*c) + float32(x*s)
	}
}

func indexGeneric(a []float32, x float32) int {
	for i, v := range a {
		if v == x {
			return i
		}
	}
	return -1
}

func adamwGeneric(w, g, m, v []float32, f *AdamW) {
	for i := range w {
		gi := float32(g[i] * f.Scale)
		g[i] = 0
		mi := m[i] + float32(f.Blend1*(gi-m[i]))
		vi := float32(f.Beta2*v[i]) + float32(float32(f.Blend2*gi)*gi)
		m[i], v[i] = mi, vi
		denominator := float32(math.Sqrt(float64(vi)))/f.Root + f.Epsilon
		w[i] = float32(w[i]*f.Keep) + float32(f.Rate*mi)/denominator
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
