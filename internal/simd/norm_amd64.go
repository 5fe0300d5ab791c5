package simd

//go:noescape
func sum64AVX2(a []float32) float64

//go:noescape
func sum64AVX512(a []float32) float64

//go:noescape
func sumSqAVX2(a []float32, mean float64) float64

//go:noescape
func sumSqAVX512(a []float32, mean float64) float64

//go:noescape
func normalizeAVX2(y, x, g, b []float32, plus, mean, r float64)

//go:noescape
func normalizeAVX512(y, x, g, b []float32, plus, mean, r float64)

//go:noescape
func normSumsAVX2(u, x, g, dg, db []float32, plus, mean, r float32) (sum, dot float32)

//go:noescape
func normSumsAVX512(u, x, g, dg, db []float32, plus, mean, r float32) (sum, dot float32)

//go:noescape
func normGradAVX2(dx, u, x []float32, r, shift, slope, mean float32, add bool)

//go:noescape
func normGradAVX512(dx, u, x []float32, r, shift, slope, mean float32, add bool)
