package activation

import "github.com/steelyard-ml/steelyard/internal/simd"

// SoftCap turns x into cap·tanh(x/cap) (Gemma 2), and, where slopes is not nil, sets it to the derivative 1 − tanh²(x/cap).
func SoftCap(x []float32, cap float32, slopes []float32) { simd.SoftCap(x, slopes, cap) }
