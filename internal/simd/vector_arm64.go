package simd

// The kernels in assembly take whole groups of 4, 8 or 16 elements, as their names say; what is left is done here. A reduction is a step of its
// lanes, from what they hold on.

//go:noescape
func dot16NEON(s *lanes, a, b []float32)

//go:noescape
func max16NEON(a []float32) float32

//go:noescape
func axpy4NEON(dst []float32, a float32, x []float32)

//go:noescape
func scale4NEON(dst []float32, a float32)

//go:noescape
func add4NEON(dst, a, b []float32)

//go:noescape
func mul4NEON(dst, x []float32)

//go:noescape
func mulAdd4NEON(dst, a, b []float32)

//go:noescape
func rotate4NEON(a, b, cos, sin []float32, turn float32)

//go:noescape
func index16NEON(a []float32, x float32) int

//go:noescape
func adamw4NEON(w, g, m, v []float32, f *AdamW)

//go:noescape
func widenBF168NEON(dst []float32, src []uint16)

//go:noescape
func widenF168NEON(dst []float32, src []uint16)

//go:noescape
func widen4x16NEON(dst []float32, codes []byte, values *[16]float32, scale float32)

// padded16 returns fewer than 16 elements, and +0 after them.
func padded16(a []float32) (f [16]float32) {
	copy(f[:], a)
	return f
}

func dotNEON(a, b []float32) float32 {
	var s lanes
	n := len(a) &^ 15
	dot16NEON(&s, a[:n], b[:n])
	if n < len(a) {
		x, y := padded16(a[n:]), padded16(b[n:])
		dot16NEON(&s, x[:], y[:])
	}
	return s.sum()
}

func maxNEON(a []float32) float32 {
	n := len(a) &^ 15
	m := max16NEON(a[:n])
	for _, x := range a[n:] {
		if x > m {
			m = x
		}
	}
	if m == 0 {
		return 0
	}
	return m
}

func axpyNEON(dst []float32, a float32, x []float32) {
	n := len(dst) &^ 3
	axpy4NEON(dst[:n], a, x)
	axpyGeneric(dst[n:], a, x[n:])
}

func scaleNEON(dst []float32, a float32) {
	n := len(dst) &^ 3
	scale4NEON(dst[:n], a)
	scaleGeneric(dst[n:], a)
}

func addNEON(dst, x []float32) { addToNEON(dst, dst, x) }

func addToNEON(dst, a, b []float32) {
	n := len(dst) &^ 3
	add4NEON(dst[:n], a, b)
	addToGeneric(dst[n:], a[n:], b[n:])
}

func mulNEON(dst, x []float32) {
	n := len(dst) &^ 3
	mul4NEON(dst[:n], x)
	mulGeneric(dst[n:], x[n:])
}

func mulAddNEON(dst, a, b []float32) {
	n := len(dst) &^ 3
	mulAdd4NEON(dst[:n], a, b)
	mulAddGeneric(dst[n:], a[n:], b[n:])
}

func rotateNEON(a, b, cos, sin []float32, turn float32) {
	n := len(a) &^ 3
	rotate4NEON(a[:n], b, cos, sin, turn)
	rotateGeneric(a[n:], b[n:], cos[n:], sin[n:], turn)
}

func indexNEON(a []float32, x float32) int {
	n := index16NEON(a[:len(a)&^15], x)
	if i := indexGeneric(a[n:], x); i >= 0 {
		return n + i
	}
	return -1
}

func adamwNEON(w, g, m, v []float32, f *AdamW) {
	n := len(w) &^ 3
	adamw4NEON(w[:n], g, m, v, f)
	adamwGeneric(w[n:], g[n:], m[n:], v[n:], f)
}

func widenBF16NEON(dst []float32, src []uint16) {
	n := len(src) &^ 7
	widenBF168NEON(dst[:n], src)
	widenBF16Generic(dst[n:], src[n:])
}

func widenF16NEON(dst []float32, src []uint16) {
	n := len(src) &^ 7
	widenF168NEON(dst[:n], src)
	widenF16Generic(dst[n:], src[n:])
}

func widen4NEON(dst []float32, codes []byte, values *[16]float32, scale float32) {
	n := len(dst) &^ 15
	widen4x16NEON(dst[:n], codes, values, scale)
	widen4Generic(dst[n:], codes[n/2:], values, scale)
}
