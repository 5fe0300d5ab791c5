package simd

//go:noescape
func dotAVX2(a, b []float32) float32

//go:noescape
func dotAVX512(a, b []float32) float32

//go:noescape
func maxAVX2(a []float32) float32

//go:noescape
func maxAVX512(a []float32) float32

//go:noescape
func axpyAVX2(dst []float32, a float32, x []float32)

//go:noescape
func axpyAVX512(dst []float32, a float32, x []float32)

//go:noescape
func scaleAVX2(dst []float32, a float32)

//go:noescape
func scaleAVX512(dst []float32, a float32)

//go:noescape
func addAVX2(dst, x []float32)

//go:noescape
func addAVX512(dst, x []float32)

//go:noescape
func addToAVX2(dst, a, b []float32)

//go:noescape
func addToAVX512(dst, a, b []float32)

//go:noescape
func mulAVX2(dst, x []float32)

//go:noescape
func mulAVX512(dst, x []float32)

//go:noescape
func mulAddAVX2(dst, a, b []float32)

//go:noescape
func mulAddAVX512(dst, a, b []float32)

//go:noescape
func rotateAVX2(a, b, cos, sin []float32, turn float32)

//go:noescape
func rotateAVX512(a, b, cos, sin []float32, turn float32)

//go:noescape
func indexAVX2(a []float32, x float32) int

//go:noescape
func indexAVX512(a []float32, x float32) int

//go:noescape
func adamwAVX2(w, g, m, v []float32, f *AdamW)

//go:noescape
func adamwAVX512(w, g, m, v []float32, f *AdamW)

//go:noescape
func widenBF16x8AVX2(dst []float32, src []uint16)

//go:noescape
func widenBF16AVX512(dst []float32, src []uint16)

//go:noescape
func widenF16x8AVX2(dst []float32, src []uint16)

//go:noescape
func widenF16AVX512(dst []float32, src []uint16)

//go:noescape
func widen4x8AVX2(dst []float32, codes []byte, values *[16]float32, scale float32)

//go:noescape
func widen4AVX512(dst []float32, codes []byte, values *[16]float32, scale float32)

func widenBF16AVX2(dst []float32, src []uint16) {
	n := len(src) &^ 7
	widenBF16x8AVX2(dst[:n], src[:n])
	widenBF16Generic(dst[n:], src[n:])
}

func widenF16AVX2(dst []float32, src []uint16) {
	n := len(src) &^ 7
	widenF16x8AVX2(dst[:n], src[:n])
	widenF16Generic(dst[n:], src[n:])
}

func widen4AVX2(dst []float32, codes []byte, values *[16]float32, scale float32) {
	n := len(dst) &^ 7
	widen4x8AVX2(dst[:n], codes[:n/2], values, scale)
	widen4Generic(dst[n:], codes[n/2:], values, scale)
}
