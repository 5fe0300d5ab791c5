package simd

//go:noescape
func expAVX2(dst, src []float32)

//go:noescape
func expAVX512(dst, src []float32)

//go:noescape
func expSumAVX2(dst, src []float32, max float32) float32

//go:noescape
func expSumAVX512(dst, src []float32, max float32) float32

//go:noescape
func softmaxStepAVX512(s []float32, n int, seen []Range, top, sum, acc []float32, d int)

//go:noescape
func expScaleAVX2(dst, src []float32, max, scale float32)

//go:noescape
func expScaleAVX512(dst, src []float32, max, scale float32)

//go:noescape
func expMomentsAVX2(dst, src []float32, max float32) (sum float32, dot, square float64)

//go:noescape
func expMomentsAVX512(dst, src []float32, max float32) (sum float32, dot, square float64)

//go:noescape
func softmaxGradAVX2(p, ds, s []float32, lse, delta float32)

//go:noescape
func softmaxGradAVX512(p, ds, s []float32, lse, delta float32)

//go:noescape
func swigluAVX2(dst, gate, up []float32)

//go:noescape
func swigluAVX512(dst, gate, up []float32)

//go:noescape
func swigluGradAVX2(dgate, dup, dout, gate, up []float32)

//go:noescape
func swigluGradAVX512(dgate, dup, dout, gate, up []float32)

//go:noescape
func siluAVX2(y, x []float32)

//go:noescape
func siluAVX512(y, x []float32)

//go:noescape
func siluGradAVX2(y, slope, x []float32)

//go:noescape
func siluGradAVX512(y, slope, x []float32)

//go:noescape
func geluTanhAVX2(y, x []float32)

//go:noescape
func geluTanhAVX512(y, x []float32)

//go:noescape
func geluTanhGradAVX2(y, slope, x []float32)

//go:noescape
func geluTanhGradAVX512(y, slope, x []float32)

//go:noescape
func geluAVX2(y, x []float32)

//go:noescape
func geluAVX512(y, x []float32)

//go:noescape
func geluGradAVX2(y, slope, x []float32)

//go:noescape
func geluGradAVX512(y, slope, x []float32)

//go:noescape
func softCapAVX2(x, slopes []float32, cap float32)

//go:noescape
func softCapAVX512(x, slopes []float32, cap float32)
